#include "app/conn/conn_output.h"

#include "app/conn/conn_budget.h"

#define FLUSH_BYTES (256u * 1024) /* or less, with a small MAX_OUTPUT_QUEUE */

size_t conn_waiting(const struct conn *c)
{
    return stream_queued(&c->stream) + c->collected + c->held;
}

bool conn_may_hold(const struct conn *c, size_t more)
{
    return conn_waiting(c) + more <= c->worker->context->config->max_output_queue;
}

void conn_hold(struct conn *c, struct shared *owner, size_t bytes)
{
    c->held += bytes;
    *loop_waiting(c->worker->loop) += shared_ref_waiting(owner);
    worker_output_changed(c->worker);
}

void conn_release(struct conn *c, struct shared *owner, size_t bytes)
{
    c->held -= bytes;
    *loop_waiting(c->worker->loop) -= shared_unref_waiting(owner);
}

bool conn_has_room(const struct conn *c, size_t bytes)
{
    size_t queued = stream_queued(&c->stream) + c->collected;

    /* a single unit may exceed the limit, which is not the client's fault */
    return queued == 0 || queued + bytes <= c->worker->context->config->max_output_queue;
}

bool conn_is_half_full(const struct conn *c)
{
    return stream_queued(&c->stream) >= conn_budget_half(c->worker->context->config);
}

/* Reports whether to send now. Usually the output of a turn is sent together at its end, but a
 * burst must not make a client look slow that had no chance to read yet. */
static bool is_to_be_flushed(const struct conn *c)
{
    size_t burst = conn_budget_burst(c->worker->context->config);

    return stream_queued(&c->stream) >= (burst < FLUSH_BYTES ? burst : FLUSH_BYTES) &&
           !stream_is_blocked(&c->stream);
}

static bool make_room(struct conn *c, size_t bytes)
{
    if (conn_has_room(c, bytes))
        return true;
    stream_push(&c->stream); /* what the socket takes now does not count against the client */
    return conn_has_room(c, bytes);
}

void conn_overflow(struct conn *c)
{
    c->overflowed = true;
    conn_settle(c);
}

bool conn_send(struct conn *c, struct str head, struct shared *owner, struct str body)
{
    if (c->state > CONN_LEAVING || c->overflowed)
        return false; /* nothing may follow the last output */
    if (!make_room(c, head.n + body.n)) {
        conn_overflow(c);
        return false;
    }
    stream_send(&c->stream, head, owner, body);
    worker_output_changed(c->worker);
    if (is_to_be_flushed(c))
        stream_push(&c->stream);
    return true;
}
