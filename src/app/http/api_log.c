#include "app/http/api_log.h"

#include <jansson.h>

#include "app/conn/pending.h"
#include "app/http/api_ask.h"
#include "app/http/api_call.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "proto/http.h"

/* The workers have nothing to add: it matters only whether all have answered. */
static json_t *merge(const struct api_question *q, const json_t *answers)
{
    const uint64_t *removed = q->extra;

    (void)answers;
    return json_pack("{s:I}", "removed", (json_int_t)*removed);
}

static void ask_nodes(struct conn *c, uint64_t removed)
{
    uint64_t *extra = mem_alloc(sizeof(*extra));

    *extra = removed;
    api_ask(c, &(struct api_question){
                   .text = json_pack("{s:s}", "op", "purged"),
                   .is_done = true,
                   .merge = merge,
                   .extra = extra,
               });
}

static void on_purged(struct pending *p, struct conn *c)
{
    if (!c || c->state != CONN_BUSY)
        return; /* it is gone, or the drain has answered the request */
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
    http_later_wait(c);
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
