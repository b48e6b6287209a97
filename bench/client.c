#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ws.h"

#define HANDSHAKE                                                                                  \
    "GET / HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"               \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static struct client *client_of(struct stream *s)
{
    return container_of(s, struct client, stream);
}

/* ---- out ---- */

/* The mask is zero. Unmasking costs the server as much as with any other mask. */
static void send_frame(struct client *c, enum ws_opcode op, struct str payload)
{
    static const char mask[4];
    char head[WS_HEAD_MAX + sizeof(mask)];
    size_t n = ws_encode_head(head, op, payload.n);

    head[1] = (char)(head[1] | 0x80);
    memcpy(head + n, mask, sizeof(mask));
    stream_write(&c->stream, str_make(head, n + sizeof(mask)));
    stream_write(&c->stream, payload);
}

void client_send(struct client *c, struct str text)
{
    send_frame(c, WS_OP_TEXT, text);
}

void client_ping(struct client *c)
{
    send_frame(c, WS_OP_PING, STR(""));
}

/* ---- in ---- */

static size_t take_answer(struct client *c, struct str in)
{
    static const char end[] = "\r\n\r\n";
    const char *body = memmem(in.p, in.n, end, 4);

    if (!body)
        return 0;
    if (!str_starts_with(in, STR("HTTP/1.1 101 ")))
        give_up("handshake", "the answer is not 101");
    c->upgraded = true;
    c->events->on_upgraded(c);
    return (size_t)(body - in.p) + 4;
}

/* Returns the size of the frame at the start of `in`, and its payload. 0: it is incomplete. */
static size_t frame_payload(struct str in, struct str *ret)
{
    const uint8_t *p = (const uint8_t *)in.p;
    size_t head = 2, n;

    if (in.n < 2)
        return 0;
    n = p[1];
    if (n >= 126) {
        head = n == 126 ? 4 : 10;
        if (in.n < head)
            return 0;
        n = 0;
        for (size_t i = 2; i < head; i++)
            n = n << 8 | p[i];
    }
    if (in.n - head < n)
        return 0;
    *ret = str_make(in.p + head, n);
    return head + n;
}

static size_t take_frame(struct client *c, struct str in)
{
    struct str payload;
    size_t n = frame_payload(in, &payload);

    if (n == 0)
        return 0;
    switch ((enum ws_opcode)(in.p[0] & 0xf)) {
    case WS_OP_TEXT: c->events->on_text(c, payload); break;
    case WS_OP_PING: send_frame(c, WS_OP_PONG, payload); break;
    case WS_OP_PONG:
        if (c->events->on_pong)
            c->events->on_pong(c);
        break;
    default: give_up("frame", "the server sent a Close frame");
    }
    return n;
}

static size_t take_all(struct client *c, struct str in)
{
    size_t used = 0, n;

    do {
        struct str rest = str_skip(in, used);

        n = c->upgraded ? take_frame(c, rest) : take_answer(c, rest);
        used += n;
    } while (n && used < in.n && !c->closing);
    return used;
}

static void on_data(struct stream *s, char *p, size_t n)
{
    struct client *c = client_of(s);

    if (buf_used(&c->in)) {
        buf_add(&c->in, p, n);
        buf_consume(&c->in, take_all(c, buf_str(&c->in)));
    } else {
        size_t used = take_all(c, str_make(p, n));

        buf_add(&c->in, p + used, n - used);
    }
    if (buf_used(&c->in) == 0)
        buf_done(&c->in);
}

static void on_end(struct stream *s, int err)
{
    if (!client_of(s)->events->may_be_dropped)
        give_up("connection", err ? strerror(err) : "closed by the server");
    stream_close(s);
}

/* ---- open and close ---- */

static const struct stream_events events = { .on_data = on_data, .on_end = on_end };

void client_open(struct client *c, struct loop *lp, uint16_t port, const struct client_events *on)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c = (struct client){ .events = on };
    if (stream_connect(&c->stream, lp, (struct sockaddr *)&to, sizeof(to), &events) < 0)
        give_up("connect", strerror(errno));
    stream_write(&c->stream, STR(HANDSHAKE));
}

void client_close(struct client *c)
{
    c->closing = true;
    stream_reset_on_close(&c->stream);
    stream_close(&c->stream);
    buf_done(&c->in);
    if (c->events->on_closed)
        c->events->on_closed(c);
}
