/* join.c - how a subscription joins history and live: the log is read page by page up to a cut,
 * live messages are set aside meanwhile, and what is above the cut follows.
 */
#include <stdlib.h>

#include "app/sub/reader.h"
#include "app/conn/reply.h"
#include "app/sub/sub.h"
#include "base/mem.h"
#include "broker/gaps.h"
#include "hub/topic.h"

#define ASIDE_COST 128 /* of a message set aside, beside its body: the head and the unit to be */

struct join {
    struct reader reader; /* first: it is freed as one */
    struct sub *sub;      /* NULL: the subscription ended meanwhile */
    struct reply reply;
    struct batch_waiter after_batch;
    bool confirmed;       /* the request was answered */
    bool waits_for_batch; /* for its array to be sent; reads nothing meanwhile */
    bool aside_lost;      /* what was set aside does not follow on the cut: read to a new one */
    size_t n_aside;
    size_t cap_aside;
    size_t aside_bytes;       /* counted in conn->aside_bytes, too */
    struct message **backlog; /* NULL in it: messages were lost there */
    struct gaps_told said;    /* of the holes in the log, for one that wants to know */
    struct msgid from;        /* the id that was asked for */
    size_t bytes;             /* what the request holds */
    size_t filter_n;
    char filter[TOPIC_MAX];
    char id[]; /* of the request */
};

static struct join *join_of(struct reader *r)
{
    return container_of(r, struct join, reader);
}

/* The connection lives as long as the subscription, and nothing is set aside without one. */
static void aside_clear(struct join *j)
{
    size_t *waiting = loop_waiting(j->reader.worker->loop);

    if (j->sub)
        j->sub->conn->aside_bytes -= j->aside_bytes;
    for (size_t i = 0; i < j->n_aside; i++) {
        if (j->backlog[i])
            *waiting -= shared_unref_waiting(&j->backlog[i]->shared);
    }
    free(j->backlog);
    j->backlog = NULL;
    j->n_aside = j->cap_aside = j->aside_bytes = 0;
}

static void join_free(struct join *j)
{
    gaps_told_done(&j->said);
    free(j);
}

/* c is NULL when nobody is left to be told; from when that is not known or not asked for. */
static void confirm(struct join *j, struct conn *c, bool recovered, const struct msgid *from)
{
    struct sub_joined joined = { str_make(j->filter, j->filter_n), true, recovered, from };

    if (j->confirmed)
        return;
    j->confirmed = true;
    if (c)
        c->writer->joined(c, &j->reply, &joined);
    reply_drop(&j->reply);
    conn_call_ended(j->reader.worker, c, j->bytes);
}

void join_abandon(struct sub *s)
{
    struct join *j = s->join;

    aside_clear(j);
    s->join = NULL;
    j->sub = NULL;
    if (list_linked(&j->after_batch.link))
        list_remove(&j->after_batch.link);
    confirm(j, s->conn->state == CONN_DEAD ? NULL : s->conn, false, NULL);
    if (reader_is_waiting(&j->reader))
        reader_cancel(&j->reader);
    else if (!j->waits_for_batch)
        return; /* its page comes back, and frees it */
    join_free(j);
}

/* With what waits already, be that nothing: unlike a message that goes out, one that does not fit
 * is not lost, however large it is. */
static bool aside_fits(const struct join *j, size_t more)
{
    const struct conn *c = j->sub->conn;
    return conn_waiting(c) + more <= c->worker->context->config->max_output_queue;
}

/* The log is the buffer. Without one there is no other, and the client has its limit. */
static void aside_lose(struct join *j)
{
    struct conn *c = j->sub->conn;

    if (!c->worker->context->config->enable_cache)
        conn_overflow(c);
    aside_clear(j);
    j->aside_lost = true;
}

