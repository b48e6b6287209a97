#include "app/conn/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/sub/reader.h"
#include "app/sub/sub.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static void on_open(struct stream *s);
static void on_data(struct stream *s, char *p, size_t n);
static void on_end(struct stream *s, int err);
static void on_sent(struct stream *s, size_t sent);

static int on_preface(struct stream *s, const char *p, size_t n)
{
    return conn_proxy_step(container_of(s, struct conn, stream), p, n);
}

static const struct stream_events events = {
    .on_open = on_open,
    .on_preface = on_preface,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
};

static struct conn *conn_of(struct stream *s)
{
    return container_of(s, struct conn, stream);
}

static void on_handshake_timeout(struct timer *t)
{
    conn_close(container_of(t, struct conn, timer), METRIC_CLOSED_HANDSHAKE);
}

static void give_up(struct conn *c, int fd)
{
    conn_client_leave(c);
    close(fd);
    free(c);
}

void conn_open(struct worker *w, int fd, const struct sock_addr *peer, const struct listener *from)
{
    struct conn *c = mem_zalloc(sizeof(*c));

    c->worker = w;
    c->listener = from;
    c->link = c->peer = *peer;
    c->closed_as = METRIC_COUNT; /* not known yet */
    list_init(&c->subs);
    readers_init(c);
    if (!from->has_proxy_header && !conn_client_enter(c)) {
        give_up(c, fd);
        return;
    }
    if (stream_open(&c->stream, w->loop, fd, &events) < 0) {
        log_error("epoll_refused", LOG_N("fd", fd));
        give_up(c, fd);
        return;
    }
    if (from->has_proxy_header)
        stream_expect_preface(&c->stream);
    if (from->tls)
        stream_use_tls(&c->stream, from->tls, NULL);
    c->ref = worker_add(w, c);
    timer_init(&c->timer, on_handshake_timeout);
    loop_timer(w->loop, &c->timer, w->context->config->websocket_handshake_timeout * 1000);
}

static void on_reap(struct loop_task *task)
{
    free(container_of(task, struct conn, task));
}

static void log_close(const struct conn *c)
{
    char peer[SOCK_ADDR_TEXT];

    if (!log_enabled(LOG_DEBUG))
        return;
    sock_addr_format(&c->peer, peer);
    log_debug("disconnected", LOG_N("worker", c->worker->index), LOG_N("slot", c->ref.slot),
              LOG_Z("peer", peer), LOG_N("code", c->close_code));
}

void conn_forget_auth(struct conn *c)
{
    if (c->auth != c->worker->everybody)
        auth_free(c->auth);
    c->auth = NULL;
}

void conn_forget_cors(struct conn *c)
{
    if (c->cors)
        shared_unref(&c->cors->shared);
    c->cors = NULL;
}

void conn_close(struct conn *c, enum metric reason)
{
    struct worker *w = c->worker;

    if (c->state == CONN_DEAD)
        return;
    c->state = CONN_DEAD; /* first: what follows must not send */
    log_close(c);
    if (!c->listener->is_internal)
        metrics_inc(w->metrics, c->closed_as == METRIC_COUNT ? reason : c->closed_as);
    sub_close_all(c);
    readers_end(c);
    if (c->batch)
        w->context->service->go_on(c);
    timer_stop(&c->timer);
    stream_close(&c->stream);
    output_changed(w);
    worker_remove(w, c->ref);
    if (list_linked(&c->throttled))
        list_remove(&c->throttled);
    buf_done(&c->in);
    buf_done(&c->message);
    free(c->post);
    conn_client_leave(c);
    conn_forget_auth(c);
    conn_forget_cors(c);
    loop_cancel(&c->task);
    c->task.fn = on_reap;
    loop_reap_later(w->loop, &c->task);
}

void conn_set_timer(struct conn *c, timer_fn *fn, uint64_t after_ms)
{
    timer_stop(&c->timer);
    timer_init(&c->timer, fn);
    loop_timer(c->worker->loop, &c->timer, after_ms);
}

/* An exp may be too far away to count in ms. */
static uint64_t until_expiry_ms(const struct conn *c)
{
    uint64_t expires = auth_expires(c->auth);
    uint64_t now_ms = clock_wall_ms();

    if (expires == 0 || expires > UINT64_MAX / 1000)
        return UINT64_MAX;
    return expires * 1000 > now_ms ? expires * 1000 - now_ms : 0;
}

