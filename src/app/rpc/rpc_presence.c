#include "app/rpc/rpc_presence.h"

#include <inttypes.h>

#include "app/conn/pending.h"
#include "base/clock.h"
#include "base/mem.h"

/* Writes the result as text, because the subs are JSON already. */
static void answer(struct pending *p, struct conn *c)
{
    const struct broker_presence *found = &p->call.presence;
    size_t max_bytes = c->worker->context->config->max_output_queue / 2;
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

/* Allocates the pending, the request's id and the topic as one block. */
static struct pending *presence_create(struct rpc_call *call, struct str topic)
{
    struct str id = call->reply.id;
    size_t bytes = sizeof(struct pending) + id.n + topic.n;
    struct pending *p = mem_zalloc(bytes);
    char *text = (char *)(p + 1);

    p->bytes = bytes;
    p->done = on_presence;
    if (id.p)
        p->reply = reply_take(&call->reply, str_make(memcpy(text, id.p, id.n), id.n));
    text += id.n;
    p->call.presence.filter = str_make(memcpy(text, topic.p, topic.n), topic.n);
    return p;
}

int rpc_presence(struct rpc_call *call)
{
    const struct config *config = call->conn->worker->context->config;
    struct str topic;
    struct pending *p;

    EH_TRY(params_topic(&call->params, call->conn->auth, AUTH_READ, true, &topic));
    p = presence_create(call, topic);
    p->call.presence.wants_subs = auth_allows(call->conn->auth, AUTH_PRESENCE, topic);
    if (p->call.presence.wants_subs)
        p->expected = PRESENCE_SUBS * AUTH_SUB_MAX;
    p->call.deadline = clock_mono_ms() + config->broker_timeout * 1000;
    pending_start(p, call->conn, BROKER_OP_PRESENCE);
    return EH_OK;
}
