/* join.c - how a subscription gets from history to live without a gap and without a duplicate, and
 * how one without history waits for its filter.
 *
 * Problem: a client that comes back wants every message since an id, first those in the log and
 * then those that are published from now on. They must neither overtake the log, nor come twice,
 * nor be lost.
 *
 * Idea: the machine of catch_up.c solves this for a reader of the log and the feed. Here the reader
 * is a subscription. It is in the trie from the start, and live messages go to the machine as soon
 * as its filter is live. reader.c asks for a page when the client has room:
 *
 *     log        ... 3  4  5  6 |              snapshot_end = 6
 *     live                  5  6  7  8 | 9     5 6 7 8 are held back until the last page has come
 *     client        [4  5] [6]   [7  8]  9     "since 3", in two pages; then live
 *
 * Invariant: `last` is the machine's mark. It is zero at first: everything in the history is new.
 * Everything up to snapshot_end comes from the log; everything above was published after the first
 * page was read, when the filter was live, so the machine holds it.
 *
 * The first page tells where the subscription begins, and answers the request. `recovered: false`
 * is the report of the gap in it; those of later pages are reported on their own. If the log cannot
 * be read, the subscription begins with live messages.
 *
 * Waiting: until its filter is live (wants.c), a subscription is not answered, reads nothing and
 * gets no messages: those that come are not above the id of the answer (broker/want.h).
 *
 * Bounds: held messages count towards MAX_OUTPUT_QUEUE. If they do not fit, they are read from the
 * log. Only without a log (in a batch) is the client disconnected, as for any full queue.
 *
 * In a batch of requests no message may precede the array of answers, although the join's own
 * answer is one of them. A page that arrives too early is dropped and read again afterwards.
 */
#include "app/sub/join.h"

#include <stdlib.h>

#include "app/conn/conn_input.h"
#include "app/conn/reply.h"
#include "app/sub/join_data.h"
#include "app/sub/join_machine.h"
#include "app/sub/join_many.h"
#include "app/sub/sub_covered.h"
#include "base/mem.h"

static struct join *join_of(struct reader *r)
{
    return container_of(r, struct join, reader);
}

static void join_free(struct join *j)
{
    reader_take_items(&j->reader, NULL);
    catch_up_done(&j->machine);
    join_many_free(j->many);
    free(j);
}

