/* live.c - delivers what the broker posts to a worker: live messages, and gaps between them.
 *
 * Problem: a burst may hold more than MAX_OUTPUT_QUEUE for every client. If one turn of the loop
 * delivered all of it, every queue would overflow, even those of clients that read as fast as they
 * can; and a turn that lasts seconds does not read, ping or accept.
 *
 * Idea 1, portions: a turn delivers about 64 Ki deliveries or 1 MiB of messages (at most a quarter
 * of MAX_OUTPUT_QUEUE), and what each queue got is sent before the next portion. So the loop does
 * its other work in between, and only clients that do not read are dropped.
 *
 * Idea 2, runs: messages of one topic that follow each other are looked up in the trie once, and
 * their frames are encoded once for all subscriptions with the same JSON-RPC id. A queue takes a
 * run as one unit:
 *
 *     batches    [ a1 a2 a3 ] [ a4 b5 a6 ] [ has_gap: a7 ]
 *     runs       ( a1 a2 a3     a4 ) ( b5 ) ( a6 )  gap  ( a7 )
 *
 * Not every subscription can take a run as a whole: it may be joining, or have got the first
 * message from history, or its writer encodes each message by itself (SSE, compression), or
 * RUN_IDS other ids came first. For their sake, the messages of the run are then delivered one by
 * one to all that match. Invariant: `last` of a subscription that took the run is the id of the
 * run's last message, so it skips these messages and nothing comes twice. A message that a
 * connection here does not want back (echo.h) is a run of its own.
 *
 * Order: each subscription gets messages in the order in which the broker posted them. So a run
 * never extends over a gap. A new subscription may begin in the middle of a run: what came before
 * it may still wait here.
 *
 * Tried before: a portion per batch. A burst that came in many small batches then went out in
 * one turn. Bounding a run by connections instead of subscriptions failed as well: one client
 * may have the same message a hundred times, through patterns that overlap.
 */
#include "app/sub/live.h"

#include <assert.h>

#include "app/conn/conn_budget.h"
#include "app/conn/conn_output.h"
#include "app/sub/delivery.h"
#include "app/sub/echo.h"
#include "app/sub/join.h"
#include "broker/broker.h"
#include "broker/gaps.h"
#include "hub/topic.h"

#define PORTION_DELIVERIES 65536          /* the cost of deflating included */
#define PORTION_BYTES      (1024u * 1024) /* of messages, or a quarter of MAX_OUTPUT_QUEUE */
#define MESSAGE_COST       128            /* besides its body: its unit in a queue, its head */
#define RUN_MESSAGES       64             /* at most */
#define RUN_BYTES          (64u * 1024)   /* at most; larger messages are shared, not copied */
#define RUN_IDS            4              /* ids that a run is encoded for */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- a gap ---- */

static void report_gap(struct sub *s, struct str topic)
{
    if (!s->gaps)
        return;
    if (s->join)
        join_gap(s);
    else
        s->conn->writer->gap(s, topic);
}

static void on_gap_match(struct trie_sub *trie, void *arg)
{
    const struct str *topic = arg;

    report_gap(container_of(trie, struct sub, trie), *topic);
}

/* Reports that messages of these topics were lost on the way to this worker; gaps NULL: the topics
 * are not known, so each subscription is told of its own filter. */
static void deliver_gap(struct worker *w, const struct gaps *gaps)
{
    char filter[TOPIC_MAX];
    struct conn *c;
    uint32_t slot = 0;

    for (size_t i = 0; gaps && i < gaps->n; i++)
        trie_match(w->trie, gaps->topics[i], on_gap_match, (void *)(uintptr_t)&gaps->topics[i]);
    while (!gaps && (c = conn_table_next(&w->conns, &slot))) {
        list_for_each(link, &c->subs)
        {
            struct sub *s = container_of(link, struct sub, link);

            report_gap(s, str_make(filter, trie_filter(&s->trie, filter)));
        }
    }
}

