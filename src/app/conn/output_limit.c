/* output.c - the bound on what waits for all clients together: MAX_OUTPUT_MEMORY.
 *
 * Each worker counts what waits on its own loop (loop_waiting), and tells the others through its
 * cell of the metrics: no lock, and nothing shared where messages are delivered. At the end of
 * every turn in which it queued something a worker adds up all cells. Where that is too much it
 * drops its own queues, the longest first, until it is not, or it has none left. So whoever adds
 * pays, and between two looks the sum grows by what one turn of each worker adds at most.
 */
#include "app/conn/conn.h"

static void tell(struct worker *w)
{
    metrics_set(w->metrics, METRIC_OUTPUT_BYTES, *loop_waiting(w->loop));
}

/* Modulo 2^64: a message may be counted by one worker and taken off by another. A moment's
 * disagreement may even make it negative. */
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
    size_t most = 0;

    for (uint32_t i = 0; i < w->n_slots; i++) {
        size_t n = w->slots[i].conn ? conn_waiting(w->slots[i].conn) : 0;

        if (n > most)
            most = n;
    }
    return most;
}

/* Nobody is dropped for what his socket takes. */
static void drop_if_longer(struct conn *c, size_t least)
{
    if (conn_waiting(c) < least)
        return;
    stream_push(&c->stream);
    if (conn_waiting(c) >= least)
        conn_drop_output(c, METRIC_CLOSED_MEMORY);
}

/* Those that are at least half as long as the longest, then the next half, and so on. */
static void drop_longest(struct worker *w)
{
    for (size_t least = longest(w) / 2; least > 0 && is_too_much(w); least /= 2) {
        for (uint32_t i = 0; i < w->n_slots && is_too_much(w); i++) {
            if (w->slots[i].conn)
                drop_if_longer(w->slots[i].conn, least);
            tell(w);
        }
    }
}

void output_check(struct worker *w)
{
    tell(w);
    if (is_too_much(w))
        drop_longest(w);
}

static void on_task(struct loop_task *task)
{
    output_check(container_of(task, struct worker, output_task));
}

/* After all else that the turn has to do: what the sockets take is gone then. */
void output_changed(struct worker *w)
{
    if (!list_linked(&w->output_task.link))
        loop_reap_later(w->loop, &w->output_task);
}

void output_init(struct worker *w)
{
    w->output_task.fn = on_task;
}
