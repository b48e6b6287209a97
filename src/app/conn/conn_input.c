/* conn_input.c - back-pressure: how far the input of a connection is read.
 *
 * A client may send requests faster than the broker answers them, and faster than it takes the
 * answers. Each unanswered request holds memory, and so does each answer in the output queue. So a
 * connection is throttled, that is, not read, while too many requests are unanswered or its output
 * queue is too full; TCP then holds the client back. It is read on when both are below half:
 *
 *     output queue   0        1/2       3/4       1
 *                    |---------|---------|---------|
 *     read on:       <---------                        (conn_budget_half)
 *     throttle:                          --------->    (conn_budget_requests)
 *
 * The distance between the two keeps a connection from stopping and starting with every answer.
 * Answers that are under way count as output already, with the size they may have (c->expected),
 * so a request for something large counts before its answer comes.
 *
 * Live messages cannot be held back in this way, since the client's requests are not what makes
 * them: a client that lets them fill its queue is dropped (conn_output.c).
 *
 * Bytes that were read but not handled wait in c->in. Usually there are none, and the input is
 * handled in the loop's buffer, where it was read, without a copy.
 */
#include "app/conn/conn_input.h"

#include <assert.h>

#include "app/conn/conn_budget.h"

static bool is_reading(const struct conn *c)
{
    return c->protocol->step && (c->state == CONN_OPEN || c->state == CONN_CLOSING ||
                                 (c->state == CONN_LEAVING && !c->peer_closed));
}

static bool is_beyond_bounds(const struct conn *c)
{
    return c->n_pending >= CONN_MAX_PENDING || c->worker->pending_bytes > CONN_MAX_PENDING_BYTES ||
           stream_queued(&c->stream) + c->collected + c->expected >
               conn_budget_requests(c->worker->context->config);
}

static bool is_well_within_bounds(const struct conn *c)
{
    return c->n_pending < CONN_MAX_PENDING / 2 &&
           c->worker->pending_bytes <= CONN_MAX_PENDING_BYTES / 2 &&
           stream_queued(&c->stream) + c->expected < conn_budget_half(c->worker->context->config);
}

/* Reports whether the bounds apply to the input of the connection. */
static bool is_bounded(const struct conn *c)
{
    return c->state == CONN_OPEN && c->protocol->is_bounded;
}

static void throttle(struct conn *c)
{
    if (conn_is_throttled(c))
        return;
    list_push(&c->worker->throttled, &c->throttled);
    stream_pause(&c->stream);
}

/* Throttles the connection if the input after the last step must wait. */
static void throttle_if_due(struct conn *c)
{
    if (conn_is_throttled(c) ||
        !(c->state == CONN_BUSY || c->batch || (is_bounded(c) && is_beyond_bounds(c))))
        return;
    if (is_bounded(c))
        metrics_inc(c->worker->metrics, METRIC_READS_PAUSED);
    throttle(c);
}

/* Handles as much of the input as it can; returns the bytes used. */
static size_t consume(struct conn *c, char *p, size_t n)
{
    size_t used = 0;

    while (used < n && is_reading(c) && !conn_is_throttled(c)) {
        size_t n_step = c->protocol->step(c, p + used, n - used);

        if (n_step == 0)
            break;
        used += n_step;
        throttle_if_due(c);
    }
    return is_reading(c) || c->state == CONN_BUSY ? used : n;
}

/* Handles the rest of the earlier input, if any, and these bytes. */
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
        return; /* closing released the buffers */
    if (had_rest)
        buf_consume(&c->in, used);
    else if (used < n)
        buf_add(&c->in, p + used, n - used);
    if (buf_used(&c->in) == 0)
        buf_done(&c->in);
}

void conn_input(struct conn *c, char *p, size_t n)
{
    if (!is_reading(c))
        return;
    c->last_heard_ms = loop_now(c->worker->loop);
    on_input(c, p, n);
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
    conn_settle(c); /* nothing else may resume it: collected answers stay until the batch ends */
    return true;
}

void conn_read_on(struct conn *c)
{
    if (!conn_is_throttled(c) || c->state == CONN_BUSY ||
        (is_bounded(c) && !is_well_within_bounds(c)))
        return;
    if (c->batch)
        c->protocol->resume(c);
    if (c->batch)
        return;
    list_remove(&c->throttled);
    c->last_heard_ms = loop_now(c->worker->loop); /* we did not read until now */
    stream_resume(&c->stream);
    on_input(c, NULL, 0);
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
