#include "app/http/api_log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "app/conn/pending.h"
#include "app/http/api_call.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "proto/http.h"

/* What was removed, while the nodes are asked. */
struct purged {
    uint64_t removed;
    json_t *question;
};

static bool is_waiting(const struct conn *c)
{
    return c && c->state == CONN_BUSY; /* else it is gone, or the drain has answered the request */
}

static void on_asked(struct pending *p, struct conn *c)
{
    struct purged *purged = p->owner;
    bool is_complete = p->call.status == BROKER_DONE && p->call.ask.ret_complete;
    struct buf json = { 0 };

    if (is_waiting(c)) {
        buf_addf(&json, "{\"removed\":%" PRIu64 ",\"complete\":%s}", purged->removed,
                 is_complete ? "true" : "false");
        api_call_answer(c, buf_str(&json));
    }
    buf_done(&json);
    json_decref(p->call.ask.ret_answers);
    json_decref(purged->question);
    free(purged);
}

static void ask_nodes(struct conn *c, uint64_t removed)
{
    struct pending *p = pending_create(&(struct reply){ 0 }, 0);
    struct purged *purged = mem_alloc(sizeof(*purged));

    *purged = (struct purged){ .removed = removed, .question = json_pack("{s:s}", "op", "purged") };
    p->owner = purged;
    p->done = on_asked;
    p->call.ask.question = purged->question;
    pending_start(p, c, BROKER_OP_ASK);
}

static void on_purged(struct pending *p, struct conn *c)
{
    if (!is_waiting(c))
        return;
    if (p->call.status == BROKER_DONE)
        ask_nodes(c, p->call.purge.ret_removed);
    else
        api_call_fail(c, 503,
                      p->call.status == BROKER_UNKNOWN ? "outcome unknown" : "nothing was removed");
}

static void purge(struct conn *c, struct str topic)
{
    struct pending *p = pending_create(&(struct reply){ 0 }, topic.n);

    p->done = on_purged;
    p->call.purge.topic = pending_copy(p, topic);
    c->state = CONN_BUSY;
    timer_stop(&c->timer);
    pending_start(p, c, BROKER_OP_PURGE);
}

void api_log_purge(struct conn *c)
{
    const struct api_call *call = container_of(c->later, struct api_call, later);
    struct buf topic = { 0 };

    if (http_percent_decode(buf_str(&call->rest), false, &topic) < 0) {
        api_call_fail(c, 400, "the path must be URL-encoded");
    } else if (pattern_is_valid(buf_str(&topic))) {
        api_call_fail(c, 400, "the path must end with one topic, not a pattern");
    } else if (!topic_is_valid(buf_str(&topic))) {
        api_call_fail(c, 400, "the path must end with a valid topic");
    } else {
        api_call_note(c, LOG_S("topic", buf_str(&topic)));
        purge(c, buf_str(&topic));
    }
    buf_done(&topic);
}