/* m NULL: a gap. */
static void backlog_add(struct join *j, struct message *m)
{
    size_t cost = (m ? m->body.n : 0) + ASIDE_COST;

    if (!aside_fits(j, cost)) {
        aside_lose(j);
        return;
    }
    if (j->n_aside == j->cap_aside) {
        j->cap_aside = j->cap_aside ? j->cap_aside * 2 : 16;
        j->backlog = mem_array(j->backlog, j->cap_aside, sizeof(j->backlog[0]));
    }
    j->backlog[j->n_aside++] = m;
    if (m)
        *loop_waiting(j->sub->conn->worker->loop) += shared_ref_waiting(&m->shared);
    output_changed(j->sub->conn->worker);
    j->aside_bytes += cost;
    j->sub->conn->aside_bytes += cost;
}

void join_aside(struct sub *s, struct message *m)
{
    if (m->legacy || msgid_cmp(m->id, s->last) > 0)
        backlog_add(s->join, m);
}

/* Without a log there is nothing to read, and the place of the gap is what can be kept. */
void join_gap(struct sub *s)
{
    if (s->conn->worker->context->config->enable_cache)
        aside_lose(s->join);
    else
        backlog_add(s->join, NULL);
}

static void deliver_one(struct reader *r, struct message *m)
{
    struct join *j = join_of(r);
    struct delivery d;

    if (!j->sub)
        return;
    delivery_init(&d, r->worker, m);
    sub_deliver(j->sub, &d);
    delivery_done(&d);
}

/* The cut is reached, and what was set aside follows on it without a gap. */
static void go_live(struct join *j)
{
    struct sub *s = j->sub;
    struct msgid snapshot_end = j->reader.call.history.snapshot_end;

    s->join = NULL;
    if (msgid_cmp(snapshot_end, s->last) > 0) {
        s->last = snapshot_end;
        if (s->conn->writer->caught_up)
            s->conn->writer->caught_up(s->conn, snapshot_end);
    }
    for (size_t i = 0; i < j->n_aside; i++) {
        if (j->backlog[i])
            deliver_one(&j->reader, j->backlog[i]);
        else
            sub_gap(s);
    }
    aside_clear(j);
}

static bool is_read(const struct join *j)
{
    return j->reader.call.status == BROKER_DONE; /* else the broker ends, or Redis refuses */
}

/* True when another page is needed. */
static bool wants_more(struct join *j)
{
    struct broker_history *h = &j->reader.call.history;

    if (h->ret_more)
        return true;
    if (j->n_aside && !aside_fits(j, 0))
        aside_lose(j);
    if (!j->aside_lost)
        return false;
    j->aside_lost = false;
    h->after = msgid_cmp(h->snapshot_end, j->sub->last) > 0 ? h->snapshot_end : j->sub->last;
    h->since = 0; /* these were live: whatever time they bear */
    h->snapshot_end = (struct msgid){ 0 };
    return true;
}

static void count_outcome(const struct join *j)
{
    const struct broker_call *call = &j->reader.call;
    struct metrics_cell *m = j->reader.worker->metrics;

    if (call->status != BROKER_DONE)
        metrics_inc(m, METRIC_HISTORY_FAILED);
    else if (call->history.ret_complete)
        metrics_inc(m, METRIC_HISTORY_COMPLETE);
    else
        metrics_inc(m, METRIC_HISTORY_INCOMPLETE);
}

/* The subscription or the whole connection is gone. */
static bool give_up(struct join *j)
{
    reader_take_items(&j->reader, NULL);
    confirm(j, NULL, false, NULL);
    join_free(j);
    return false;
}

/* Whether the next page is wanted; else the join is over. */
static bool go_on(struct join *j)
{
    if (is_read(j) && wants_more(j))
        return true;
    go_live(j);
    join_free(j);
    return false;
}

/* The page came before the batch's array could go: it will be asked for again. */
static void put_back(struct join *j)
{
    struct broker_history *h = &j->reader.call.history;

    if (h->ret_n) {
        h->after = msgid_before(h->ret_items[0]->id);
        h->ret_more = true;
    }
    reader_take_items(&j->reader, NULL);
    j->waits_for_batch = true;
}

