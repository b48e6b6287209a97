#include "app/publish.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proto/json.h"

int publish_read_options(struct rpc_call *call, struct publish *ret)
{
    EH_TRY(rpc_integer(call, "ttl", 0, RPC_TTL_MAX_S, &ret->ttl_s));
    return rpc_integer(call, "timestamp", INT64_MIN, INT64_MAX, &ret->timestamp);
}

/* One block: the pending, then the request's id, the topic, the message and the origin. */
static struct pending *copy_texts(const struct publish *pub, struct str origin, struct reply *reply)
{
    struct str topic = pub->topic;
    struct str id = reply->id;
    struct buf json = { 0 };
    struct pending *p;
    size_t message_n;
    char *text;

    json_add_string(&json, pub->message);
    message_n = buf_used(&json);
    if (origin.n)
        json_add_string(&json, origin);
    p = mem_zalloc(sizeof(*p) + id.n + topic.n + buf_used(&json));
    text = (char *)(p + 1);
    p->bytes = sizeof(*p) + id.n + topic.n + buf_used(&json);
    if (id.p)
        p->reply = reply_take(reply, str_make(memcpy(text, id.p, id.n), id.n));
    text += id.n;
    p->call.publish.topic = str_make(memcpy(text, topic.p, topic.n), topic.n);
    text = memcpy(text + topic.n, buf_head(&json), buf_used(&json));
    p->call.publish.message_json = str_make(text, message_n);
    p->call.publish.origin_json = str_make(text + message_n, buf_used(&json) - message_n);
    buf_done(&json);
    return p;
}

struct pending *publish_create(struct conn *c, const struct publish *pub, struct reply *reply)
{
    struct pending *p = copy_texts(pub, auth_sub(c->auth), reply);

    p->call.publish.ttl_s = (uint64_t)pub->ttl_s;
    p->call.publish.timestamp = pub->timestamp;
    p->call.deadline = clock_mono_ms() + c->worker->context->config->broker_timeout * 1000;
    return p;
}

const char *publish_failure(const struct pending *p)
{
    switch (p->call.status) {
    case BROKER_DONE: return NULL;
    case BROKER_UNKNOWN: return "outcome unknown";
    default: return "not published";
    }
}

json_t *publish_result(const struct pending *p)
{
    struct str topic = p->call.publish.topic;
    char id[MSGID_TEXT];

    msgid_format(p->call.publish.ret_id, id);
    return json_pack("{s:s, s:s, s:s, s:s%}", "action", "publish", "id", id, "status", "ok",
                     "topic", topic.p, topic.n);
}
