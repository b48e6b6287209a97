/* conn.c - the life of a connection, whatever protocol it speaks.
 *
 * Settling. A delivery or an answer may find that its connection must end or may read on. But its
 * caller is then in the middle of walking over subscriptions, or over the requests of a batch, and
 * would lose its place. So that code calls conn_settle, and on_settle acts at the end of the turn,
 * when no such walk is under way:
 *
 *     during the turn                         at its end, on_settle
 *     conn_send finds no room                 drops the output and the connection
 *     the last answer comes                   on_idle: a WebSocket that is leaving sends Close
 *     answers come, output is sent            reads on; asks for the next page of the log
 *
 * Ending. The states only go forward, and each is a promise about output:
 *
 *     OPEN <-> BUSY    everything may be sent (BUSY: no input is handled)
 *     LEAVING          answers to earlier requests are still sent
 *     CLOSING          our Close is in the queue; nothing may follow it
 *     LINGER           FIN follows the queue; closing at once could make the kernel send RST,
 *                      which makes the peer lose what it has not read yet
 *     DEAD             freed at the end of the turn, since callers may still hold a pointer
 *
 * Any state may go to DEAD directly. The protocols do the rest: this file knows none of them.
 */
#include "app/conn/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/conn/conn_input.h"
#include "app/conn/conn_output.h"
#include "app/conn/newcomers.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/proxy.h"

static void on_settle(struct loop_task *task);
static bool may_read(struct stream *s);
static int on_preface(struct stream *s, const char *p, size_t n);
static void on_open(struct stream *s);
static void on_data(struct stream *s, char *p, size_t n);
static void on_end(struct stream *s, int err);
static void on_sent(struct stream *s, size_t sent);

