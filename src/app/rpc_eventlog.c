/* rpc_eventlog.c - eventlog: what the log holds since a point, as one answer. */
#include <stdlib.h>

#include "app/rpc.h"
#include "base/clock.h"
#include "base/mem.h"

struct log_query {
    struct pending pending; /* first: it is freed as one */
    bool is_after_id;       /* sinceEventId: the oldest, with `recovered` */
    bool has_begun;         /* the first page came */
    bool complete;
    uint32_t wanted;  /* items still to come at most */
    size_t max_bytes; /* of the answer */
    struct buf items; /* JSON, separated by commas */
    size_t id_n;
    char text[]; /* id, then the topic */
};

static struct log_query *query_of(struct pending *p)
{
    return container_of(p, struct log_query, pending);
}

static void take_items(struct log_query *q)
{
    struct broker_history *h = &q->pending.call.history;

    for (size_t i = 0; i < h->ret_n; i++) {
        if (buf_used(&q->items))
            buf_add_char(&q->items, ',');
        buf_add_str(&q->items, message_object(h->ret_items[i]));
        message_unref(h->ret_items[i]);
    }
    q->wanted -= (uint32_t)h->ret_n;
    free(h->ret_items);
    h->ret_items = NULL;
    h->ret_n = 0;
}

/* An answer of its own making, since the items are JSON already. Keys in the order of upstream. */
static void answer(struct log_query *q, struct conn *c)
{
    const struct broker_history *h = &q->pending.call.history;
    struct buf out = { 0 };

    buf_add_str(&out, STR("{\"action\":\"eventlog\",\"items\":["));
    buf_add_str(&out, buf_str(&q->items));
    buf_add_char(&out, ']');
    if (h->ret_more)
        buf_add_str(&out, STR(",\"more\":true"));
    if (q->is_after_id)
        buf_addf(&out, ",\"recovered\":%s", q->complete ? "true" : "false");
    buf_addf(&out, ",\"status\":\"ok\",\"topic\":\"%.*s\"}", STR_ARG(h->filter));
    conn_ws_send_text(c, jsonrpc_result(q->pending.id, buf_str(&out)));
    buf_done(&out);
}

static bool next_page(struct log_query *q)
{
    struct broker_history *h = &q->pending.call.history;

    if (!h->ret_more || q->wanted == 0 || buf_used(&q->items) >= q->max_bytes)
        return false;
    h->max_entries = q->wanted < BROKER_PAGE_ENTRIES ? q->wanted : BROKER_PAGE_ENTRIES;
    pending_continue(&q->pending);
    return true;
}

static bool on_page(struct pending *p, struct conn *c)
{
    struct log_query *q = query_of(p);

    if (p->call.status == BROKER_DONE) {
        take_items(q);
        if (!q->has_begun)
            q->complete = p->call.history.ret_complete;
        q->has_begun = true;
        if (c && next_page(q))
            return true;
        metrics_inc(p->worker->metrics,
                    q->complete ? METRIC_HISTORY_COMPLETE : METRIC_HISTORY_INCOMPLETE);
        if (c && p->id.p)
            answer(q, c);
    } else {
        metrics_inc(p->worker->metrics, METRIC_HISTORY_FAILED);
        if (c && p->id.p)
            rpc_refuse(c, p->id, JSONRPC_BROKER, STR("the log could not be read"));
    }
    buf_done(&q->items);
    return false;
}

static struct log_query *query_create(struct rpc_call *call, struct str topic,
                                      const struct eventlog_request *rq)
{
    const struct config *config = call->conn->worker->context->config;
    struct log_query *q = mem_zalloc(sizeof(*q) + call->id.n + topic.n);
    struct broker_history *h = &q->pending.call.history;

    q->wanted = rq->limit ? rq->limit : (uint32_t)config->max_cache_request_limit;
    q->max_bytes = config->max_output_queue / 2;
    q->is_after_id = rq->from.kind == EVENTLOG_AFTER;
    if (call->id.p)
        q->pending.id = str_make(memcpy(q->text, call->id.p, call->id.n), call->id.n);
    h->filter = str_make(memcpy(q->text + call->id.n, topic.p, topic.n), topic.n);
    h->after = rq->from.id;
    h->since = rq->from.kind == EVENTLOG_SINCE ? rq->from.since : 0;
    h->newest = q->is_after_id ? 0 : q->wanted;
    h->max_entries = q->wanted < BROKER_PAGE_ENTRIES ? q->wanted : BROKER_PAGE_ENTRIES;
    q->pending.bytes = sizeof(*q) + call->id.n + topic.n;
    q->pending.done = on_page;
    q->pending.call.deadline = clock_mono_ms() + config->broker_timeout * 1000;
    return q;
}

int rpc_eventlog(struct rpc_call *call)
{
    const struct config *config = call->conn->worker->context->config;
    struct eventlog_request rq;
    struct str topic;
    const char *why;

    EH_TRY(rpc_topic(call, AUTH_READ, true, &topic));
    if (eventlog_request_read(call->params, (uint32_t)config->max_cache_request_limit, &rq, &why) <
        0)
        return rpc_fail(call, JSONRPC_INVALID_PARAMS, "%s", why);
    if (rq.from.kind == EVENTLOG_NONE)
        return rpc_fail(call, JSONRPC_INVALID_PARAMS, "since or sinceEventId must be given");
    if (!config->enable_cache)
        return rpc_fail(call, JSONRPC_INVALID_PARAMS,
                        "the event log is switched off (ENABLE_CACHE)");
    pending_start(&query_create(call, topic, &rq)->pending, call->conn, BROKER_OP_HISTORY);
    return EH_OK;
}