void conn_set_ping_timer(struct conn *c, timer_fn *fn)
{
    uint64_t ping_ms = c->worker->context->config->ping_interval * 1000;
    uint64_t expiry_ms = until_expiry_ms(c);

    conn_set_timer(c, fn, expiry_ms < ping_ms ? expiry_ms : ping_ms);
}

bool conn_token_expired(const struct conn *c)
{
    uint64_t expires = auth_expires(c->auth);

    return expires && clock_wall_ms() / 1000 >= expires;
}

/* Behind the peer's Close there is nothing to read. */
static bool is_reading(const struct conn *c)
{
    return c->state == CONN_HTTP || c->state == CONN_BODY || c->state == CONN_WS ||
           c->state == CONN_CLOSING || (c->state == CONN_LEAVING && !c->peer_closed);
}

static bool is_throttled(const struct conn *c)
{
    return list_linked(&c->throttled);
}

static bool is_beyond_bounds(const struct conn *c)
{
    size_t quarter = c->worker->context->config->max_output_queue / 4;

    return c->n_pending >= CONN_MAX_PENDING || c->worker->pending_bytes > CONN_MAX_PENDING_BYTES ||
           stream_queued(&c->stream) + c->collected + c->expected > 3 * quarter;
}

static bool is_well_within_bounds(const struct conn *c)
{
    size_t half = c->worker->context->config->max_output_queue / 2;

    return c->n_pending < CONN_MAX_PENDING / 2 &&
           c->worker->pending_bytes <= CONN_MAX_PENDING_BYTES / 2 &&
           stream_queued(&c->stream) + c->expected < half;
}

static bool may_read_on(const struct conn *c)
{
    if (c->state == CONN_WAITING)
        return false;
    return c->state != CONN_WS || is_well_within_bounds(c);
}

/* TCP is the back-pressure: the client's requests wait in its kernel. */
static void throttle(struct conn *c)
{
    if (is_throttled(c))
        return;
    list_push(&c->worker->throttled, &c->throttled);
    stream_pause(&c->stream);
}

static void await_answers(struct conn *c)
{
    if (c->state == CONN_WS)
        metrics_inc(c->worker->metrics, METRIC_READS_PAUSED);
    throttle(c);
}

static size_t step(struct conn *c, char *p, size_t n)
{
    switch (c->state) {
    case CONN_HTTP: return conn_http_step(c, p, n);
    case CONN_BODY: return http_post_step(c, p, n);
    default: return conn_ws_step(c, p, n);
    }
}

/* Must what comes next wait? */
static bool is_to_be_throttled(const struct conn *c)
{
    return c->state == CONN_WAITING || c->batch || (c->state == CONN_WS && is_beyond_bounds(c));
}

/* Understands as much of the input as there is; returns the bytes used. */
static size_t consume(struct conn *c, char *p, size_t n)
{
    size_t used = 0;

    while (used < n && is_reading(c) && !is_throttled(c)) {
        size_t n_step = step(c, p + used, n - used);

        if (n_step == 0)
            break;
        used += n_step;
        if (is_to_be_throttled(c) && !is_throttled(c))
            await_answers(c);
    }
    return is_reading(c) || c->state == CONN_WAITING ? used : n;
}

/* What was left over from before stands in c->in; usually that is nothing, and the bytes are
 * understood where they were read. */
static void on_input(struct conn *c, char *p, size_t n)
{
    bool had_rest = buf_used(&c->in) > 0;
    size_t used;

    if (had_rest) {
        buf_add(&c->in, p, n);
        p = buf_head(&c->in);
        n = buf_used(&c->in);
    }
    used = consume(c, p, n);
    if (c->state == CONN_LINGER || c->state == CONN_DEAD)
        return; /* closing gave the buffers back */
    if (had_rest)
        buf_consume(&c->in, used);
    else if (used < n)
        buf_add(&c->in, p + used, n - used);
    if (buf_used(&c->in) == 0)
        buf_done(&c->in);
}

