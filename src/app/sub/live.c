/* live.c - live messages on their way from the broker to the subscriptions of a worker: a portion
 * a turn. So the loop reads, pings and accepts between the portions of a burst, and what each queue
 * got is sent before the next: a burst that is larger than MAX_OUTPUT_QUEUE drops nobody who reads.
 */
#include <assert.h>

#include "app/sub/sub.h"
#include "app/worker.h"

#define PORTION_DELIVERIES 65536          /* and what is deflated for them */
#define PORTION_BYTES      (1024u * 1024) /* of messages, or a quarter of MAX_OUTPUT_QUEUE */
#define MESSAGE_COST       128            /* of one, beside its body: a queue's unit, its head */
#define RUN_MOST           64             /* messages */
#define RUN_BYTES          (64u * 1024)   /* of them; what is larger is shared, not copied */

static size_t portion_bytes(const struct worker *w)
{
    uint64_t quarter = w->context->config->max_output_queue / 4;

    return quarter < PORTION_BYTES ? (size_t)quarter : PORTION_BYTES;
}

static struct live_batch *batch_of(struct list *link)
{
    return container_of(container_of(link, struct mail, link), struct live_batch, mail);
}

static void raise_newest(struct worker *w, struct msgid id)
{
    if (msgid_cmp(id, w->newest) > 0)
        w->newest = id;
}

static void end_batch(struct worker *w, struct live_batch *batch)
{
    raise_newest(w, batch->high_water);
    w->live_next = 0;
    list_remove(&batch->mail.link);
    live_batch_free(batch);
}

/* Where the next message is, at w->live_next; NULL: none is left. */
static struct live_batch *next_batch(struct worker *w)
{
    struct list *link;

    while ((link = list_first(&w->live))) {
        struct live_batch *batch = batch_of(link);

        /* What was published before the broker told its first id, nobody knows. */
        if (w->live_next == 0 && (batch->has_gap || msgid_is_zero(w->newest)))
            gap_to_all(w, batch->gaps);
        if (w->live_next < batch->n)
            return batch;
        end_batch(w, batch);
    }
    return NULL;
}

static size_t cost_of(const struct message *m)
{
    return m->body.n + MESSAGE_COST;
}

/* A run, and what of a portion it may take. */
struct run {
    struct message *messages[RUN_MOST];
    size_t n;
    size_t most;
    size_t bytes;
    size_t most_bytes; /* or the first one */
};

/* False where the run ends before m. */
static bool add(struct run *run, struct message *m)
{
    if (run->n && (run->n == run->most || run->bytes + cost_of(m) > run->most_bytes ||
                   !run_goes_on(run->messages[0], m)))
        return false;
    run->messages[run->n++] = m;
    run->bytes += cost_of(m);
    return true;
}

/* The messages stay where they are. */
static void look_ahead(struct worker *w, struct run *run)
{
    size_t next = w->live_next;

    list_for_each(link, &w->live)
    {
        struct live_batch *batch = batch_of(link);

        if (run->n && batch->has_gap)
            return;
        for (; next < batch->n; next++) {
            if (!add(run, batch->items[next]))
                return;
        }
        next = 0;
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Those of a run: there is no gap between them. */
static void pass_over(struct worker *w, size_t n)
{
    struct list *link;

    while (n && (link = list_first(&w->live))) {
        struct live_batch *batch = batch_of(link);
        size_t n_here = smaller(n, batch->n - w->live_next);

        w->live_next += n_here;
        n -= n_here;
        if (n)
            end_batch(w, batch);
    }
}

/* So few that the deliveries are not many more than a portion has, whatever filters match. */
static size_t most_messages(const struct worker *w)
{
    uint64_t subs = metrics_get(w->metrics, METRIC_SUBSCRIPTIONS);

    return smaller(RUN_MOST, PORTION_DELIVERIES / (subs + 1) + 1);
}

/* Returns the deliveries. */
static uint64_t deliver_run(struct worker *w, size_t *bytes)
{
    struct run run = { .most = most_messages(w),
                       .most_bytes = smaller(RUN_BYTES, portion_bytes(w) - *bytes) };
    const struct message *last;
    uint64_t deliveries;

    look_ahead(w, &run);
    assert(run.n > 0); /* next_batch found one */
    deliveries = run_to_all(w, run.messages, run.n);
    *bytes += run.bytes;
    last = run.messages[run.n - 1];
    if (!last->legacy)
        raise_newest(w, last->id);
    pass_over(w, run.n);
    return deliveries;
}

static void deliver_portion(struct worker *w)
{
    uint64_t deliveries = 0;
    size_t bytes = 0;

    while (bytes < portion_bytes(w) && deliveries < PORTION_DELIVERIES && next_batch(w))
        deliveries += deliver_run(w, &bytes);
}

/* What is left waits for the next turn: first this one sends what it has. */
static void on_live_task(struct loop_task *task)
{
    struct worker *w = container_of(task, struct worker, live_task);

    deliver_portion(w);
    if (!list_empty(&w->live))
        loop_at_end(w->loop, &w->live_task);
}

/* At the end of the turn: the broker may have posted a burst in many small batches, and what they
 * have for one client leaves together. */
void worker_on_live(struct mail *m, void *owner)
{
    struct worker *w = owner;

    list_push(&w->live, &m->link);
    loop_at_end(w->loop, &w->live_task);
}

void live_init(struct worker *w)
{
    list_init(&w->live);
    w->live_task.fn = on_live_task;
}

void live_end(struct worker *w)
{
    struct list *link;

    loop_cancel(&w->live_task);
    while ((link = list_pop(&w->live)))
        live_batch_free(batch_of(link));
}
