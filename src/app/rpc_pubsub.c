/* rpc_pubsub.c - subscribe, unsubscribe, unsubscribeAll, list, publish. */
#include <stdlib.h>

#include "app/rpc.h"
#include "base/clock.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "proto/json.h"

static void confirm(struct rpc_call *call, struct str topic, const struct eventlog_request *rq)
{
    json_t *result = json_pack("{s:s}", "action", "subscribe");

    if (rq->from.kind != EVENTLOG_NONE) /* asked for, but the log is off */
        json_object_set_new(result, "recovered", json_false());
    json_object_set_new(result, "status", json_string("ok"));
    json_object_set_new(result, "topic", json_stringn(topic.p, topic.n));
    rpc_answer(call, result);
}

static bool may_subscribe(const struct conn *c, struct str topic)
{
    return c->n_subs < c->worker->context->config->max_subscriptions ||
           sub_find((struct conn *)(uintptr_t)c, topic);
}

int rpc_subscribe(struct rpc_call *call)
{
    const struct config *config = call->conn->worker->context->config;
    struct eventlog_request rq;
    struct str topic;
    const char *why;
    struct sub *s;

    if (!call->reply.id.p)
        return rpc_fail(call, JSONRPC_INVALID_REQUEST,
                        "subscribe needs an id: messages come back under it");
    EH_TRY(rpc_topic(call, AUTH_READ, true, &topic));
    if (eventlog_request_read(call->params, (uint32_t)config->max_cache_request_limit, &rq, &why) <
        0)
        return rpc_fail(call, JSONRPC_INVALID_PARAMS, "%s", why);
    if (!may_subscribe(call->conn, topic))
        return rpc_fail(call, JSONRPC_INVALID_PARAMS, "too many subscriptions");

    s = sub_open(call->conn, topic, call->reply.id);
    if (rq.from.kind != EVENTLOG_NONE && config->enable_cache) {
        join_start(s, topic, &rq, &call->reply);
        return EH_OK;
    }
    if (call->reply.batch)
        join_after(s, topic, call->reply.batch);
    confirm(call, topic, &rq);
    return EH_OK;
}

static void answer_count(struct rpc_call *call, size_t n)
{
    rpc_answer(call, json_pack("{s:I}", "unsubscribe_count", (json_int_t)n));
}

static size_t unsubscribe_one(struct conn *c, const json_t *topic)
{
    struct sub *s = sub_find(c, str_make(json_string_value(topic), json_string_length(topic)));

    if (!s)
        return 0;
    sub_close(s);
    return 1;
}

static bool is_filter(const json_t *v)
{
    return json_is_string(v) &&
           filter_is_valid(str_make(json_string_value(v), json_string_length(v)));
}

int rpc_unsubscribe(struct rpc_call *call)
{
    const json_t *list = call->params;
    const json_t *single = json_object_get(list, "topic");
    const json_t *v;
    size_t i, n = 0;

    if (is_filter(single)) {
        answer_count(call, unsubscribe_one(call->conn, single));
        return EH_OK;
    }
    if (!json_is_array(list))
        return rpc_fail(call, JSONRPC_INVALID_PARAMS,
                        "params must be an array of topics, or an object with topic");
    json_array_foreach(list, i, v)
    {
        if (!is_filter(v))
            return rpc_fail(call, JSONRPC_INVALID_PARAMS,
                            "params[%zu] is not a valid topic or pattern", i);
    }
    json_array_foreach(list, i, v) n += unsubscribe_one(call->conn, v);
    answer_count(call, n);
    return EH_OK;
}

int rpc_unsubscribe_all(struct rpc_call *call)
{
    size_t n = call->conn->n_subs;

    sub_close_all(call->conn);
    answer_count(call, n);
    return EH_OK;
}

int rpc_list(struct rpc_call *call)
{
    json_t *topics = json_array();

    list_for_each(link, &call->conn->subs)
    {
        char filter[TOPIC_MAX];
        size_t n = trie_filter(&container_of(link, struct sub, link)->trie, filter);

        json_array_append_new(topics, json_stringn(filter, n));
    }
    rpc_answer(call, topics);
    return EH_OK;
}

static void on_published(struct pending *p, struct conn *c)
{
    const struct broker_publish *pub = &p->call.publish;
    char id[MSGID_TEXT];

    if (!c)
        return;
    if (p->call.status != BROKER_DONE) {
        reply_error(&p->reply, c, JSONRPC_BROKER,
                    p->call.status == BROKER_UNKNOWN ? STR("outcome unknown")
                                                     : STR("not published"));
        return;
    }
    msgid_format(pub->ret_id, id);
    reply_result_tree(&p->reply, c,
                      json_pack("{s:s, s:s, s:s, s:s%}", "action", "publish", "id", id, "status",
                                "ok", "topic", pub->topic.p, pub->topic.n));
}

/* One block: the pending, then the request's id, the topic, the message and the origin. */
static struct pending *publish_create(struct rpc_call *call, struct str topic, struct str message)
{
    struct str origin = auth_sub(call->conn->auth);
    struct str id = call->reply.id;
    struct buf json = { 0 };
    struct pending *p;
    size_t message_n;
    char *text;

    json_add_string(&json, message);
    message_n = buf_used(&json);
    if (origin.n)
        json_add_string(&json, origin);
    p = mem_zalloc(sizeof(*p) + id.n + topic.n + buf_used(&json));
    text = (char *)(p + 1);
    p->bytes = sizeof(*p) + id.n + topic.n + buf_used(&json);
    if (id.p)
        p->reply = reply_take(&call->reply, str_make(memcpy(text, id.p, id.n), id.n));
    text += id.n;
    p->call.publish.topic = str_make(memcpy(text, topic.p, topic.n), topic.n);
    text = memcpy(text + topic.n, buf_head(&json), buf_used(&json));
    p->call.publish.message_json = str_make(text, message_n);
    p->call.publish.origin_json = str_make(text + message_n, buf_used(&json) - message_n);
    buf_done(&json);
    return p;
}

int rpc_publish(struct rpc_call *call)
{
    const struct config *config = call->conn->worker->context->config;
    struct str topic, message;
    int64_t ttl = 0, timestamp = 0;
    struct pending *p;

    EH_TRY(rpc_topic(call, AUTH_WRITE, false, &topic));
    EH_TRY(rpc_string(call, "message", &message));
    if (message.n == 0)
        return rpc_fail(call, JSONRPC_INVALID_PARAMS, "message must not be empty");
    EH_TRY(rpc_integer(call, "ttl", 0, RPC_TTL_MAX_S, &ttl));
    EH_TRY(rpc_integer(call, "timestamp", INT64_MIN, INT64_MAX, &timestamp));

    p = publish_create(call, topic, message);
    p->done = on_published;
    p->call.publish.ttl_s = (uint64_t)ttl;
    p->call.publish.timestamp = timestamp;
    p->call.deadline = clock_mono_ms() + config->broker_timeout * 1000;
    pending_start(p, call->conn, BROKER_OP_PUBLISH);
    return EH_OK;
}
