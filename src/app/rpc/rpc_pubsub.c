#include "app/rpc/rpc_pubsub.h"

#include "app/rpc/publish.h"
#include "app/sub/sub.h"
#include "app/sub/sub_ws.h"
#include "hub/topic.h"
#include "proto/json.h"

int rpc_pubsub_subscribe(struct rpc_call *call)
{
    const struct config *config = call->conn->worker->context->config;
    struct sub_request rq = { .id = call->reply.id };

    if (!call->reply.id.p)
        return params_fail(&call->params, JSONRPC_INVALID_REQUEST,
                           "subscribe must have an id: messages arrive under it");
    EH_TRY(params_topic(&call->params, call->conn->auth, AUTH_READ, true, &rq.filter));
    EH_TRY(params_history(&call->params, config->max_cache_request_limit, &rq.log));
    EH_TRY(params_bool(&call->params, "gaps", &rq.gaps));
    if (call->conn->n_subs >= config->max_subscriptions && !sub_find(call->conn, rq.filter))
        return params_fail(&call->params, JSONRPC_INVALID_PARAMS, "too many subscriptions");
    sub_open(call->conn, sub_ws_writer_for(call->conn), &rq, &call->reply);
    return EH_OK;
}

static void answer_count(struct rpc_call *call, size_t n)
{
    rpc_call_answer(call, json_pack("{s:I}", "unsubscribe_count", (json_int_t)n));
}

static size_t unsubscribe_one(struct conn *c, const json_t *topic)
{
    struct sub *s = sub_find(c, json_text(topic));

    if (!s)
        return 0;
    sub_close(s);
    return 1;
}

static bool is_filter(const json_t *v)
{
    return json_is_string(v) && filter_is_valid(json_text(v));
}

int rpc_pubsub_unsubscribe(struct rpc_call *call)
{
    const json_t *list = call->params.json;
    const json_t *single = json_object_get(list, "topic");
    const json_t *v;
    size_t i, n = 0;

    if (is_filter(single)) {
        answer_count(call, unsubscribe_one(call->conn, single));
        return EH_OK;
    }
    if (!json_is_array(list))
        return params_fail(&call->params, JSONRPC_INVALID_PARAMS,
                           "params must be an array of topics, or an object with a topic");
    if (json_array_size(list) > call->conn->worker->context->config->max_subscriptions)
        return params_fail(&call->params, JSONRPC_INVALID_PARAMS,
                           "params must not hold more topics than a client may subscribe to");
    json_array_foreach(list, i, v)
    {
        if (!is_filter(v))
            return params_fail(&call->params, JSONRPC_INVALID_PARAMS,
                               "params[%zu] must be a valid topic or pattern", i);
    }
    json_array_foreach(list, i, v) n += unsubscribe_one(call->conn, v);
    answer_count(call, n);
    return EH_OK;
}

int rpc_pubsub_unsubscribe_all(struct rpc_call *call)
{
    size_t n = call->conn->n_subs;

    sub_close_all(call->conn);
    answer_count(call, n);
    return EH_OK;
}

int rpc_pubsub_list(struct rpc_call *call)
{
    json_t *topics = json_array();

    list_for_each(link, &call->conn->subs)
    {
        char filter[TOPIC_MAX];
        size_t n = trie_filter(&container_of(link, struct sub, link)->trie, filter);

        json_array_append_new(topics, json_stringn(filter, n));
    }
    rpc_call_answer(call, topics);
    return EH_OK;
}

static void on_published(struct pending *p, struct conn *c)
{
    const char *failure = publish_failure(p);
    struct buf result = { 0 };

    if (!c)
        return;
    if (failure) {
        reply_error(&p->reply, c, JSONRPC_BROKER, str_of(failure));
        return;
    }
    publish_result(p, &result);
    reply_result(&p->reply, c, buf_str(&result));
    buf_done(&result);
}

int rpc_pubsub_publish(struct rpc_call *call)
{
    struct publish pub = { 0 };
    struct pending *p;
    bool echo = true;

    EH_TRY(params_topic(&call->params, call->conn->auth, AUTH_WRITE, false, &pub.topic));
    EH_TRY(params_string(&call->params, "message", &pub.message));
    if (pub.message.n == 0)
        return params_fail(&call->params, JSONRPC_INVALID_PARAMS, "message must not be empty");
    EH_TRY(publish_read_options(&call->params, &pub));
    EH_TRY(params_bool(&call->params, "echo", &echo));
    pub.no_echo = !echo;
    EH_TRY(publish_apply_settings(&call->params, call->conn, &pub));

    p = publish_create(call->conn, &pub, &call->reply);
    p->done = on_published;
    pending_start(p, call->conn, BROKER_OP_PUBLISH);
    return EH_OK;
}
