#include "app/rpc/rpc_presence.h"

#include <inttypes.h>

#include "app/conn/conn_budget.h"
#include "app/conn/pending.h"

/* Writes the result as text, because the subs are JSON already. */
static void answer(struct pending *p, struct conn *c)
{
    const struct broker_presence *found = &p->call.presence;
    size_t max_bytes = conn_budget_half(c->worker->context->config);
    struct buf subs = { 0 }, out = { 0 };
    bool is_all = presence_add_json(&found->ret_presence, max_bytes, &subs);

    buf_add_str(&out, STR("{\"action\":\"presence\""));
    if (!found->ret_complete)
        buf_add_str(&out, STR(",\"complete\":false"));
    buf_addf(&out, ",\"count\":%" PRIu64, found->ret_presence.count);
    if (found->wants_subs && (found->ret_presence.more || !is_all))
        buf_add_str(&out, STR(",\"more\":true"));
    if (found->wants_subs) {
        buf_add_str(&out, STR(",\"subs\":"));
        buf_add_str(&out, buf_str(&subs));
    }
    buf_addf(&out, ",\"topic\":\"%.*s\"}", STR_ARG(found->filter));
    reply_result(&p->reply, c, buf_str(&out));
    buf_done(&subs);
    buf_done(&out);
}

static void on_presence(struct pending *p, struct conn *c)
{
    if (c && p->call.status == BROKER_DONE)
        answer(p, c);
    else if (c)
        reply_error(&p->reply, c, JSONRPC_BROKER, STR("presence could not be determined"));
    presence_done(&p->call.presence.ret_presence);
}

int rpc_presence(struct rpc_call *call)
{
    struct str topic;
    struct pending *p;

    EH_TRY(params_topic(&call->params, call->conn->auth, AUTH_READ, true, &topic));
    p = pending_create(&call->reply, topic.n);
    p->done = on_presence;
    p->call.presence.filter = pending_copy(p, topic);
    p->call.presence.wants_subs = auth_allows(call->conn->auth, AUTH_PRESENCE, topic);
    if (p->call.presence.wants_subs)
        p->expected = PRESENCE_SUBS * AUTH_SUB_MAX;
    pending_start(p, call->conn, BROKER_OP_PRESENCE);
    return EH_OK;
}
