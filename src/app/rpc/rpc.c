#include "app/rpc/rpc.h"

#include "base/clock.h"

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
    { "presence", rpc_presence },
    { "auth", rpc_auth },
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

static int dispatch(struct rpc_call *call, struct str method)
{
    const struct rpc_method *m = find(method);

    if (!m)
        return params_fail(&call->params, JSONRPC_METHOD_NOT_FOUND, "there is no such method");
    return m->fn(call);
}

static void handle_request(struct conn *c, const json_t *value, struct reply reply)
{
    struct rpc_call call = { .conn = c, .reply = reply };
    struct jsonrpc_request rq;
    const char *why;
    int rc = jsonrpc_read(value, &rq, &why);

    call.reply.id = rq.id;
    call.params.json = rq.params;
    rc = rc < 0 ? params_fail(&call.params, rc, "%s", why) : dispatch(&call, rq.method);
    if (rc < 0)
        reply_error(&call.reply, c, rc, str_of(call.params.why));
    else
        reply_drop(&call.reply); /* if the handler neither answered nor took it */
}

/* One request after the other, while the connection's bounds allow it. What follows a `disconnect`
 * is not executed, as outside a batch. */
static void go_on(struct conn *c)
{
    struct batch *b = c->batch;
    const json_t *request;

    while (c->state == CONN_WS && (request = batch_next(b))) {
        handle_request(c, request, batch_reply(b));
        if (conn_must_wait(c))
            return;
    }
    c->batch = NULL;
    batch_close(b);
}

static void on_message(struct conn *c, enum ws_opcode op, struct str text)
{
    struct reply reply = { 0 };
    const char *why;
    json_t *root;
    int rc = jsonrpc_parse(text, &root, &why);

    (void)op;
    if (rc < 0) {
        reply_error(&reply, c, rc, str_of(why));
        return;
    }
    if (json_is_array(root)) {
        c->batch = batch_open(c, root);
        go_on(c);
        return;
    }
    handle_request(c, root, reply);
    json_decref(root);
}

const struct ws_service rpc_service = { .on_message = on_message, .go_on = go_on, .binary = false };

void rpc_answer(struct rpc_call *call, json_t *result)
{
    reply_result_tree(&call->reply, call->conn, result);
}