/* Where the subscription begins: what it asked for, but nothing that lies ahead; with what is live
 * where the log could not be read. */
static struct msgid start_of(const struct join *j)
{
    const struct broker_history *h = &j->reader.call.history;
    struct msgid from = j->from;

    if (!is_read(j))
        return j->reader.worker->newest;
    if (h->since)
        from = msgid_before((struct msgid){ .ms = (uint64_t)h->since });
    return msgid_cmp(h->snapshot_end, from) < 0 ? h->snapshot_end : from;
}

static void answer(struct join *j, struct conn *c)
{
    struct msgid from = start_of(j);
    bool recovered = is_read(j) && j->reader.call.history.ret_complete;

    count_outcome(j);
    confirm(j, c, recovered, j->sub->gaps ? &from : NULL);
}

/* What is missing after the first page's point is in the answer; after the others' it is told. */
static void check_page(struct join *j, bool is_first)
{
    struct gaps *gaps = NULL;
    bool is_news = is_read(j) ? gaps_news(&j->said, &j->reader.call.history, &gaps) : true;

    for (size_t i = 0; gaps && !is_first && i < gaps->n; i++)
        j->sub->conn->writer->gap(j->sub, gaps->topics[i]);
    if (is_news && !gaps && !is_first)
        j->sub->conn->writer->gap(j->sub, str_make(j->filter, j->filter_n));
    free(gaps);
}

static bool on_page(struct reader *r, struct conn *c)
{
    struct join *j = join_of(r);
    bool is_first = !j->confirmed;

    if (!j->sub || !c)
        return give_up(j);
    if (is_first)
        answer(j, c);
    if (list_linked(&j->after_batch.link)) {
        put_back(j);
        return false;
    }
    if (j->sub->gaps)
        check_page(j, is_first);
    reader_take_items(r, deliver_one);
    return go_on(j);
}

static void on_batch_sent(struct batch_waiter *waiter)
{
    struct join *j = container_of(waiter, struct join, after_batch);
    struct conn *c = j->sub->conn;

    if (!j->waits_for_batch)
        return; /* its confirmation was the last answer: on_page goes on */
    j->waits_for_batch = false;
    if (go_on(j))
        reader_start(&j->reader, c);
}

static struct join *join_create(struct sub *s, struct str filter)
{
    struct join *j = mem_zalloc(sizeof(*j) + s->id_n);

    memcpy(j->filter, filter.p, filter.n);
    j->filter_n = filter.n;
    memcpy(j->id, s->id, s->id_n);
    j->bytes = sizeof(*j) + s->id_n;
    j->sub = s;
    s->join = j;
    j->after_batch.fn = on_batch_sent;
    j->reader.worker = s->conn->worker; /* for what is delivered before it reads */
    j->reader.on_page = on_page;
    j->reader.call.history.filter = str_make(j->filter, j->filter_n);
    reader_bound_page(s->conn, &j->reader.call.history);
    return j;
}

void join_start(struct sub *s, struct str filter, const struct eventlog_request *rq,
                struct reply *reply)
{
    struct join *j = join_create(s, filter);
    struct broker_history *h = &j->reader.call.history;

    s->last = (struct msgid){ 0 }; /* what history brings is new, and its cut is the new start */
    j->from = h->after = rq->from.id;
    h->since = rq->from.kind == EVENTLOG_SINCE ? rq->from.since : 0;
    h->newest = rq->limit;
    if (reply->batch)
        batch_wait(reply->batch, &j->after_batch);
    j->reply = reply_take(reply, str_make(j->id, s->id_n));
    conn_call_began(s->conn, j->bytes);
    reader_start(&j->reader, s->conn);
}

void join_after(struct sub *s, struct str filter, struct batch *batch)
{
    struct join *j = join_create(s, filter);

    j->confirmed = true; /* at once, by the caller */
    j->waits_for_batch = true;
    batch_wait(batch, &j->after_batch);
}
