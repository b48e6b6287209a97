/* conn_ws.c - frames in, messages out, pings, and the closing handshake (RFC 6455 section 7).
 *
 * Either side may begin to close. When the client does, its Close is answered after the requests
 * that it sent before (LEAVING). When we do (a violation, an expired token, the drain of the
 * server), we send Close and wait CONN_LINGER_MS for the client's (CLOSING). Either way the
 * connection then lingers.
 */
#include "app/conn/conn_ws.h"

#include "app/conn/compression.h"
#include "app/conn/conn_input.h"
#include "app/conn/conn_output.h"
#include "app/conn/conn_ping.h"
#include "base/log.h"

/* ---- output ---- */

static void send_control(struct conn *c, enum ws_opcode op, struct str payload)
{
    char frame[WS_HEAD_MAX + WS_CONTROL_MAX];
    size_t n = ws_encode_head(frame, op, payload.n);
    struct bytes *copy;

    if (payload.n)
        memcpy(frame + n, payload.p, payload.n);
    copy = bytes_copy(str_make(frame, n + payload.n));
    (void)conn_send(c, STR(""), &copy->shared, bytes_str(copy)); /* overflow ends the connection */
    shared_unref(&copy->shared);
}

/* Returns the compressed message; NULL: the message is sent as it is. */
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
    /* overflow ends the connection */
    (void)conn_send(c, str_make(head, n), &payload->shared, bytes_str(payload));
    shared_unref(&payload->shared);
    if (deflated)
        shared_unref(&message->shared);
}

/* ---- closing ---- */

/* Ends a connection whose client did not answer Close in time. If it has taken all output, it needs
 * no more time to see the end. */
static void on_close_timeout(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    conn_linger(c, c->closed_as);
    stream_flush(&c->stream);
    if (stream_queued(&c->stream) == 0)
        conn_close(c, c->closed_as);
}

static void send_close(struct conn *c, int code, const char *why)
{
    char frame[2 + WS_CONTROL_MAX];
    size_t n = ws_encode_close(frame, code, str_of(why));
    struct bytes *copy = bytes_copy(str_make(frame, n));

    stream_send(&c->stream, STR(""), &copy->shared, bytes_str(copy)); /* even above the limit */
    shared_unref(&copy->shared);
}

static void on_close(struct conn *c)
{
    if (c->worker->context->service->on_close)
        c->worker->context->service->on_close(c);
}

/* Sends Close at once, ends the subscriptions, and waits a moment for the client's Close. */
static void close_now(struct conn *c, int code, const char *why, enum metric reason)
{
    if (c->state > CONN_LEAVING)
        return;
    if (c->closed_as == METRIC_COUNT)
        c->closed_as = reason;
    on_close(c);
    send_close(c, code, why);
    c->close_code = (uint16_t)code;
    c->state = CONN_CLOSING;
    buf_done(&c->message);
    if (c->peer_closed)
        conn_linger(c, reason);
    else
        conn_set_timer(c, on_close_timeout, CONN_LINGER_MS);
}

static void on_leave_timeout(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    close_now(c, c->close_code, "", c->closed_as);
}

#define ANSWER_WAY_MS 250 /* for the broker's answer: it checks deadlines only now and then */

/* Returns how long to wait for answers: long enough for that of a request that fails at its
 * deadline. A drain may leave less time, and the Close must be sent within it. */
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
    if (c->state > CONN_LEAVING)
        return;
    if (c->state == CONN_OPEN) { /* the first reason to leave is the one that is sent */
        c->closed_as = reason;
        c->close_code = (uint16_t)code;
    }
    if (c->n_pending == 0) {
        close_now(c, c->close_code, "", c->closed_as);
        return;
    }
    c->state = CONN_LEAVING;
    conn_set_timer(c, on_leave_timeout, leave_ms(c));
}

static void on_idle(struct conn *c)
{
    if (c->state == CONN_LEAVING)
        close_now(c, c->close_code, "", c->closed_as);
}

static void on_overflow(struct conn *c, enum metric reason)
{
    c->closed_as = reason;
    close_now(c, WS_CLOSE_TRY_AGAIN, "output queue full", reason);
}

