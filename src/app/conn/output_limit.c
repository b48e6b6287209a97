/* output_limit.c - the bound on the output of all workers together.
 *
 * Each worker counts what waits on its own loop (loop_waiting), and publishes the figure in its
 * cell of the metrics: there is no lock, and nothing is shared where messages are delivered. At the
 * end of every turn in which it queued something, a worker adds up all cells. If the sum is above
 * the limit, the worker drops its own connections with the longest queues, until the sum is below
 * or it has none left. So the worker that adds output also pays for it, and between two checks the
 * sum grows at most by what each worker adds in one turn.
 */
#include "app/conn/output_limit.h"

#include "app/conn/conn.h"
#include "app/conn/conn_output.h"

static void publish(struct worker *w)
{
    metrics_set(w->metrics, METRIC_OUTPUT_BYTES, *loop_waiting(w->loop));
}

/* Reports whether all output together is above the limit. The sum is modulo 2^64: one worker may
 * add a message and another one subtract it, so a cell, and for a moment even the sum, may be
 * negative. */
static bool is_too_much(const struct worker *w)
{
    const struct context *ctx = w->context;
    uint64_t sum = 0;

    for (size_t i = 0; i < ctx->n_workers; i++)
        sum += metrics_get(ctx->workers[i], METRIC_OUTPUT_BYTES);
    return sum <= INT64_MAX && sum > ctx->max_output_memory;
}

static size_t longest(const struct worker *w)
{
    const struct conn *c;
    uint32_t slot = 0;
    size_t most = 0;

    while ((c = conn_table_next(&w->conns, &slot))) {
        if (conn_waiting(c) > most)
            most = conn_waiting(c);
    }
    return most;
}

static void drop_if_longer(struct conn *c, size_t least)
{
    if (conn_waiting(c) < least)
        return;
    stream_push(&c->stream); /* what the socket takes now does not count against the client */
    if (conn_waiting(c) >= least)
        conn_drop_output(c, METRIC_CLOSED_MEMORY);
}

/* Drops the queues that are at least half as long as the longest, then those at least a quarter as
 * long, and so on. */
static void drop_longest(struct worker *w)
{
    for (size_t least = longest(w) / 2; least > 0 && is_too_much(w); least /= 2) {
        struct conn *c;
        uint32_t slot = 0;

        while (is_too_much(w) && (c = conn_table_next(&w->conns, &slot))) {
            drop_if_longer(c, least);
            publish(w);
        }
    }
}

void output_limit_check(struct worker *w)
{
    publish(w);
    if (is_too_much(w))
        drop_longest(w);
}

/* Runs after everything else that the turn has to do, when the sockets have taken their part. */
static void on_task(struct loop_task *task)
{
    output_limit_check(container_of(task, struct worker, output_task));
}

void output_limit_init(struct worker *w)
{
    w->output_task.fn = on_task;
}
