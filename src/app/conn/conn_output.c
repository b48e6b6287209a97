/* conn_output.c - what a connection has still to send, and when that is too much. */
#include "app/conn/conn.h"

#define FLUSH_BYTES (256u * 1024) /* or a quarter of MAX_OUTPUT_QUEUE */

size_t conn_waiting(const struct conn *c)
{
    return stream_queued(&c->stream) + c->collected + c->backlog_bytes;
}

bool conn_has_room(const struct conn *c, size_t bytes)
{
    size_t queued = stream_queued(&c->stream) + c->collected;

    /* One unit that is larger than the limit all alone is not the reader's fault. */
    return queued == 0 || queued + bytes <= c->worker->context->config->max_output_queue;
}

bool conn_is_half_full(const struct conn *c)
{
    return stream_queued(&c->stream) >= c->worker->context->config->max_output_queue / 2;
}

/* What one turn has for a client leaves together at its end; but a burst must not make a reader
 * look slow who only did not get the chance. */
static bool is_to_be_flushed(const struct conn *c)
{
    size_t quarter = c->worker->context->config->max_output_queue / 4;

    return stream_queued(&c->stream) >= (quarter < FLUSH_BYTES ? quarter : FLUSH_BYTES) &&
           !stream_is_blocked(&c->stream);
}

static bool make_room(struct conn *c, size_t bytes)
{
    if (conn_has_room(c, bytes))
        return true;
    stream_push(&c->stream); /* who reads shall not be dropped for what its socket takes */
    return conn_has_room(c, bytes);
}

void conn_overflow(struct conn *c)
{
    c->overflowed = true;
    conn_settle(c);
}

bool conn_was_dropped(const struct conn *c)
{
    return c->closed_as == METRIC_CLOSED_SLOW || c->closed_as == METRIC_CLOSED_MEMORY;
}

bool conn_send(struct conn *c, struct str head, struct shared *owner, struct str body)
{
    if (c->state > CONN_LEAVING || c->overflowed)
        return false; /* our Close was the last word */
    if (!make_room(c, head.n + body.n)) {
        conn_overflow(c);
        return false;
    }
    stream_send(&c->stream, head, owner, body);
    output_changed(c->worker);
    if (is_to_be_flushed(c))
        stream_push(&c->stream);
    return true;
}
