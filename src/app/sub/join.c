/* join.c - how a subscription gets from history to live without a gap and without a duplicate, and
 * how one without history waits for its filter.
 *
 * Problem: a client that comes back wants every message since an id, first those in the log and
 * then those that are published from now on. Reading the log page by page takes time, and new
 * messages arrive meanwhile. They must neither overtake the log, nor come twice, nor be lost.
 *
 * Idea: the subscription is in the trie from the start, but live messages go to a backlog as soon
 * as its filter is live. The first page fixes the end of a snapshot; all pages together hold
 * exactly the log up to that end. Then the backlog follows, without the messages that were in the
 * snapshot:
 *
 *     log        ... 3  4  5  6 |              snapshot_end = 6
 *     live                  5  6  7  8 | 9     the backlog holds 5 6 7 8 after the last page
 *     client        [4  5] [6]   [7  8]  9     "since 3", in two pages; then live
 *
 * Invariant: `last` never falls, and only messages above it are sent. Everything up to
 * snapshot_end comes from the log; everything above is in the backlog, because a message that the
 * snapshot does not hold was published after the first page was read, and the filter was live then.
 *
 * Waiting: until its filter is live (wants.c), a subscription is not answered, reads nothing and
 * gets no messages: those that come are not above the id of the answer (broker/want.h). From then
 * on one without history has nothing to join, unless it waits for the array of its batch.
 *
 * Overflow: the backlog counts towards MAX_OUTPUT_QUEUE. If it is full, it is emptied and has_gap
 * is set: the dropped messages must be read from the log, from snapshot_end to a new snapshot end.
 * So the log is the buffer for a client that reads slowly. A gap in the live stream is handled
 * in the same way. Only without a log (in a batch) is the client disconnected, as for any full
 * queue.
 *
 * In a batch of requests no message may precede the array of answers, although the join's own
 * answer is one of them. A page that arrives too early is dropped and read again afterwards.
 *
 * A second snapshot must not be read by `since` again: a live message may have an older timestamp
 * from its publisher, and reading by time would miss it.
 */
#include "app/sub/join.h"

#include <stdlib.h>

#include "app/conn/conn_input.h"
#include "app/conn/reply.h"
#include "app/sub/delivery.h"
#include "app/sub/reader.h"
#include "app/sub/sub_backlog.h"
#include "app/sub/wants.h"
#include "base/mem.h"
#include "broker/gaps.h"
#include "hub/topic.h"

struct join {
    struct reader reader; /* must come first (reader.h) */
    struct sub *sub;      /* NULL: the subscription was closed meanwhile */
    struct reply reply;
    struct order order; /* WebSocket: while is_waiting is set */
    struct want_waiter want;
    struct batch_waiter after_batch;
    bool has_history;     /* the request asked for it, though there may be no log */
    bool is_waiting;      /* for its filter to be live */
    bool confirmed;       /* the request was answered */
    bool waits_for_batch; /* for the array to be sent; reads nothing meanwhile */
    struct sub_backlog backlog;
    struct gaps_told told; /* gaps in the log that were reported already */
    struct msgid from;     /* the id that the request named */
    struct msgid opened;   /* where the subscription begins without history */
    size_t bytes;          /* of this block */
    size_t filter_n;
    char filter[TOPIC_MAX];
    char id[]; /* of the request */
};

static struct join *join_of(struct reader *r)
{
    return container_of(r, struct join, reader);
}

static struct str filter_of(const struct join *j)
{
    return str_make(j->filter, j->filter_n);
}

static void join_free(struct join *j)
{
    gaps_told_done(&j->told);
    free(j);
}

/* Answers the request, once. c is NULL if the client is gone; else there is a subscription. */
static void confirm(struct join *j, struct conn *c, bool recovered, struct msgid from)
{
    struct sub_joined joined = { filter_of(j), j->has_history, recovered, j->sub && j->sub->gaps,
                                 from };

    if (j->confirmed)
        return;
    j->confirmed = true;
    if (c)
        c->writer->joined(c, &j->reply, &joined);
    reply_drop(&j->reply);
    conn_call_ended(j->reader.worker, c, j->bytes);
}

/* Drops the reply if the connection ends before the log was read. `recovered: false` would
 * claim that messages are missing, although the log was not read. An error would not help: the
 * client sees that the connection ends, and eventhub-jsclient subscribes again by itself, but does
 * not handle an error of that request. */
static void fail(struct join *j, struct conn *c)
{
    if (j->confirmed)
        return;
    j->confirmed = true;
    if (j->want.reads_history)
        metrics_inc(j->reader.worker->metrics, METRIC_HISTORY_FAILED);
    reply_drop(&j->reply);
    conn_call_ended(j->reader.worker, c, j->bytes);
}