/* Answers the request, once. c is NULL if the client is gone; else there is a subscription. */
static void confirm(struct join *j, struct conn *c, bool recovered, struct msgid from)
{
    struct sub_joined joined = { join_filter(j), j->has_history, recovered, j->sub && j->sub->gaps,
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

/* Its subscriptions are live, or closed. */
static void forget(struct join *j)
{
    if (!j->many)
        j->sub->join = NULL;
    for (struct sub *s = j->many ? j->sub : NULL; s; s = sub_next(s))
        s->join = NULL;
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

    catch_up_done(&j->machine); /* as long as it has a connection */
    forget(j);
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
    struct join *j = s->join;

    if (j->is_waiting)
        return; /* it is not above the id at which the subscription will begin */
    if (j->many && m->legacy && sub_is_covered(s, m->topic))
        return; /* without an id, a duplicate could not be recognized */
    catch_up_live(&j->machine, m);
}

void join_gap(struct sub *s)
{
    if (!s->join->is_waiting)
        catch_up_interrupted(&s->join->machine);
}

/* ---- pages of the log ---- */

static bool is_read(const struct join *j)
{
    return j->reader.call.status == BROKER_DONE; /* otherwise Redis refuses, or the server stops */
}

static void set_next_question(struct join *j)
{
    catch_up_on_ask(&j->machine, &j->reader.call.history);
    if (j->many)
        join_many_ask(j->many, &j->reader.call.history);
}

/* Takes the page, or the end of the wait for the array. Returns true if another page is needed;
 * otherwise the subscription is live. */
static bool go_on(struct join *j)
{
    struct broker_history *h = &j->reader.call.history;
    bool wants_more = is_read(j) && catch_up_on_page(&j->machine, h);

    if (!is_read(j)) {
        j->sub->last = j->machine.mark = msgid_later(j->machine.mark, j->from);
        catch_up_fail(&j->machine);
    }
    j->gap_is_told = false;
    if (wants_more) {
        if (msgid_is_zero(h->snapshot_end))
            j->n_authored = 0; /* the messages of the next pages were live */
        set_next_question(j);
        return true;
    }
    forget(j);
    join_free(j);
    return false;
}

/* Returns the position behind which all messages lie that the subscription will get: before the
 * first one, or where the snapshot ends. */
static struct msgid begin_of_latest(const struct broker_history *h)
{
    if (h->ret_n)
        return msgid_before(h->ret_items[0]->id);
    return h->ret_more ? h->after : h->snapshot_end;
}

/* Returns the position at which the subscription begins: the requested point, but not ahead of the
 * log. If the log could not be read, it begins with live messages. */
static struct msgid start_of(const struct join *j)
{
    const struct broker_history *h = &j->reader.call.history;
    struct msgid from = j->from;

    if (!is_read(j))
        return j->opened;
    if (h->latest)
        return begin_of_latest(h);
    if (h->since)
        from = msgid_before((struct msgid){ .ms = (uint64_t)h->since });
    return msgid_cmp(h->snapshot_end, from) < 0 ? h->snapshot_end : from;
}

/* Answers the request with the first page. */
static void begin(struct join *j, struct conn *c)
{
    const struct broker_history *h = &j->reader.call.history;
    struct metrics_cell *m = j->reader.worker->metrics;
    bool recovered = is_read(j) && h->ret_complete;

    if (!is_read(j))
        metrics_inc(m, METRIC_HISTORY_FAILED);
    else
        metrics_inc(m, recovered ? METRIC_HISTORY_COMPLETE : METRIC_HISTORY_INCOMPLETE);
    j->from = start_of(j);
    j->gap_is_told = true;
    confirm(j, c, recovered, j->from);
}

/* The page came before the array of answers: it will be read again, from its first entry. Of this
 * one only the gaps are kept, which the answer tells. */
static void put_off(struct join *j)
{
    struct broker_history *h = &j->reader.call.history;

    j->waits_for_batch = true;
    if (!h->ret_n)
        return;
    h->after = msgid_before(h->ret_items[0]->id);
    h->ret_more = true;
    while (h->ret_n)
        message_unref(h->ret_items[--h->ret_n]);
}

static bool on_page(struct reader *r, struct conn *c)
{
    struct join *j = join_of(r);

    if (!j->sub || !c) { /* the subscription or the whole connection is gone */
        confirm(j, NULL, false, j->opened);
        join_free(j);
        return false;
    }
    if (j->many && is_read(j) && !join_many_take(j->many, &r->call.history))
        return true; /* the page of another filter comes next */
    if (!j->confirmed)
        begin(j, c);
    if (!list_linked(&j->after_batch.link))
        return go_on(j);
    put_off(j);
    return false;
}

static void on_batch_sent(struct batch_waiter *waiter)
{
    struct join *j = container_of(waiter, struct join, after_batch);

    if (!j->waits_for_batch)
        return; /* the join's own answer completed the array, and on_page continues */
    j->waits_for_batch = false;
    if (go_on(j))
        reader_start(&j->reader, j->sub->conn);
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
    j->reader.worker = s->conn->worker; /* for an answer before the first page */
    j->reader.on_page = on_page;
    j->reader.call.history.filter = join_filter(j);
    j->reader.call.history.ret_complete = true; /* nothing was read, and nothing is missing */
    reader_bound_page(s->conn, &j->reader.call.history);
    return j;
}

/* From now on, live messages go to the machine. */
static void start(struct join *j, struct msgid mark)
{
    struct sub *s = j->sub;

    s->last = mark;
    catch_up_start(&j->machine, &join_machine_ops, mark);
    j->machine.pages_overtake = true;
    j->machine.has_no_log = !s->conn->worker->context->config->enable_cache;
}

static void start_reading(struct join *j)
{
    start(j, (struct msgid){ 0 });
    set_next_question(j);
    reader_start(&j->reader, j->sub->conn);
}

/* The filter is live, so nothing is missing behind `newest`, or behind the log as it is from now
 * on. Requests that waited go on behind the answer, so that their messages come after it. */
static void on_filter_live(struct want_waiter *waiter, struct msgid newest)
{
    struct join *j = container_of(waiter, struct join, want);

    j->opened = newest;
    if (j->want.reads_history) {
        stop_waiting(j);
        start_reading(j);
        return;
    }
    start(j, newest);
    confirm(j, j->sub->conn, false, newest);
    stop_waiting(j);
    if (list_linked(&j->after_batch.link))
        j->waits_for_batch = true;
    else
        (void)go_on(j);
}

static void set_question(struct join *j, const struct eventlog_request *rq)
{
    struct broker_history *h = &j->reader.call.history;

    j->from = h->after = rq->from.id;
    h->since = rq->from.kind == EVENTLOG_SINCE ? rq->from.since : 0;
    h->newest = rq->limit;
    h->latest = rq->from.kind == EVENTLOG_LATEST;
}

static void set_up_many(struct join *j, const struct sub_request *rq)
{
    j->many = join_many_create(rq);
    j->bytes += join_many_bytes(j->many);
    for (struct sub *s = j->sub; s; s = sub_next(s))
        s->join = j;
}

void join_start(struct sub *s, const struct sub_request *rq, bool reads_history,
                struct reply *reply)
{
    struct join *j = join_create(s, rq->filter);

    if (reads_history) {
        set_question(j, &rq->log);
        j->n_authored = s->conn->worker->n_authored;
    }
    if (reply->batch)
        batch_wait(reply->batch, &j->after_batch);
    if (reply->id.p)
        j->reply = reply_take(reply, str_make(j->id, s->id_n));
    j->has_history = rq->log.from.kind != EVENTLOG_NONE;
    j->want.reads_history = reads_history;
    j->want.fn = on_filter_live;
    if (rq->n_more)
        set_up_many(j, rq);
    conn_call_began(s->conn, j->bytes);
    if (join_filters_are_live(s, rq->n_more, reads_history)) {
        start_reading(j);
        return;
    }
    j->is_waiting = true;
    if (s->id_n) /* an event stream makes no other request */
        order_begin(s->conn, &j->order);
    if (j->many)
        join_many_wait(j->many, s, &j->want);
    else
        wants_wait(s, rq->filter, &j->want);
}

void join_after(struct sub *s, struct str filter, struct batch *batch)
{
    struct join *j = join_create(s, filter);

    start(j, s->last);
    j->confirmed = true; /* the caller answers at once */
    j->waits_for_batch = true;
    batch_wait(batch, &j->after_batch);
}
