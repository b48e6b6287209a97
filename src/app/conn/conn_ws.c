/* conn_ws.c - the WebSocket state of a connection: frames in, the closing handshake, pings. */
#include <stdlib.h>

#include "app/conn/compression.h"
#include "app/conn/conn.h"
#include "app/sub/sub.h"
#include "base/log.h"

static void send_control(struct conn *c, enum ws_opcode op, struct str payload)
{
    char frame[WS_HEAD_MAX + WS_CONTROL_MAX];
    size_t n = ws_encode_head(frame, op, payload.n);
    struct bytes *copy;

    if (payload.n)
        memcpy(frame + n, payload.p, payload.n);
    copy = bytes_copy(str_make(frame, n + payload.n));
    (void)conn_send(c, STR(""), &copy->shared, bytes_str(copy)); /* an overflow closes by itself */
    shared_unref(&copy->shared);
}

/* Then it is us who do not listen. One that does not read what it asked for has no such excuse. */
static bool waits_for_broker(const struct conn *c)
{
    return list_linked(&c->throttled) && !conn_is_half_full(c);
}

#define UNFINISHED_MOST 2

/* Asked at each ping. Whoever sends a byte now and then is alive, but shall not hold what came of a
 * message for ever. */
static bool is_message_stalled(struct conn *c)
{
    bool is_theirs = !ws_decoder_is_idle(&c->ws) && !list_linked(&c->throttled);

    c->unfinished = is_theirs ? (uint8_t)(c->unfinished + 1) : 0;
    return c->unfinished > UNFINISHED_MOST;
}

static void on_ping_timer(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);
    uint64_t silent_ms = loop_now(c->worker->loop) - c->last_heard_ms;
    struct bytes *ping = (struct bytes *)c->worker->ping;

    if (conn_token_expired(c)) {
        conn_ws_close(c, WS_CLOSE_POLICY, "token expired", METRIC_CLOSED_EXPIRED);
        return;
    }
    if (silent_ms >= 2 * c->worker->context->config->ping_interval * 1000 && !waits_for_broker(c)) {
        conn_close(c, METRIC_CLOSED_TIMEOUT);
        return;
    }
    if (is_message_stalled(c)) {
        conn_ws_close(c, WS_CLOSE_POLICY, "message not finished", METRIC_CLOSED_STALLED);
        return;
    }
    (void)conn_send(c, STR(""), &ping->shared, bytes_str(ping));
    conn_set_ping_timer(c, on_ping_timer);
}

static void on_leave_timeout(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    conn_ws_close(c, c->close_code, "", c->closed_as);
}

/* It had its time to answer Close. With nothing left to take it needs no more to see the end. */
static void on_close_timeout(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    conn_linger(c, c->closed_as);
    stream_flush(&c->stream);
    if (stream_queued(&c->stream) == 0)
        conn_close(c, c->closed_as);
}

void conn_ws_set_auth(struct conn *c, struct auth *auth)
{
    conn_forget_auth(c);
    c->auth = auth;
    conn_set_ping_timer(c, on_ping_timer);
}

void conn_ws_begin(struct conn *c, struct auth *auth, uint8_t window_bits)
{
    c->state = CONN_WS;
    c->window_bits = window_bits;
    c->last_heard_ms = loop_now(c->worker->loop);
    ws_decoder_init(&c->ws);
    c->ws.deflate = window_bits > 0;
    c->ws.binary = c->worker->context->service->binary;
    conn_ws_set_auth(c, auth);
}

/* NULL: it goes as it is. */
static struct bytes *deflate(const struct conn *c, const struct bytes *message)
{
    struct compression *z = c->worker->compression;

    if (!c->window_bits || !compression_is_for(z, message->n))
        return NULL;
    return compression_deflate(z, c->window_bits, STR(""), bytes_str(message), 1);
}

void conn_ws_send(struct conn *c, enum ws_opcode op, struct bytes *message)
{
    struct bytes *deflated = deflate(c, message);
    struct bytes *payload = deflated ? deflated : message;
    char head[WS_HEAD_MAX];
    size_t n = ws_encode_head(head, op, payload->n);

    if (deflated)
        ws_mark_compressed(head);
    /* an overflow closes by itself */
    (void)conn_send(c, str_make(head, n), &payload->shared, bytes_str(payload));
    shared_unref(&payload->shared);
    if (deflated)
        shared_unref(&message->shared);
}

static void send_close(struct conn *c, int code, const char *why)
{
    char frame[2 + WS_CONTROL_MAX];
    size_t n = ws_encode_close(frame, code, str_of(why));
    struct bytes *copy = bytes_copy(str_make(frame, n));

    stream_send(&c->stream, STR(""), &copy->shared, bytes_str(copy)); /* past the limit too */
    shared_unref(&copy->shared);
}

void conn_ws_close(struct conn *c, int code, const char *why, enum metric reason)
{
    if (c->state != CONN_WS && c->state != CONN_LEAVING)
        return;
    if (c->closed_as == METRIC_COUNT)
        c->closed_as = reason;
    sub_close_all(c);
    send_close(c, code, why);
    c->close_code = (uint16_t)code;
    c->state = CONN_CLOSING;
    buf_done(&c->message);
    if (c->peer_closed)
        conn_linger(c, reason);
    else
        conn_set_timer(c, on_close_timeout, CONN_LINGER_MS);
}

