#include "app/rpc/rpc.h"

#include "app/conn/conn_input.h"
#include "app/rpc/rpc_auth.h"
#include "app/rpc/rpc_eventlog.h"
#include "app/rpc/rpc_kv.h"
#include "app/rpc/rpc_presence.h"
#include "app/rpc/rpc_pubsub.h"
#include "app/sub/reader.h"
#include "app/sub/sub.h"
#include "base/array.h"
#include "base/clock.h"

static int rpc_ping(struct rpc_call *call)
{
    rpc_call_answer(call, json_pack("{s:I}", "pong", (json_int_t)clock_wall_ms()));
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
    { "subscribe", rpc_pubsub_subscribe },
    { "publish", rpc_pubsub_publish },
    { "unsubscribe", rpc_pubsub_unsubscribe },
    { "unsubscribeAll", rpc_pubsub_unsubscribe_all },
    { "list", rpc_pubsub_list },
    { "eventlog", rpc_eventlog },
    { "get", rpc_kv_get },
    { "set", rpc_kv_set },
    { "del", rpc_kv_del },
    { "presence", rpc_presence },
    { "auth", rpc_auth },
    { "ping", rpc_ping },
    { "disconnect", rpc_disconnect },
};

static const struct rpc_method *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (str_eq_nocase(name, str_of(methods[i].name)))
            return &methods[i];
    }
    return NULL;
}

static void handle_request(struct conn *c, const struct jsonrpc_message *m, size_t i,
                           struct reply reply)
{
    struct rpc_call call = { .conn = c, .reply = reply };
    const struct rpc_method *method;
    struct jsonrpc_request rq;
    const char *why;
    int rc = jsonrpc_read(m, i, &rq, &why);

    call.reply.id = rq.id;
    call.params.json = rq.params;
    if (rc < 0)
        (void)params_fail(&call.params, rc, "%s", why);
    else if ((method = find(rq.method)))
        rc = method->fn(&call);
    else if (rq.method.n > 100)
        rc = params_fail(&call.params, JSONRPC_METHOD_NOT_FOUND, "unknown method");
    else
        rc = params_fail(&call.params, JSONRPC_METHOD_NOT_FOUND, "unknown method \"%.*s\"",
                         STR_ARG(rq.method));

    if (rc < 0)
        reply_error(&call.reply, c, rc, str_of(call.params.why));
    else
        reply_drop(&call.reply); /* does nothing if the handler answered or took the reply */
}

/* Executes the requests of the batch one by one, until the connection's bounds make the rest wait.
 * As outside a batch, requests after a `disconnect` are not executed. */
static void resume(struct conn *c)
{
    struct batch *b = c->batch;
    size_t i;

    while (c->state == CONN_OPEN && batch_next(b, &i)) {
        handle_request(c, batch_message(b), i, batch_reply(b));
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
    struct jsonrpc_message m;
    int rc = jsonrpc_parse(text, &m, &why);

    (void)op;
    if (rc < 0) {
        reply_error(&reply, c, rc, str_of(why));
        return;
    }
    if (m.is_batch) {
        c->batch = batch_open(c, m);
        resume(c);
        return;
    }
    handle_request(c, &m, 0, reply);
    jsonrpc_free(&m);
}

static void on_close(struct conn *c)
{
    sub_end_all(c);
    if (c->state != CONN_DEAD)
        return;
    readers_end(c);
    if (c->batch)
        resume(c); /* executes nothing: it only closes the batch */
}

const struct ws_service rpc_service = {
    .on_message = on_message,
    .resume = resume,
    .on_writable = readers_pump,
    .on_close = on_close,
};
