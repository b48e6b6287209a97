#include "app/rpc/rpc_eventlog.h"

#include <stdlib.h>

#include "app/conn/conn_budget.h"
#include "app/conn/conn_input.h"
#include "app/conn/pending.h"
#include "app/sub/reader.h"
#include "base/mem.h"

struct log_query {
    struct reader reader; /* must come first (reader.h) */
    bool is_after_id;     /* sinceEventId: the oldest items, and the answer has `recovered` */
    bool complete;        /* all pages so far; entries may be trimmed between two pages */
    uint32_t wanted;      /* how many more items the answer may have */
    size_t max_bytes;     /* of the answer */
    struct buf items;     /* JSON, separated by commas */
    size_t bytes;         /* of this block */
    struct reply reply;
    char text[]; /* id, then the topic */
};

static struct log_query *query_of(struct reader *r)
{
    return container_of(r, struct log_query, reader);
}

static void take_item(struct reader *r, struct message *m)
{
    struct log_query *q = query_of(r);

    if (buf_used(&q->items))
        buf_add_char(&q->items, ',');
    buf_add_str(&q->items, message_object(m));
    q->wanted--;
}

/* Writes the result as text, because the items are JSON already. The keys are in the order of the
 * C++ Eventhub. */
static void answer(struct log_query *q, struct conn *c)
{
    const struct broker_history *h = &q->reader.call.history;
    struct buf out = { 0 };

    buf_add_str(&out, STR("{\"action\":\"eventlog\",\"items\":["));
    buf_add_str(&out, buf_str(&q->items));
    buf_add_char(&out, ']');
    if (h->ret_more)
        buf_add_str(&out, STR(",\"more\":true"));
    if (q->is_after_id)
        buf_addf(&out, ",\"recovered\":%s", q->complete ? "true" : "false");
    buf_addf(&out, ",\"status\":\"ok\",\"topic\":\"%.*s\"}", STR_ARG(h->filter));
    reply_result(&q->reply, c, buf_str(&out));
    buf_done(&out);
}

static bool on_page(struct reader *r, struct conn *c)
{
    struct log_query *q = query_of(r);
    struct broker_history *h = &r->call.history;
    struct metrics_cell *m = r->worker->metrics;
    size_t bytes = q->bytes;

    reader_take_items(r, c ? take_item : NULL);
    if (c && r->call.status == BROKER_DONE) {
        q->complete &= h->ret_complete;
        if (h->ret_more && q->wanted && buf_used(&q->items) < q->max_bytes) {
            h->max_entries = q->wanted;
            reader_bound_page(c, h);
            return true;
        }
        metrics_inc(m, q->complete ? METRIC_HISTORY_COMPLETE : METRIC_HISTORY_INCOMPLETE);
        answer(q, c);
    } else if (c) {
        metrics_inc(m, METRIC_HISTORY_FAILED);
        reply_error(&q->reply, c, JSONRPC_BROKER, STR("the log could not be read"));
    }
    reply_drop(&q->reply);
    conn_call_ended(r->worker, c, bytes);
    buf_done(&q->items);
    free(q);
    return false;
}

static struct log_query *query_create(struct rpc_call *call, struct str topic,
                                      const struct eventlog_request *rq)
{
    const struct config *config = call->conn->worker->context->config;
    struct str id = call->reply.id;
    struct log_query *q = mem_zalloc(sizeof(*q) + id.n + topic.n);
    struct broker_history *h = &q->reader.call.history;

    q->wanted = rq->limit ? rq->limit : (uint32_t)config->max_cache_request_limit;
    q->max_bytes = conn_budget_page(config); /* before the last page */
    q->is_after_id = rq->from.kind == EVENTLOG_AFTER;
    q->complete = true;
    if (id.p)
        q->reply = reply_take(&call->reply, str_make(memcpy(q->text, id.p, id.n), id.n));
    h->filter = str_make(memcpy(q->text + id.n, topic.p, topic.n), topic.n);
    h->after = rq->from.id;
    h->since = rq->from.kind == EVENTLOG_SINCE ? rq->from.since : 0;
    h->newest = q->is_after_id ? 0 : q->wanted;
    h->max_entries = q->wanted;
    reader_bound_page(call->conn, h);
    q->bytes = sizeof(*q) + id.n + topic.n;
    q->reader.kind = READER_QUERY;
    q->reader.deadline =
        loop_now(call->conn->worker->loop) + pending_timeout_ms(call->conn->worker);
    q->reader.on_page = on_page;
    return q;
}

int rpc_eventlog(struct rpc_call *call)
{
    const struct config *config = call->conn->worker->context->config;
    struct eventlog_request rq;
    struct log_query *q;
    struct str topic;

    EH_TRY(params_topic(&call->params, call->conn->auth, AUTH_READ, true, &topic));
    EH_TRY(params_eventlog(&call->params, config->max_cache_request_limit, &rq));
    if (rq.from.kind == EVENTLOG_NONE)
        return params_fail(&call->params, JSONRPC_INVALID_PARAMS,
                           "since or sinceEventId is required");
    if (!config->enable_cache)
        return params_fail(&call->params, JSONRPC_INVALID_PARAMS,
                           "the event log is disabled (ENABLE_CACHE)");
    q = query_create(call, topic, &rq);
    conn_call_began(call->conn, q->bytes);
    reader_start(&q->reader, call->conn);
    return EH_OK;
}