/* ---- one message ---- */

static void on_match(struct trie_sub *trie, void *arg)
{
    struct sub *s = container_of(trie, struct sub, trie);
    struct delivery *d = arg;

    if (s->join)
        join_buffer(s, d->message);
    else
        delivery_send(d, s);
}

/* A message and the connection that does not want it back. */
struct to_others {
    struct delivery *delivery;
    const struct conn *author;
};

static void on_match_of_others(struct trie_sub *trie, void *arg)
{
    const struct to_others *to = arg;

    if (container_of(trie, struct sub, trie)->conn != to->author)
        on_match(trie, to->delivery);
}

/* Sends the message to all subscriptions that match; returns the cost. */
static uint64_t deliver_message(struct worker *w, struct message *m)
{
    struct delivery d;
    struct to_others to = { &d, echo_author_here(w, m) };

    delivery_init(&d, w, m);
    if (to.author)
        trie_match(w->trie, m->topic, on_match_of_others, &to);
    else
        trie_match(w->trie, m->topic, on_match, &d);
    delivery_observe(w, m, d.n_sent);
    delivery_done(&d);
    return delivery_cost(&d);
}

/* ---- a run ---- */

struct run {
    const struct worker *worker;
    struct message *messages[RUN_MESSAGES]; /* borrowed from the batches */
    size_t n;
    size_t most;
    size_t bytes;
    size_t most_bytes; /* but the first message may be larger */
    size_t n_units;
    struct unit {
        struct str id;
        const struct sub_writer *writer;
        struct bytes *bytes;
    } units[RUN_IDS];
    uint64_t n_sent; /* subscriptions that got the whole run */
    bool is_partial; /* some subscriptions did not */
    bool is_alone;   /* it has one message, which no other may join */
};

static size_t cost_of(const struct message *m)
{
    return m->body.n + MESSAGE_COST;
}

/* Returns false if the run ends before m. */
static bool run_add(struct run *run, struct message *m)
{
    bool is_alone = m->legacy || echo_author_here(run->worker, m);

    if (run->n && (run->n == run->most || run->bytes + cost_of(m) > run->most_bytes ||
                   run->is_alone || is_alone || !str_eq(run->messages[0]->topic, m->topic)))
        return false;
    run->is_alone = is_alone;
    run->messages[run->n++] = m;
    run->bytes += cost_of(m);
    return true;
}

/* Returns the run as this subscription sends it; NULL: it gets the messages one by one. */
static struct bytes *unit_for(struct run *run, const struct sub *s)
{
    const struct sub_writer *writer = s->conn->writer;
    struct unit *u = run->units;

    for (; u < run->units + run->n_units; u++) {
        if (u->writer == writer && str_eq(u->id, sub_id(s)))
            return u->bytes;
    }
    if (run->n_units == RUN_IDS || !writer->run)
        return NULL;
    *u = (struct unit){ sub_id(s), writer, writer->run(s, run->messages, run->n) };
    run->n_units++;
    return u->bytes;
}

/* Skips subscriptions that are still joining or already got the first message from history. */
static void on_run_match(struct trie_sub *trie, void *arg)
{
    struct sub *s = container_of(trie, struct sub, trie);
    struct run *run = arg;
    bool takes_all = !s->join && msgid_cmp(run->messages[0]->id, s->last) > 0;
    struct bytes *unit = takes_all ? unit_for(run, s) : NULL;

    if (!unit) {
        run->is_partial = true;
        return;
    }
    s->last = run->messages[run->n - 1]->id;
    if (conn_send(s->conn, STR(""), &unit->shared, bytes_str(unit)))
        run->n_sent++;
}

