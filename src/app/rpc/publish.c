#include "app/rpc/publish.h"

#include <inttypes.h>

#include "app/conn/topic_store.h"
#include "app/sub/echo.h"
#include "proto/json.h"

int publish_read_options(struct params *p, struct publish *ret)
{
    struct str key;

    EH_TRY(params_integer(p, "ttl", 0, PARAMS_TTL_MAX_S, &ret->ttl_s));
    EH_TRY(params_time(p, "timestamp", &ret->timestamp));
    if (!json_object_get(p->json, "key"))
        return EH_OK;
    EH_TRY(params_string(p, "key", &key));
    if (key.n == 0 || key.n > BROKER_KEY_MAX)
        return params_fail(p, JSONRPC_INVALID_PARAMS, "key must be 1 to %d bytes long",
                           BROKER_KEY_MAX);
    ret->key = key;
    return EH_OK;
}

int publish_apply_settings(struct params *p, const struct conn *c, struct publish *pub)
{
    struct topic_store *store = c->worker->context->topics;
    struct topic_setting setting;

    if (!store)
        return EH_OK;
    setting = topic_store_find(store, pub->topic);
    if (setting.max_size && pub->message.n > setting.max_size)
        return params_fail(p, JSONRPC_INVALID_PARAMS,
                           "message must be at most %" PRIu64 " bytes long in this topic",
                           setting.max_size);
    if (pub->ttl_s == 0)
        pub->ttl_s = (int64_t)setting.ttl_s;
    pub->max_length = setting.max_length;
    return EH_OK;
}

struct pending *publish_create(struct conn *c, const struct publish *pub, struct reply *reply)
{
    struct rate_rule limit = { 0 };
    bool is_limited = auth_rate_rule(c->auth, pub->topic, &limit);
    struct str origin = auth_sub(c->auth);
    struct broker_publish *out;
    struct buf json = { 0 };
    struct pending *p;
    size_t message_n;

    json_add_string(&json, pub->message);
    message_n = buf_used(&json);
    if (origin.n)
        json_add_string(&json, origin);

    p = pending_create(reply, pub->topic.n + pub->key.n + limit.topic.n + buf_used(&json));
    out = &p->call.publish;
    out->topic = pending_copy(p, pub->topic);
    out->key = pending_copy(p, pub->key);
    if (is_limited) {
        out->limit = limit;
        out->limit.topic = pending_copy(p, limit.topic);
    }
    out->message_json = pending_copy(p, str_make(buf_head(&json), message_n));
    out->origin_json = pending_copy(p, str_skip(buf_str(&json), message_n));
    out->ttl_s = (uint64_t)pub->ttl_s;
    out->max_length = pub->max_length;
    out->timestamp = pub->timestamp;
    if (pub->no_echo)
        out->author = echo_author(c);
    buf_done(&json);
    return p;
}

const char *publish_failure(const struct pending *p)
{
    switch (p->call.status) {
    case BROKER_DONE:
    case BROKER_LIMITED: return NULL;
    case BROKER_UNKNOWN: return "outcome unknown";
    default: return "not published";
    }
}

/* Writes the id and the topic as they are, since a valid one needs no escapes. */
void publish_result(const struct pending *p, struct buf *out)
{
    const struct broker_publish *pub = &p->call.publish;
    char id[MSGID_TEXT];

    buf_add_str(out, STR("{\"action\":\"publish\","));
    if (p->call.status == BROKER_LIMITED) {
        buf_add_str(out, STR("\"status\":\"ERR_RATE_LIMIT_EXCEEDED"));
    } else {
        buf_add_str(out, STR("\"id\":\""));
        buf_add(out, id, msgid_format(pub->ret_id, id));
        buf_add_str(out, STR("\",\"status\":\"ok"));
    }
    buf_add_str(out, STR("\",\"topic\":\""));
    buf_add_str(out, pub->topic);
    buf_add_str(out, STR("\"}"));
}