static void on_data(struct stream *s, char *p, size_t n)
{
    struct conn *c = conn_of(s);

    metrics_add(c->worker->metrics, METRIC_BYTES_IN, (int64_t)n);
    if (!is_reading(c))
        return;
    c->last_heard_ms = loop_now(c->worker->loop);
    on_input(c, p, n);
}

/* Only with TLS: the handshake is over. */
static void on_open(struct stream *s)
{
    metrics_inc(conn_of(s)->worker->metrics,
                stream_was_resumed(s) ? METRIC_TLS_RESUMED : METRIC_TLS_FULL);
}

static enum metric reason_of(const struct stream *s, int err)
{
    if (err == 0)
        return METRIC_CLOSED_CLIENT;
    if (err == ETIMEDOUT)
        return METRIC_CLOSED_TIMEOUT;
    return stream_is_handshaking(s) ? METRIC_CLOSED_TLS : METRIC_CLOSED_ERROR;
}

static void log_failure(const struct conn *c, int err)
{
    char peer[SOCK_ADDR_TEXT];

    if (!log_enabled(LOG_DEBUG))
        return;
    sock_addr_format(&c->peer, peer);
    log_debug("connection_failed", LOG_Z("peer", peer), LOG_Z("why", stream_why(&c->stream, err)));
}

static void on_end(struct stream *s, int err)
{
    struct conn *c = conn_of(s);

    if (err)
        log_failure(c, err);
    else
        stream_flush(s); /* a client that only half-closed still gets its answers */
    conn_close(c, reason_of(s, err));
}

static void on_sent(struct stream *s, size_t sent)
{
    struct conn *c = conn_of(s);

    metrics_add(c->worker->metrics, METRIC_BYTES_OUT, (int64_t)sent);
    metrics_inc(c->worker->metrics, METRIC_SENDS);
    output_changed(c->worker);
    if (c->state == CONN_LINGER) {
        conn_linger_on(c);
        return;
    }
    if (is_throttled(c))
        c->last_heard_ms = loop_now(c->worker->loop); /* it reads, though we do not */
    if ((is_throttled(c) || readers_wait(c)) && !conn_is_half_full(c))
        conn_settle(c);
}

void conn_yield(struct conn *c)
{
    throttle(c);
    conn_settle(c);
}

bool conn_must_wait(struct conn *c)
{
    if (!is_beyond_bounds(c))
        return false;
    conn_settle(c); /* what was collected does not get less by itself */
    return true;
}

static void unthrottle(struct conn *c)
{
    if (c->batch)
        c->worker->context->service->go_on(c);
    if (c->batch)
        return;
    list_remove(&c->throttled);
    c->last_heard_ms = loop_now(c->worker->loop); /* we did not listen */
    stream_resume(&c->stream);
    on_input(c, NULL, 0);
}

/* What may close connections, end subscriptions or read requests happens here, at the end of the
 * turn, and never in the middle of a match, a delivery or an answer. */
static void on_settle(struct loop_task *task)
{
    struct conn *c = container_of(task, struct conn, task);

    if (c->overflowed && c->state <= CONN_LEAVING) /* else it has been told */
        conn_drop_output(c, METRIC_CLOSED_SLOW);
    else if (c->n_pending == 0)
        conn_ws_on_idle(c);
    if (is_throttled(c) && may_read_on(c))
        unthrottle(c);
    if (c->state != CONN_DEAD)
        readers_pump(c);
}

void conn_settle(struct conn *c)
{
    if (c->state == CONN_DEAD)
        return;
    c->task.fn = on_settle;
    loop_at_end(c->worker->loop, &c->task);
}

void conn_call_began(struct conn *c, size_t bytes)
{
    c->n_pending++;
    c->worker->pending_bytes += bytes;
}

void conn_call_ended(struct worker *w, struct conn *c, size_t bytes)
{
    bool was_full = w->pending_bytes > CONN_MAX_PENDING_BYTES / 2;

    assert(w->pending_bytes >= bytes);
    w->pending_bytes -= bytes;
    if (c) {
        c->n_pending--;
        conn_settle(c);
    }
    if (!was_full || w->pending_bytes > CONN_MAX_PENDING_BYTES / 2)
        return;
    list_for_each(link, &w->throttled) conn_settle(container_of(link, struct conn, throttled));
}
