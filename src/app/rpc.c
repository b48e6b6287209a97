#include "app/rpc.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "hub/topic.h"

static int rpc_ping(struct rpc_call *call)
{
    rpc_answer(call, json_pack("{s:I}", "pong", (json_int_t)clock_wall_ms()));
    return EH_OK;
}

static int rpc_disconnect(struct rpc_call *call)
{
    conn_ws_leave(call->conn, WS_CLOSE_NORMAL, METRIC_CLOSED_SERVER);
    return EH_OK;
}

static const struct rpc_method {
    const char *name;
    rpc_fn *fn;
} methods[] = {
    { "subscribe", rpc_subscribe },
    { "publish", rpc_publish },
    { "unsubscribe", rpc_unsubscribe },
    { "unsubscribeAll", rpc_unsubscribe_all },
    { "list", rpc_list },
    { "eventlog", rpc_eventlog },
    { "get", rpc_get },
    { "set", rpc_set },
    { "del", rpc_del },
    { "ping", rpc_ping },
    { "disconnect", rpc_disconnect },
};

static const struct rpc_method *find(struct str name)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (str_eq_nocase(name, str_of(methods[i].name)))
            return &methods[i];
    }
    return NULL;
}

static enum metric refusal_of(int code)
{
    switch (code) {
    case JSONRPC_PARSE_ERROR: return METRIC_REFUSED_PARSE;
    case JSONRPC_INVALID_REQUEST: return METRIC_REFUSED_REQUEST;
    case JSONRPC_METHOD_NOT_FOUND: return METRIC_REFUSED_METHOD;
    case JSONRPC_NOT_ALLOWED: return METRIC_REFUSED_RIGHTS;
    case JSONRPC_BROKER: return METRIC_REFUSED_BROKER;
    default: return METRIC_REFUSED_PARAMS;
    }
}

void rpc_refuse(struct conn *c, struct str id, int code, struct str why)
{
    metrics_inc(c->worker->metrics, refusal_of(code));
    conn_ws_send_text(c, jsonrpc_error(id, code, why));
}

static int dispatch(struct rpc_call *call, struct str method)
{
    const struct rpc_method *m = find(method);

    if (!m)
        return rpc_fail(call, JSONRPC_METHOD_NOT_FOUND, "there is no such method");
    return m->fn(call);
}

/* A request that could not be read is answered with id null; a readable one without an id is a
 * notification, which is never answered. */
void rpc_handle(struct conn *c, struct str text)
{
    struct jsonrpc_request rq;
    const char *why;
    int rc = jsonrpc_parse(text, &rq, &why);

    metrics_inc(c->worker->metrics, METRIC_MESSAGES_IN);
    if (rc < 0) {
        rpc_refuse(c, rq.id, rc, str_of(why));
        return;
    }
    struct rpc_call call = { .conn = c, .id = rq.id, .params = rq.params };

    rc = dispatch(&call, rq.method);
    if (rc < 0 && (call.id.p || rc == JSONRPC_INVALID_REQUEST))
        rpc_refuse(c, call.id, rc, str_of(call.why));
    else if (rc < 0)
        metrics_inc(c->worker->metrics, refusal_of(rc));
    jsonrpc_request_done(&rq);
}

int rpc_fail(struct rpc_call *call, int code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(call->why, sizeof(call->why), fmt, args);
    va_end(args);
    return code;
}

void rpc_answer(struct rpc_call *call, json_t *result)
{
    if (call->id.p)
        conn_ws_send_text(call->conn, jsonrpc_result_tree(call->id, result));
    else
        json_decref(result);
}

int rpc_string(struct rpc_call *call, const char *name, struct str *ret)
{
    const json_t *v = json_object_get(call->params, name);

    if (!json_is_string(v))
        return rpc_fail(call, JSONRPC_INVALID_PARAMS, "%s must be a string", name);
    *ret = str_make(json_string_value(v), json_string_length(v));
    return EH_OK;
}

int rpc_integer(struct rpc_call *call, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const json_t *v = json_object_get(call->params, name);

    if (!v || json_is_null(v))
        return EH_OK;
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return rpc_fail(call, JSONRPC_INVALID_PARAMS, "%s must be an integer from %lld to %lld",
                        name, (long long)min, (long long)max);
    *ret = json_integer_value(v);
    return EH_OK;
}

static int check_right(struct rpc_call *call, enum auth_right right, struct str name)
{
    if (auth_allows(call->conn->auth, right, name))
        return EH_OK;
    return rpc_fail(call, JSONRPC_NOT_ALLOWED, "the token does not allow to %s %.*s",
                    right == AUTH_READ ? "read" : "write", STR_ARG(name));
}

int rpc_topic(struct rpc_call *call, enum auth_right right, bool pattern_too, struct str *ret)
{
    struct str topic;

    EH_TRY(rpc_string(call, "topic", &topic));
    if (!topic_is_valid(topic) && !(pattern_too && pattern_is_valid(topic)))
        return rpc_fail(call, JSONRPC_INVALID_PARAMS, "topic is not a valid topic%s",
                        pattern_too ? " or pattern" : "");
    EH_TRY(check_right(call, right, topic));
    *ret = topic;
    return EH_OK;
}

int rpc_key(struct rpc_call *call, enum auth_right right, struct str *ret)
{
    struct str key;

    EH_TRY(rpc_string(call, "key", &key));
    if (!topic_is_valid(key))
        return rpc_fail(call, JSONRPC_INVALID_PARAMS,
                        "key is not valid: a key is spelt as a topic is");
    EH_TRY(check_right(call, right, key));
    *ret = key;
    return EH_OK;
}