static const struct stream_events events = {
    .may_read = may_read,
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

/* ---- begin ---- */

static void on_request_timeout(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    if (c->protocol->on_timeout)
        c->protocol->on_timeout(c);
    else
        conn_close(c, METRIC_CLOSED_HANDSHAKE);
}

static void refuse(struct conn *c, int fd)
{
    conn_client_leave(&c->client, c->worker);
    close(fd);
    free(c);
}

static void count_open(const struct conn *c)
{
    struct worker *w = c->worker;

    if (c->client.is_internal) {
        w->n_internal++;
        return;
    }
    metrics_inc(w->metrics, METRIC_CONNECTIONS);
    metrics_inc(w->metrics, METRIC_CONNECTS);
}

void conn_open(struct worker *w, int fd, const struct sock_addr *peer, const struct listener *from,
               const struct conn_protocol *protocol)
{
    struct conn *c = mem_zalloc(sizeof(*c));

    c->worker = w;
    c->protocol = protocol;
    c->client = (struct conn_client){ *peer, *peer, .has_tls = from->tls != NULL,
                                      .is_internal = from->is_internal };
    c->since_s = (uint32_t)(clock_wall_ms() / 1000);
    c->closed_as = METRIC_COUNT;
    c->task.fn = on_settle;
    list_init(&c->subs);
    for (size_t i = 0; i < READER_KINDS; i++)
        list_init(&c->reader_queues[i].waiting);
    if (!from->has_proxy_header && !conn_client_enter(&c->client, w)) {
        refuse(c, fd);
        return;
    }
    if (stream_open(&c->stream, w->loop, fd, &events) < 0) {
        log_error("epoll_refused", LOG_N("fd", fd));
        refuse(c, fd);
        return;
    }
    if (!from->is_internal)
        stream_gate(&c->stream);
    if (from->has_proxy_header)
        stream_expect_preface(&c->stream);
    if (from->tls)
        stream_use_tls(&c->stream, from->tls, NULL);
    c->ref = conn_table_add(&w->conns, c);
    count_open(c);
    timer_init(&c->timer, on_request_timeout);
    conn_await_request(c);
}

static bool may_read(struct stream *s)
{
    return newcomers_may_read(conn_of(s));
}

/* Reads as much of the PROXY header as matters, and notes how much of it follows in the input. */
static int read_proxy_header(struct conn *c, const char *p, size_t n)
{
    size_t before = buf_used(&c->in);
    int length;

    buf_add(&c->in, p, n < PROXY_MAX - before ? n : PROXY_MAX - before);
    length = conn_client_read_proxy(&c->client, c->worker, buf_str(&c->in));
    if (length == 0)
        return 0;
    buf_done(&c->in);
    if (length > 0) {
        c->to_skip = (size_t)length - before;
        return EH_OK;
    }
    c->closed_as = length == EH_ELIMIT ? METRIC_CLOSED_SERVER : METRIC_CLOSED_PROTOCOL;
    return EH_EINVAL;
}

/* Takes the PROXY header, which comes before everything else. */
static int on_preface(struct stream *s, const char *p, size_t n)
{
    struct conn *c = conn_of(s);

    if (c->state != CONN_OPEN)
        return EH_EINVAL; /* it lingers, and serves no new request */
    if (c->to_skip == 0)
        EH_TRY(read_proxy_header(c, p, n));
    if (c->to_skip == 0)
        return 0;
    if (n > c->to_skip)
        n = c->to_skip;
    c->to_skip -= n;
    return c->to_skip ? 0 : (int)n;
}

/* Counts a TLS handshake that is over. Called with TLS only. */
static void on_open(struct stream *s)
{
    metrics_inc(conn_of(s)->worker->metrics,
                stream_was_resumed(s) ? METRIC_TLS_RESUMED : METRIC_TLS_FULL);
}

static void on_data(struct stream *s, char *p, size_t n)
{
    struct conn *c = conn_of(s);

    metrics_add(c->worker->metrics, METRIC_BYTES_IN, (int64_t)n);
    conn_input(c, p, n);
}

/* ---- timers and rights ---- */

void conn_set_timer(struct conn *c, timer_fn *fn, uint64_t after_ms)
{
    timer_stop(&c->timer);
    timer_init(&c->timer, fn);
    loop_timer(c->worker->loop, &c->timer, after_ms);
}

void conn_await_request(struct conn *c)
{
    loop_timer(c->worker->loop, &c->timer,
               c->worker->context->config->websocket_handshake_timeout * 1000);
}

#define KEEPALIVE_EXTRA_MS 1000

void conn_await_next(struct conn *c)
{
    loop_timer(c->worker->loop, &c->timer,
               c->worker->context->config->http_keepalive_timeout * 1000 + KEEPALIVE_EXTRA_MS);
}

void conn_forget_auth(struct conn *c)
{
    if (c->auth != c->worker->everybody)
        auth_free(c->auth);
    c->auth = NULL;
}

/* ---- the end of a turn ---- */

static void on_settle(struct loop_task *task)
{
    struct conn *c = container_of(task, struct conn, task);

    if (c->overflowed && c->state <= CONN_LEAVING) /* in later states the client was told */
        conn_drop_output(c, METRIC_CLOSED_SLOW);
    else if (c->n_pending == 0 && c->protocol->on_idle)
        c->protocol->on_idle(c);
    conn_read_on(c);
    if (c->state <= CONN_LEAVING && c->protocol->on_writable)
        c->protocol->on_writable(c);
}

/* ---- the end ---- */

/* Gives a lingering connection another CONN_LINGER_MS, because it has just taken some output. In
 * all it gets at most two ping intervals, as a silent connection does. */
static void linger_on(struct conn *c)
{
    uint64_t most_ms = 2 * c->worker->context->config->ping_interval * 1000;
    uint64_t since_ms = loop_now(c->worker->loop) - c->last_heard_ms;
    bool was_dropped = c->closed_as == METRIC_CLOSED_SLOW || c->closed_as == METRIC_CLOSED_MEMORY;

    if (!was_dropped && since_ms < most_ms)
        loop_timer(c->worker->loop, &c->timer, CONN_LINGER_MS);
}

static void on_sent(struct stream *s, size_t sent)
{
    struct conn *c = conn_of(s);

    metrics_add(c->worker->metrics, METRIC_BYTES_OUT, (int64_t)sent);
    metrics_inc(c->worker->metrics, METRIC_SENDS);
    worker_output_changed(c->worker);
    if (c->state == CONN_LINGER) {
        linger_on(c);
        return;
    }
    if (conn_is_throttled(c))
        c->last_heard_ms = loop_now(c->worker->loop); /* we do not read, but the client does */
    if ((conn_is_throttled(c) || c->wants_room) && !conn_is_half_full(c))
        conn_settle(c);
}

static void log_failure(const struct conn *c, int err)
{
    char peer[SOCK_ADDR_TEXT];

    if (!log_enabled(LOG_DEBUG))
        return;
    sock_addr_format(&c->client.addr, peer);
    log_debug("connection_failed", LOG_Z("peer", peer), LOG_Z("why", stream_why(&c->stream, err)));
}

static enum metric reason_of(const struct stream *s, int err)
{
    if (err == 0)
        return METRIC_CLOSED_CLIENT;
    if (err == ETIMEDOUT)
        return METRIC_CLOSED_TIMEOUT;
    return stream_is_handshaking(s) ? METRIC_CLOSED_TLS : METRIC_CLOSED_ERROR;
}

static void on_end(struct stream *s, int err)
{
    struct conn *c = conn_of(s);

    if (err)
        log_failure(c, err);
    else
        stream_flush(s); /* a client that closed only its side still gets its answers */
    conn_close(c, reason_of(s, err));
}

static void end_protocol(struct conn *c)
{
    if (c->protocol->on_close)
        c->protocol->on_close(c);
}

static void on_linger_timeout(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    conn_close(c, c->closed_as);
}

void conn_linger(struct conn *c, enum metric reason)
{
    if (c->state == CONN_LINGER || c->state == CONN_DEAD)
        return;
    c->state = CONN_LINGER;
    if (c->closed_as == METRIC_COUNT)
        c->closed_as = reason;
    end_protocol(c);
    buf_done(&c->in);
    buf_done(&c->message);
    c->last_heard_ms = loop_now(c->worker->loop);
    stream_resume(&c->stream); /* reads on, but only to notice that the peer closes */
    stream_shutdown(&c->stream);
    conn_set_timer(c, on_linger_timeout, CONN_LINGER_MS);
}

/* Releases the output at once. The client learns the reason if it ever reads again. */
void conn_drop_output(struct conn *c, enum metric reason)
{
    stream_discard(&c->stream);
    if (c->state <= CONN_LEAVING && c->protocol->on_overflow)
        c->protocol->on_overflow(c, reason);
    else
        conn_close(c, reason);
}

bool conn_end_idle(struct conn *c)
{
    if (c->state != CONN_OPEN || !c->protocol->may_end || !c->protocol->may_end(c))
        return false;
    conn_linger(c, METRIC_CLOSED_DRAIN);
    return true;
}

void conn_drain(struct conn *c)
{
    if (c->state <= CONN_LEAVING) /* in later states it is about to end */
        c->protocol->on_drain(c, loop_now(c->worker->loop) >= c->worker->drain_until_ms);
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
    sock_addr_format(&c->client.addr, peer);
    log_debug("disconnected", LOG_N("worker", c->worker->index), LOG_N("slot", c->ref.slot),
              LOG_Z("peer", peer), LOG_N("code", c->close_code));
}

static void count_close(const struct conn *c, enum metric reason)
{
    struct worker *w = c->worker;

    if (c->client.is_internal) {
        w->n_internal--;
        return;
    }
    metrics_inc(w->metrics, c->closed_as == METRIC_COUNT ? reason : c->closed_as);
    metrics_add(w->metrics, METRIC_CONNECTIONS, -1);
    metrics_inc(w->metrics, METRIC_DISCONNECTS);
}

void conn_close(struct conn *c, enum metric reason)
{
    struct worker *w = c->worker;

    if (c->state == CONN_DEAD)
        return;
    c->state = CONN_DEAD; /* set first, because the calls below must not send */
    log_close(c);
    count_close(c, reason);
    end_protocol(c);
    timer_stop(&c->timer);
    stream_close(&c->stream);
    worker_output_changed(w);
    conn_table_remove(&w->conns, c->ref);
    if (conn_is_throttled(c))
        list_remove(&c->throttled);
    buf_done(&c->in);
    buf_done(&c->message);
    conn_client_leave(&c->client, w);
    conn_forget_auth(c);
    loop_cancel(&c->task);
    c->task.fn = on_reap;
    loop_reap_later(w->loop, &c->task);
}