static void on_drain(struct conn *c, bool is_late)
{
    (void)is_late; /* leave_ms allows for it */
    conn_ws_leave(c, WS_CLOSE_GOING_AWAY, METRIC_CLOSED_DRAIN);
    conn_settle(c); /* drops the requests of a batch that still wait */
}

static void on_disconnect(struct conn *c, const char *why)
{
    close_now(c, WS_CLOSE_POLICY, why, METRIC_CLOSED_OPERATOR);
}

/* ---- pings ---- */

/* Reports whether the client's silence is not its fault: we do not read, and not because of its own
 * full queue. */
static bool is_excused(const struct conn *c)
{
    return list_linked(&c->throttled) && !conn_is_half_full(c);
}

#define UNFINISHED_MOST 2 /* pings */

/* Called at each ping. Reports whether a message has been unfinished for too long: a client that
 * sends a byte now and then is alive, but it must not make us hold the message forever. */
static bool is_message_stalled(struct conn *c)
{
    bool is_theirs = !ws_decoder_is_idle(&c->ws) && !list_linked(&c->throttled);

    c->unfinished = is_theirs ? (uint8_t)(c->unfinished + 1) : 0;
    return c->unfinished > UNFINISHED_MOST;
}

/* Returns how long the client may still be silent: two intervals since it was last heard. 0: it was
 * silent for too long. */
static uint64_t patience_ms(const struct conn *c)
{
    uint64_t most_ms = 2 * conn_ping_interval_ms(c);
    uint64_t silent_ms = loop_now(c->worker->loop) - c->last_heard_ms;

    if (is_excused(c))
        return most_ms;
    return silent_ms < most_ms ? most_ms - silent_ms : 0;
}

/* Returns the time until the next ping; 0: it is due. */
static uint64_t until_ping_ms(const struct conn *c)
{
    uint32_t left_ms = c->ping_at_ms - (uint32_t)loop_now(c->worker->loop);

    return left_ms <= conn_ping_interval_ms(c) ? left_ms : 0;
}

static void plan_ping(struct conn *c)
{
    c->ping_at_ms = (uint32_t)(loop_now(c->worker->loop) + conn_ping_interval_ms(c));
}

/* Called at the next ping, or when the client will have been silent for too long: whichever comes
 * first. */
static void on_ping_timer(struct timer *t);

static void start_ping_timer(struct conn *c)
{
    uint64_t ping_ms = until_ping_ms(c);
    uint64_t silence_ms = patience_ms(c);

    conn_ping_timer(c, on_ping_timer, ping_ms < silence_ms ? ping_ms : silence_ms);
}

static void on_ping_timer(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);
    struct bytes *ping = (struct bytes *)c->worker->ping;
    bool is_ping_due = until_ping_ms(c) == 0;

    if (conn_ping_token_expired(c)) {
        close_now(c, WS_CLOSE_POLICY, "token expired", METRIC_CLOSED_EXPIRED);
        return;
    }
    if (patience_ms(c) == 0) {
        conn_close(c, METRIC_CLOSED_TIMEOUT);
        return;
    }
    if (is_ping_due && is_message_stalled(c)) {
        close_now(c, WS_CLOSE_POLICY, "message not finished", METRIC_CLOSED_STALLED);
        return;
    }
    if (is_ping_due) {
        (void)conn_send(c, STR(""), &ping->shared, bytes_str(ping));
        plan_ping(c);
    }
    start_ping_timer(c);
}

void conn_ws_set_auth(struct conn *c, struct auth *auth)
{
    conn_forget_auth(c);
    c->auth = auth;
    plan_ping(c);
    start_ping_timer(c);
}

/* ---- input ---- */

static enum metric reason_of(int code)
{
    return code == WS_CLOSE_TOO_BIG ? METRIC_CLOSED_TOO_BIG : METRIC_CLOSED_PROTOCOL;
}

static const char *why_of(int code)
{
    switch (code) {
    case WS_CLOSE_UNSUPPORTED: return "text frames only";
    case WS_CLOSE_BAD_DATA: return "text must be UTF-8 and, if compressed, inflate";
    case WS_CLOSE_TOO_BIG: return "message larger than MAX_MESSAGE_SIZE";
    default: return "malformed frame";
    }
}

/* Ends the connection after a violation, since the bytes that follow cannot be understood. Binary
 * messages are logged by default: they are a mistake in an application, which its authors should
 * find. */
