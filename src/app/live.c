/* live.c - live messages on their way from the broker to the subscriptions of a worker: a portion
 * a turn. So the loop reads, pings and accepts between the portions of a burst, and what each queue
 * got is sent before the next: a burst that is larger than MAX_OUTPUT_QUEUE drops nobody who reads.
 */
#include "app/sub.h"
#include "app/worker.h"

#define PORTION_DELIVERIES 65536          /* and what is deflated for them */
#define PORTION_BYTES      (1024u * 1024) /* of messages, or a quarter of MAX_OUTPUT_QUEUE */
#define MESSAGE_COST       128            /* of one, beside its body: a queue's unit, its head */

static size_t portion_bytes(const struct worker *w)
{
    uint64_t quarter = w->context->config->max_output_queue / 4;

    return quarter < PORTION_BYTES ? (size_t)quarter : PORTION_BYTES;
}

/* The next message of the batches that wait; NULL: none is left. */
static struct message *next_message(struct worker *w)
{
    struct list *link;

    while ((link = list_first(&w->live))) {
        struct live_batch *batch =
            container_of(container_of(link, struct mail, link), struct live_batch, mail);

        /* What was published before the broker told its first id, nobody knows. */
        if (batch->has_gap || msgid_is_zero(w->newest))
            gap_to_all(w, batch->lost);
        batch->has_gap = false;
        if (w->live_next < batch->n)
            return batch->items[w->live_next++];
        w->newest = batch->mark;
        w->live_next = 0;
        list_remove(link);
        live_batch_free(batch);
    }
    return NULL;
}

static void deliver_portion(struct worker *w)
{
    size_t bytes = 0, most = portion_bytes(w);
    uint64_t deliveries = 0;
    struct message *m;

    while (bytes < most && deliveries < PORTION_DELIVERIES && (m = next_message(w))) {
        deliveries += delivery_to_all(w, m);
        bytes += m->body.n + MESSAGE_COST;
        if (!m->foreign)
            w->newest = m->id;
    }
    loop_at_end(w->loop, &w->live_task);
}

/* Runs behind what sends the portion before it. */
static void on_live_task(struct loop_task *task)
{
    struct worker *w = container_of(task, struct worker, live_task);

    if (!list_empty(&w->live))
        deliver_portion(w);
}

/* The broker may have posted a burst in many small batches: one portion, too, whatever they are. */
void worker_on_live(struct mail *m, void *owner)
{
    struct worker *w = owner;
    bool must_wait = list_linked(&w->live_task.link);

    list_push(&w->live, &m->link);
    if (!must_wait)
        deliver_portion(w);
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
        live_batch_free(
            container_of(container_of(link, struct mail, link), struct live_batch, mail));
}