/* Lets the client's later requests go on. */
static void stop_waiting(struct join *j)
{
    j->is_waiting = false;
    if (list_linked(&j->want.link))
        list_remove(&j->want.link);
    order_end(&j->order);
}

bool join_is_waiting(const struct sub *s)
{
    return s->join->is_waiting;
}

struct order *join_order(const struct sub *s)
{
    return &s->join->order;
}

void join_abandon(struct sub *s, bool has_failed)
{
    struct join *j = s->join;
    struct conn *c = s->conn->state == CONN_DEAD ? NULL : s->conn;

    sub_backlog_clear(&j->backlog, s->conn);
    s->join = NULL;
    if (list_linked(&j->after_batch.link))
        list_remove(&j->after_batch.link);
    if (has_failed)
        fail(j, c);
    else
        confirm(j, c, false, j->opened);
    j->sub = NULL;
    if (j->is_waiting)
        stop_waiting(j);
    else if (reader_is_waiting(&j->reader))
        reader_cancel(&j->reader);
    else if (!j->waits_for_batch)
        return; /* a page is under way; on_page frees the join */
    join_free(j);
}

/* ---- live messages ---- */

void join_buffer(struct sub *s, struct message *m)
{
    if (s->join->is_waiting)
        return; /* it is not above the id at which the subscription will begin */
    if (m->legacy || msgid_cmp(m->id, s->last) > 0)
        sub_backlog_add(&s->join->backlog, s->conn, m);
}

/* Notes a gap. If there is a log, reading it shows what is missing; without one, only the gap is
 * kept. */
void join_gap(struct sub *s)
{
    if (s->join->is_waiting)
        return;
    if (s->conn->worker->context->config->enable_cache)
        sub_backlog_overflow(&s->join->backlog, s->conn);
    else
        sub_backlog_add(&s->join->backlog, s->conn, NULL);
}

/* ---- pages of the log ---- */

static bool is_read(const struct join *j)
{
    return j->reader.call.status == BROKER_DONE; /* otherwise Redis refuses, or the server stops */
}

static void deliver_one(struct reader *r, struct message *m)
{
    struct join *j = join_of(r);
    struct delivery d;

    if (!j->sub)
        return;
    delivery_init(&d, r->worker, m);
    delivery_send(&d, j->sub);
    delivery_done(&d);
}

static void deliver_entry(struct reader *r, struct message *m)
{
    gaps_delivered(&join_of(r)->told, m, true);
    deliver_one(r, m);
}

/* Returns true if another page is needed. A gap in the backlog begins a new snapshot. */
static bool wants_more(struct join *j)
{
    struct broker_history *h = &j->reader.call.history;

    if (!is_read(j))
        return false;
    if (h->ret_more)
        return true;
    sub_backlog_check(&j->backlog, j->sub->conn);
    if (!j->backlog.has_gap)
        return false;
    j->backlog.has_gap = false;
    gaps_interrupted(&j->told); /* what the next snapshot lacks may be missing since then */
    h->after = msgid_cmp(h->snapshot_end, j->sub->last) > 0 ? h->snapshot_end : j->sub->last;
    h->since = 0; /* the dropped messages were live, whatever their timestamps */
    h->snapshot_end = (struct msgid){ 0 };
    return true;
}

/* Ends the join: the log was read up to snapshot_end, and the backlog follows without a gap. */
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
    for (size_t i = 0; i < j->backlog.n; i++) {
        if (j->backlog.messages[i])
            deliver_one(&j->reader, j->backlog.messages[i]);
        else
            s->conn->writer->gap(s, filter_of(j));
    }
    sub_backlog_clear(&j->backlog, s->conn);
    join_free(j);
}

/* Returns the position at which the subscription begins: the requested point, but not ahead of the
 * log. If the log could not be read, it begins with live messages. */
static struct msgid start_of(const struct join *j)
{
    const struct broker_history *h = &j->reader.call.history;
    struct msgid from = j->from;

    if (!is_read(j))
        return j->opened;
    if (h->since)
        from = msgid_before((struct msgid){ .ms = (uint64_t)h->since });
    return msgid_cmp(h->snapshot_end, from) < 0 ? h->snapshot_end : from;
}

/* Reports the gaps that a page found. The answer to the request covers those of the first page (its
 * `recovered`), so only gaps of later pages are reported on their own. */
static void report_gaps(struct join *j, bool is_first)
{
    struct gaps *gaps = NULL;
    bool has_new = !is_read(j) || gaps_news(&j->told, &j->reader.call.history, &gaps);

    for (size_t i = 0; gaps && !is_first && i < gaps->n; i++)
        j->sub->conn->writer->gap(j->sub, gaps->topics[i]);
    if (has_new && !gaps && !is_first)
        j->sub->conn->writer->gap(j->sub, filter_of(j));
    free(gaps);
}

