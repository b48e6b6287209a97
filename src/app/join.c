/* join.c - how a subscription joins history and live: the log is read page by page up to a cut,
 * live messages are set aside meanwhile, and what is above the cut follows.
 */
#include <stdlib.h>

#include "app/rpc.h"
#include "app/sub.h"
#include "base/mem.h"
#include "hub/topic.h"

struct join {
    struct pending pending; /* first: it is freed as one */
    struct sub *sub;        /* NULL: the subscription ended meanwhile */
    bool confirmed;         /* the request was answered */
    bool waits_for_room;    /* no page is under way */
    bool aside_lost;        /* what was set aside does not follow on the cut: read to a new one */
    size_t n_aside;
    size_t cap_aside;
    size_t aside_bytes;
    struct message **aside;
    size_t filter_n;
    char filter[TOPIC_MAX];
    char id[]; /* of the request */
};

static struct join *join_of(struct pending *p)
{
    return container_of(p, struct join, pending);
}

static void aside_clear(struct join *j)
{
    for (size_t i = 0; i < j->n_aside; i++)
        message_unref(j->aside[i]);
    free(j->aside);
    j->aside = NULL;
    j->n_aside = j->cap_aside = j->aside_bytes = 0;
}

static void confirm(struct join *j, struct conn *c, bool recovered)
{
    if (j->confirmed)
        return;
    j->confirmed = true;
    conn_ws_send_text(
        c,
        jsonrpc_result_tree(j->pending.id, json_pack("{s:s, s:b, s:s, s:s%}", "action", "subscribe",
                                                     "recovered", (int)recovered, "status", "ok",
                                                     "topic", j->filter, j->filter_n)));
}

void join_abandon(struct sub *s)
{
    struct join *j = s->join;

    s->join = NULL;
    j->sub = NULL;
    aside_clear(j);
    if (s->conn->state != CONN_DEAD)
        confirm(j, s->conn, false);
    if (j->waits_for_room) { /* no page is under way whose answer would free it */
        size_t bytes = j->pending.bytes;

        s->conn->n_joins_waiting--;
        free(j);
        conn_call_ended(s->conn->worker, s->conn, bytes);
    }
}

void join_aside(struct sub *s, struct message *m)
{
    struct join *j = s->join;
    size_t cost = m->body.n + sizeof(m);

    if (!m->foreign && msgid_cmp(m->id, s->last) <= 0)
        return;
    if (!conn_has_room(s->conn, j->aside_bytes + cost)) {
        aside_clear(j); /* the log is the buffer */
        j->aside_lost = true;
    }
    if (j->n_aside == j->cap_aside) {
        j->cap_aside = j->cap_aside ? j->cap_aside * 2 : 16;
        j->aside = mem_array(j->aside, j->cap_aside, sizeof(j->aside[0]));
    }
    j->aside[j->n_aside++] = message_ref(m);
    j->aside_bytes += cost;
}

static void deliver_one(const struct join *j, struct sub *s, struct message *m)
{
    struct delivery d;

    delivery_init(&d, j->pending.worker, m);
    sub_deliver(s, &d);
    delivery_done(&d);
}

static void send_page(struct join *j, struct broker_history *h)
{
    for (size_t i = 0; i < h->ret_n; i++) {
        if (j->sub)
            deliver_one(j, j->sub, h->ret_items[i]);
        message_unref(h->ret_items[i]);
    }
    free(h->ret_items);
    h->ret_items = NULL;
    h->ret_n = 0;
}

static void go_live(struct join *j)
{
    struct sub *s = j->sub;

    s->join = NULL;
    j->sub = NULL;
    if (msgid_cmp(j->pending.call.history.cut, s->last) > 0)
        s->last = j->pending.call.history.cut;
    for (size_t i = 0; i < j->n_aside; i++)
        deliver_one(j, s, j->aside[i]);
    aside_clear(j);
}

/* True when another page is needed; it may have to wait until the client has read some. */
static bool read_on(struct join *j, struct conn *c)
{
    struct broker_history *h = &j->pending.call.history;

    if (!h->ret_more && !j->aside_lost)
        return false;
    if (!h->ret_more) {
        j->aside_lost = false;
        h->after = msgid_cmp(h->cut, j->sub->last) > 0 ? h->cut : j->sub->last;
        h->cut = (struct msgid){ 0 };
    }
    if (stream_queued(&c->stream) >= c->worker->context->config->max_output_queue / 2) {
        j->waits_for_room = true;
        c->n_joins_waiting++;
        return true;
    }
    pending_continue(&j->pending);
    return true;
}

void join_on_room(struct conn *c)
{
    list_for_each(link, &c->subs)
    {
        struct join *j = container_of(link, struct sub, link)->join;

        if (!j || !j->waits_for_room)
            continue;
        j->waits_for_room = false;
        c->n_joins_waiting--;
        pending_continue(&j->pending);
    }
}

static void count_outcome(struct worker *w, const struct broker_call *call)
{
    bool complete = call->history.ret_complete;

    if (call->status != BROKER_DONE)
        metrics_inc(w->metrics, METRIC_HISTORY_FAILED);
    else
        metrics_inc(w->metrics, complete ? METRIC_HISTORY_COMPLETE : METRIC_HISTORY_INCOMPLETE);
}

static bool on_page(struct pending *p, struct conn *c)
{
    struct join *j = join_of(p);
    struct broker_history *h = &p->call.history;

    if (!j->sub || !c) { /* gone meanwhile: sub_close has said so */
        j->sub = NULL;
        send_page(j, h);
        return false;
    }
    if (!j->confirmed) {
        count_outcome(p->worker, &p->call);
        confirm(j, c, p->call.status == BROKER_DONE && h->ret_complete);
    }
    if (p->call.status == BROKER_DONE) {
        send_page(j, h);
        if (read_on(j, c))
            return true;
    }
    go_live(j);
    return false;
}

static uint32_t page_bytes(const struct conn *c)
{
    uint64_t quarter = c->worker->context->config->max_output_queue / 4;

    return quarter < BROKER_PAGE_BYTES ? (uint32_t)quarter : BROKER_PAGE_BYTES;
}

void join_start(struct sub *s, struct str filter, const struct eventlog_request *rq)
{
    struct join *j = mem_zalloc(sizeof(*j) + s->id_n);
    struct broker_history *h = &j->pending.call.history;

    memcpy(j->filter, filter.p, filter.n);
    j->filter_n = filter.n;
    memcpy(j->id, s->id, s->id_n);
    j->sub = s;
    s->join = j;
    s->last = (struct msgid){ 0 }; /* what history brings is new, and its cut is the new start */
    j->pending.id = str_make(j->id, s->id_n);
    j->pending.bytes = sizeof(*j) + s->id_n;
    j->pending.done = on_page;
    h->filter = str_make(j->filter, j->filter_n);
    h->after = rq->from.id;
    h->since = rq->from.kind == EVENTLOG_SINCE ? rq->from.since : 0;
    h->newest = rq->limit;
    h->max_bytes = page_bytes(s->conn);
    pending_start(&j->pending, s->conn, BROKER_OP_HISTORY);
}
