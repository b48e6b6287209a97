#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX 16384

/* One nonce for all connections: the client checks the answer, but need not hide the nonce. */
static const struct ws_handshake handshake = { .host = { "bench", 5 }, .target = { "/", 1 } };

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
    static const uint8_t mask[WS_MASK_LEN];
    static struct buf frame; /* keeps its memory */

    buf_clear(&frame);
    ws_client_frame(&frame, op, payload, mask);
    stream_write(&c->stream, buf_str(&frame));
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
    static struct http_reply reply;
    const char *why;
    int n = http_reply_parse(&c->answer, in, HEAD_MAX, &reply);

    if (n == 0)
        return 0;
    why = n < 0 ? "the answer is not HTTP" : ws_client_check(&handshake, &reply);
    if (why)
        give_up("handshake", why);
    c->upgraded = true;
    ws_decoder_init(&c->decoder);
    c->decoder.is_client = true;
    c->events->on_upgraded(c);
    return (size_t)n;
}

/* Collects a text that arrives in pieces. */
static void on_piece(struct client *c, const struct ws_event *ev)
{
    if (ev->last && buf_used(&c->text) == 0) {
        c->events->on_text(c, ev->payload);
        return;
    }
    buf_add_str(&c->text, ev->payload);
    if (!ev->last)
        return;
    c->events->on_text(c, buf_str(&c->text));
    buf_done(&c->text);
}

static size_t take_frame(struct client *c, char *p, size_t n)
{
    struct ws_event ev;
    int used = ws_decode(&c->decoder, p, n, UINT64_MAX, &ev);

    if (used < 0)
        give_up("frame", "the server broke the protocol");
    if (used == 0)
        return 0;
    switch (ev.op) {
    case WS_OP_TEXT: on_piece(c, &ev); break;
    case WS_OP_PING: send_frame(c, WS_OP_PONG, ev.payload); break;
    case WS_OP_PONG:
        if (c->events->on_pong)
            c->events->on_pong(c);
        break;
    default: give_up("frame", "the server sent a Close frame");
    }
    return (size_t)used;
}

static size_t take_all(struct client *c, char *p, size_t n)
{
    size_t used = 0, step;

    do {
        step = c->upgraded ? take_frame(c, p + used, n - used)
                           : take_answer(c, str_make(p + used, n - used));
        used += step;
    } while (step && used < n && !c->closing);
    return used;
}

static void on_data(struct stream *s, char *p, size_t n)
{
    struct client *c = client_of(s);
    bool is_kept = buf_used(&c->in) > 0; /* the bytes continue what was left */
    size_t used;

    if (is_kept)
        buf_add(&c->in, p, n);
    used = is_kept ? take_all(c, buf_head(&c->in), buf_used(&c->in)) : take_all(c, p, n);
    if (c->closing)
        return;
    if (is_kept)
        buf_consume(&c->in, used);
    else
        buf_add(&c->in, p + used, n - used);
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
    struct buf request = { 0 };

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c = (struct client){ .events = on };
    if (stream_connect(&c->stream, lp, (struct sockaddr *)&to, sizeof(to), &events) < 0)
        give_up("connect", strerror(errno));
    if (ws_client_request(&handshake, &request) < 0)
        abort();
    stream_write(&c->stream, buf_str(&request));
    buf_done(&request);
}

void client_close(struct client *c)
{
    c->closing = true;
    stream_reset_on_close(&c->stream);
    stream_close(&c->stream);
    buf_done(&c->in);
    buf_done(&c->text);
    if (c->events->on_closed)
        c->events->on_closed(c);
}