static void on_violation(struct conn *c, int code)
{
    char peer[SOCK_ADDR_TEXT];

    if (c->state != CONN_CLOSING) {
        sock_addr_format(&c->client.addr, peer);
        log_at(code == WS_CLOSE_UNSUPPORTED ? LOG_INFO : LOG_DEBUG, "ws_violation",
               LOG_Z("peer", peer), LOG_N("code", code), LOG_Z("why", why_of(code)));
        close_now(c, code, why_of(code), reason_of(code));
    }
    conn_linger(c, reason_of(code));
}

/* Handles the client's Close, which ends a closing handshake that we began, or begins one. */
static void on_close_frame(struct conn *c, int code)
{
    c->peer_closed = true;
    if (c->state == CONN_CLOSING)
        conn_linger(c, c->closed_as);
    else
        conn_ws_leave(c, code, METRIC_CLOSED_CLIENT);
}

/* Handles a whole message. */
static void on_message(struct conn *c, const struct ws_event *ev, struct str payload)
{
    const struct ws_service *service = c->worker->context->service;
    struct compression *z = c->worker->compression;
    struct buf text = { 0 };
    int rc = EH_OK;

    if (ev->compressed) {
        rc = compression_inflate(z, payload, ev->op == WS_OP_TEXT, &text);
        payload = buf_str(&text);
    }
    if (rc < 0) {
        on_violation(c, -rc);
    } else {
        metrics_inc(c->worker->metrics, METRIC_MESSAGES_IN);
        service->on_message(c, ev->op, payload);
    }
    if (ev->compressed && compression_had_its_share(z) && c->state == CONN_OPEN)
        conn_yield(c);
    buf_done(&text);
}

/* Handles a piece of a message. A message in one piece is handled where it was read; one in several
 * pieces is put together first. */
static void on_piece(struct conn *c, const struct ws_event *ev)
{
    if (c->state != CONN_OPEN)
        return;
    if (ev->last)
        c->unfinished = 0;
    if (buf_used(&c->message) == 0 && ev->last) {
        on_message(c, ev, ev->payload);
        return;
    }
    buf_add_str(&c->message, ev->payload);
    if (!ev->last)
        return;
    on_message(c, ev, buf_str(&c->message));
    buf_done(&c->message);
}

static size_t step(struct conn *c, char *p, size_t n)
{
    struct ws_event ev;
    int used = ws_decode(&c->ws, p, n, c->worker->context->config->max_message_size, &ev);

    if (used < 0) {
        on_violation(c, -used);
        return n;
    }
    if (used == 0)
        return 0;
    stream_ungate(&c->stream); /* no longer a newcomer */
    switch (ev.op) {
    case WS_OP_CLOSE: on_close_frame(c, ev.close_code); break;
    case WS_OP_PING: send_control(c, WS_OP_PONG, ev.payload); break; /* not after our Close */
    case WS_OP_PONG: break; /* it shows that the client is alive, which conn_input noted */
    default: on_piece(c, &ev); break;
    }
    return (size_t)used;
}

/* ---- the protocol ---- */

static void resume(struct conn *c)
{
    c->worker->context->service->resume(c); /* not NULL: only such a service opens a batch */
}

static void on_writable(struct conn *c)
{
    if (c->worker->context->service->on_writable)
        c->worker->context->service->on_writable(c);
}

static const struct conn_protocol protocol = {
    .step = step,
    .on_idle = on_idle,
    .on_writable = on_writable,
    .resume = resume,
    .on_overflow = on_overflow,
    .name = "websocket",
    .on_disconnect = on_disconnect,
    .on_drain = on_drain,
    .on_close = on_close,
    .is_bounded = true,
    .ends_with_token = true,
};

void conn_ws_begin(struct conn *c, struct auth *auth, uint8_t window_bits)
{
    c->protocol = &protocol;
    c->window_bits = window_bits;
    c->last_heard_ms = loop_now(c->worker->loop);
    stream_gate(&c->stream); /* still a newcomer: all of a crowd subscribe now */
    ws_decoder_init(&c->ws);
    c->ws.deflate = window_bits > 0;
    c->ws.binary = c->worker->context->service->takes_binary;
    conn_ws_set_auth(c, auth);
}