#define ANSWER_WAY_MS 250 /* from the broker, who looks at deadlines now and then, to here */

/* How long answers are waited for: a request that fails at its deadline still gets its answer. A
 * drain leaves less time, and must get its Close out. */
static uint64_t leave_ms(const struct conn *c)
{
    const struct worker *w = c->worker;
    uint64_t most = w->context->config->broker_timeout * 1000 + ANSWER_WAY_MS;
    uint64_t left =
        w->drain_until_ms > loop_now(w->loop) ? w->drain_until_ms - loop_now(w->loop) : 0;

    return w->draining && left < most ? left : most;
}

void conn_ws_leave(struct conn *c, int code, enum metric reason)
{
    if (c->state != CONN_WS && c->state != CONN_LEAVING)
        return;
    if (c->state == CONN_WS) { /* the first reason to leave is the one that is told */
        c->closed_as = reason;
        c->close_code = (uint16_t)code;
    }
    if (c->n_pending == 0) {
        conn_ws_close(c, c->close_code, "", c->closed_as);
        return;
    }
    c->state = CONN_LEAVING;
    conn_set_timer(c, on_leave_timeout, leave_ms(c));
}

void conn_ws_on_idle(struct conn *c)
{
    if (c->state == CONN_LEAVING)
        conn_ws_close(c, c->close_code, "", c->closed_as);
}

/* What it did not get yet is released at once, and it is told if it ever reads again. */
void conn_drop_output(struct conn *c, enum metric reason)
{
    stream_discard(&c->stream);
    if (c->state != CONN_WS && c->state != CONN_LEAVING) {
        conn_close(c, reason);
        return;
    }
    c->closed_as = reason;
    conn_ws_close(c, WS_CLOSE_TRY_AGAIN, "output queue full", reason);
}

static enum metric reason_of(int code)
{
    return code == WS_CLOSE_TOO_BIG ? METRIC_CLOSED_TOO_BIG : METRIC_CLOSED_PROTOCOL;
}

/* After a violation nothing that the peer sends can be understood any more. */
static void on_violation(struct conn *c, int code)
{
    char peer[SOCK_ADDR_TEXT];

    if (c->state != CONN_CLOSING) {
        sock_addr_format(&c->peer, peer);
        log_debug("ws_violation", LOG_Z("peer", peer), LOG_N("code", code));
        conn_ws_close(c, code, "", reason_of(code));
    }
    conn_linger(c, reason_of(code));
}

/* The peer's Close: the end of a handshake that we began, or the beginning of one. */
static void on_close_frame(struct conn *c, int code)
{
    c->peer_closed = true;
    if (c->state == CONN_CLOSING)
        conn_linger(c, c->closed_as);
    else
        conn_ws_leave(c, code, METRIC_CLOSED_CLIENT);
}

static void on_message(struct conn *c, enum ws_opcode op, struct str message)
{
    metrics_inc(c->worker->metrics, METRIC_MESSAGES_IN);
    c->worker->context->service->on_message(c, op, message);
}

static void on_compressed(struct conn *c, enum ws_opcode op, struct str payload)
{
    struct buf message = { 0 };
    int rc = compression_inflate(c->worker->compression, payload, op == WS_OP_TEXT, &message);

    if (rc < 0)
        on_violation(c, -rc);
    else
        on_message(c, op, buf_str(&message));
    if (compression_had_its_share(c->worker->compression) && c->state == CONN_WS)
        conn_yield(c);
    buf_done(&message);
}

static void on_whole(struct conn *c, const struct ws_event *ev, struct str payload)
{
    if (ev->compressed)
        on_compressed(c, ev->op, payload);
    else
        on_message(c, ev->op, payload);
}

/* A message in one piece is handled where it was read; one in several is put together first. */
static void on_piece(struct conn *c, const struct ws_event *ev)
{
    if (c->state != CONN_WS)
        return;
    if (ev->last)
        c->unfinished = 0;
    if (buf_used(&c->message) == 0 && ev->last) {
        on_whole(c, ev, ev->payload);
        return;
    }
    buf_add_str(&c->message, ev->payload);
    if (!ev->last)
        return;
    on_whole(c, ev, buf_str(&c->message));
    buf_done(&c->message);
}

static void on_event(struct conn *c, const struct ws_event *ev)
{
    switch (ev->op) {
    case WS_OP_CLOSE: on_close_frame(c, ev->close_code); break;
    case WS_OP_PING:
        send_control(c, WS_OP_PONG, ev->payload); /* unless our Close was the last word */
        break;
    case WS_OP_PONG: break; /* that it came is enough: conn_on_data noted it */
    default: on_piece(c, ev); break;
    }
}

size_t conn_ws_step(struct conn *c, char *p, size_t n)
{
    struct ws_event ev;
    int used = ws_decode(&c->ws, p, n, c->worker->context->config->max_message_size, &ev);

    if (used < 0) {
        on_violation(c, -used);
        return n;
    }
    if (used > 0)
        on_event(c, &ev);
    return (size_t)used;
}