static bool on_page(struct reader *r, struct conn *c)
{
    struct join *j = join_of(r);
    struct broker_history *h = &r->call.history;
    struct metrics_cell *m = r->worker->metrics;
    bool is_first = !j->confirmed;

    if (!j->sub || !c) { /* the subscription or the whole connection is gone */
        reader_take_items(r, NULL);
        confirm(j, NULL, false, j->opened);
        join_free(j);
        return false;
    }
    if (is_first) {
        struct msgid from = start_of(j);
        bool recovered = is_read(j) && h->ret_complete;

        if (!is_read(j))
            j->sub->last = from; /* what came before it is history */
        if (is_read(j))
            metrics_inc(m, recovered ? METRIC_HISTORY_COMPLETE : METRIC_HISTORY_INCOMPLETE);
        else
            metrics_inc(m, METRIC_HISTORY_FAILED);
        confirm(j, c, recovered, from);
    }
    if (list_linked(&j->after_batch.link)) { /* too early: read this page again after the array */
        if (h->ret_n) {
            h->after = msgid_before(h->ret_items[0]->id);
            h->ret_more = true;
        }
        reader_take_items(r, NULL);
        j->waits_for_batch = true;
        return false;
    }
    if (j->sub->gaps)
        report_gaps(j, is_first);
    reader_take_items(r, deliver_entry);
    if (wants_more(j))
        return true;
    go_live(j);
    return false;
}

static void on_batch_sent(struct batch_waiter *waiter)
{
    struct join *j = container_of(waiter, struct join, after_batch);

    if (!j->waits_for_batch)
        return; /* the join's own answer completed the array, and on_page continues */
    j->waits_for_batch = false;
    if (wants_more(j))
        reader_start(&j->reader, j->sub->conn);
    else
        go_live(j);
}

/* ---- the start ---- */

static struct join *join_create(struct sub *s, struct str filter)
{
    struct join *j = mem_zalloc(sizeof(*j) + s->id_n);

    memcpy(j->filter, filter.p, filter.n);
    j->filter_n = filter.n;
    memcpy(j->id, s->id, s->id_n);
    j->bytes = sizeof(*j) + s->id_n;
    j->opened = s->last;
    j->sub = s;
    s->join = j;
    j->after_batch.fn = on_batch_sent;
    j->reader.worker = s->conn->worker; /* for deliveries before the first page */
    j->reader.on_page = on_page;
    j->reader.call.history.filter = filter_of(j);
    reader_bound_page(s->conn, &j->reader.call.history);
    return j;
}

/* The filter is live, so nothing is missing behind `newest`, or behind the log as it is from now
 * on. Requests that waited go on behind the answer, so that their messages come after it. */
static void on_filter_live(struct want_waiter *waiter, struct msgid newest)
{
    struct join *j = container_of(waiter, struct join, want);
    struct conn *c = j->sub->conn;

    j->opened = newest;
    if (j->want.reads_history) {
        stop_waiting(j);
        reader_start(&j->reader, c);
        return;
    }
    j->sub->last = newest;
    confirm(j, c, false, newest);
    stop_waiting(j);
    if (list_linked(&j->after_batch.link))
        j->waits_for_batch = true;
    else
        go_live(j);
}

static void set_question(struct join *j, const struct eventlog_request *rq)
{
    struct broker_history *h = &j->reader.call.history;

    j->sub->last = (struct msgid){ 0 }; /* everything in the history is new */
    j->from = h->after = rq->from.id;
    h->since = rq->from.kind == EVENTLOG_SINCE ? rq->from.since : 0;
    h->newest = rq->limit;
}

void join_start(struct sub *s, const struct sub_request *rq, bool reads_history,
                struct reply *reply)
{
    struct join *j = join_create(s, rq->filter);

    if (reads_history)
        set_question(j, &rq->log);
    if (reply->batch)
        batch_wait(reply->batch, &j->after_batch);
    if (reply->id.p)
        j->reply = reply_take(reply, str_make(j->id, s->id_n));
    j->has_history = rq->log.from.kind != EVENTLOG_NONE;
    j->want.reads_history = reads_history;
    j->want.fn = on_filter_live;
    conn_call_began(s->conn, j->bytes);
    if (wants_is_live(s, reads_history)) {
        reader_start(&j->reader, s->conn);
        return;
    }
    j->is_waiting = true;
    if (s->id_n) /* an event stream makes no other request */
        order_begin(s->conn, &j->order);
    wants_wait(s, rq->filter, &j->want);
}

void join_after(struct sub *s, struct str filter, struct batch *batch)
{
    struct join *j = join_create(s, filter);

    j->confirmed = true; /* the caller answers at once */
    j->waits_for_batch = true;
    batch_wait(batch, &j->after_batch);
}
