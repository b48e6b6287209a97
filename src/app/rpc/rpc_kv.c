#include "app/rpc/rpc_kv.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/conn/pending.h"
#include "hub/topic.h"
#include "proto/json.h"
#include "proto/utf8.h"

static int check_enabled(struct rpc_call *call)
{
    if (call->conn->worker->context->config->enable_kvstore)
        return EH_OK;
    return params_fail(&call->params, JSONRPC_INVALID_PARAMS,
                       "the key/value store is disabled (ENABLE_KVSTORE)");
}

static struct pending *kv_create(struct rpc_call *call, struct str key, struct str value)
{
    struct pending *p = pending_create(&call->reply, key.n + value.n);

    p->call.kv.key = pending_copy(p, key);
    p->call.kv.value = pending_copy(p, value);
    return p;
}

/* ---- get ---- */

/* Writes the result as text, because values may be large. A key needs no escapes. */
static void answer_value(struct pending *p, struct conn *c)
{
    const struct broker_kv *kv = &p->call.kv;
    struct buf out = { 0 };

    buf_addf(&out, "{\"action\":\"get\",\"key\":\"%.*s\",\"value\":", STR_ARG(kv->key));
    json_add_string(&out, bytes_str(kv->ret_value));
    buf_add_char(&out, '}');
    reply_result(&p->reply, c, buf_str(&out));
    buf_done(&out);
}

static void on_got(struct pending *p, struct conn *c)
{
    const struct broker_kv *kv = &p->call.kv;
    char why[TOPIC_MAX + 64];

    if (c && p->call.status != BROKER_DONE) {
        reply_error(&p->reply, c, JSONRPC_BROKER, STR("the key could not be read"));
    } else if (c && kv->ret_found && utf8_is_valid(bytes_str(kv->ret_value))) {
        answer_value(p, c);
    } else if (c) {
        (void)snprintf(why, sizeof(why),
                       kv->ret_found ? "key \"%.*s\" does not hold text" : "no key \"%.*s\"",
                       STR_ARG(kv->key));
        reply_error(&p->reply, c, JSONRPC_INVALID_PARAMS, str_of(why));
    }
    if (kv->ret_value)
        shared_unref(&kv->ret_value->shared);
}

int rpc_kv_get(struct rpc_call *call)
{
    struct pending *p;
    struct str key;

    EH_TRY(check_enabled(call));
    EH_TRY(params_key(&call->params, call->conn->auth, AUTH_READ, &key));
    p = kv_create(call, key, STR(""));
    p->done = on_got;
    /* a value may be as large as the `set` that stored it */
    p->expected = call->conn->worker->context->config->max_message_size;
    pending_start(p, call->conn, BROKER_OP_GET);
    return EH_OK;
}

/* ---- set, del ---- */

static void answer_change(struct pending *p, struct conn *c, const char *action, bool success)
{
    const struct str key = p->call.kv.key;

    reply_result_tree(&p->reply, c,
                      json_pack("{s:s, s:s%, s:b}", "action", action, "key", key.p, key.n,
                                "success", (int)success));
}

static void on_set(struct pending *p, struct conn *c)
{
    if (!c)
        return;
    switch (p->call.status) {
    case BROKER_DONE: answer_change(p, c, "set", true); break;
    case BROKER_FULL:
        reply_error(&p->reply, c, JSONRPC_BROKER, STR("not stored: the broker's memory is full"));
        break;
    case BROKER_UNKNOWN: reply_error(&p->reply, c, JSONRPC_BROKER, STR("outcome unknown")); break;
    default: reply_error(&p->reply, c, JSONRPC_BROKER, STR("not stored")); break;
    }
}

static void on_deleted(struct pending *p, struct conn *c)
{
    if (!c)
        return;
    switch (p->call.status) {
    case BROKER_DONE: answer_change(p, c, "del", p->call.kv.ret_found); break;
    case BROKER_UNKNOWN: reply_error(&p->reply, c, JSONRPC_BROKER, STR("outcome unknown")); break;
    default: reply_error(&p->reply, c, JSONRPC_BROKER, STR("not deleted")); break;
    }
}

int rpc_kv_set(struct rpc_call *call)
{
    struct str key, value;
    struct pending *p;
    int64_t ttl = 0;

    EH_TRY(check_enabled(call));
    EH_TRY(params_key(&call->params, call->conn->auth, AUTH_WRITE, &key));
    EH_TRY(params_string(&call->params, "value", &value));
    EH_TRY(params_integer(&call->params, "ttl", 0, PARAMS_TTL_MAX_S, &ttl));
    p = kv_create(call, key, value);
    p->done = on_set;
    p->call.kv.ttl_s = (uint64_t)ttl;
    pending_start(p, call->conn, BROKER_OP_SET);
    return EH_OK;
}

int rpc_kv_del(struct rpc_call *call)
{
    struct pending *p;
    struct str key;

    EH_TRY(check_enabled(call));
    EH_TRY(params_key(&call->params, call->conn->auth, AUTH_WRITE, &key));
    p = kv_create(call, key, STR(""));
    p->done = on_deleted;
    pending_start(p, call->conn, BROKER_OP_DELETE);
    return EH_OK;
}