/* Sends the run to all subscriptions that match; returns the cost. */
static uint64_t deliver_run(struct worker *w, struct run *run)
{
    uint64_t cost;

    if (run->n == 1)
        return deliver_message(w, run->messages[0]);
    trie_match(w->trie, run->messages[0]->topic, on_run_match, run);
    for (size_t i = 0; i < run->n_units; i++)
        shared_unref(&run->units[i].bytes->shared);
    cost = run->n_sent * run->n;
    metrics_add(w->metrics, METRIC_DELIVERIES, (int64_t)cost);
    for (size_t i = 0; i < run->n; i++)
        delivery_observe(w, run->messages[i], run->n_sent);
    for (size_t i = 0; run->is_partial && i < run->n; i++)
        cost += deliver_message(w, run->messages[i]);
    return cost;
}

/* ---- a portion ---- */

static struct live_batch *batch_of(struct list *link)
{
    return container_of(container_of(link, struct mail, link), struct live_batch, mail);
}

static size_t portion_bytes(const struct worker *w)
{
    size_t burst = conn_budget_burst(w->context->config);

    return burst < PORTION_BYTES ? burst : PORTION_BYTES;
}

/* Bounds the deliveries of a run to about those of a portion, whatever filters match. */
static size_t most_messages(const struct worker *w)
{
    uint64_t subs = metrics_get(w->metrics, METRIC_SUBSCRIPTIONS);

    return smaller(RUN_MESSAGES, PORTION_DELIVERIES / (subs + 1) + 1);
}

static void advance_newest(struct worker *w, struct msgid id)
{
    if (msgid_cmp(id, w->newest) > 0)
        w->newest = id;
}

static void end_batch(struct worker *w, struct live_batch *batch)
{
    advance_newest(w, batch->high_water);
    w->live_next = 0;
    list_remove(&batch->mail.link);
    live_batch_free(batch);
}

/* Moves to the batch that holds the next message, at w->live_next, and reports gaps on the way.
 * Returns false if nothing is left. */
static bool find_next(struct worker *w)
{
    struct list *link;

    while ((link = list_first(&w->live))) {
        struct live_batch *batch = batch_of(link);

        /* Nor is it known what was published before the broker announced its first id. */
        if (w->live_next == 0 && (batch->has_gap || msgid_is_zero(w->newest)))
            deliver_gap(w, batch->gaps);
        if (w->live_next < batch->n)
            return true;
        end_batch(w, batch);
    }
    return false;
}

/* Adds the messages that belong to the run. They stay in their batches. */
static void collect_run(struct worker *w, struct run *run)
{
    size_t next = w->live_next;

    list_for_each(link, &w->live)
    {
        struct live_batch *batch = batch_of(link);

        if (run->n && batch->has_gap)
            return;
        for (; next < batch->n; next++) {
            if (!run_add(run, batch->items[next]))
                return;
        }
        next = 0;
    }
}

/* Moves past n messages, the run that was delivered, and ends the batches before its last one. */
static void skip(struct worker *w, size_t n)
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

/* Delivers a portion. The rest waits for the next turn, so that this turn can send its output. */
static void on_live_task(struct loop_task *task)
{
    struct worker *w = container_of(task, struct worker, live_task);
    uint64_t cost = 0;
    size_t bytes = 0;

    while (bytes < portion_bytes(w) && cost < PORTION_DELIVERIES && find_next(w)) {
        struct run run = { .worker = w,
                           .most = most_messages(w),
                           .most_bytes = smaller(RUN_BYTES, portion_bytes(w) - bytes) };
        const struct message *last;

        collect_run(w, &run);
        assert(run.n > 0); /* find_next found a message */
        cost += deliver_run(w, &run);
        bytes += run.bytes;
        last = run.messages[run.n - 1];
        if (!last->legacy)
            advance_newest(w, last->id);
        skip(w, run.n);
    }
    if (!list_empty(&w->live))
        loop_at_end(w->loop, &w->live_task);
}

/* Delivers at the end of the turn: the broker may have posted a burst in many small batches, and
 * their messages for one client then leave in one write. */
void live_on_batch(struct mail *m, void *owner)
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
