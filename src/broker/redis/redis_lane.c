/* redis_lane.c - publishes and key/value calls. They wait in the queue of their lane, which always
 * goes over the same connection, so that those of one client keep their order.
 */
#include <assert.h>

#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_reply.h"

static void make_command(struct redis_engine *e, const struct broker_call *call,
                         struct redis_command *ret)
{
    switch (call->op) {
    case BROKER_OP_PUBLISH:
        redis_command_publish(ret, &e->names, e->config, &call->publish, core_newest(e->core));
        break;
    case BROKER_OP_GET: redis_command_get(ret, &e->names, &call->kv); break;
    case BROKER_OP_SET: redis_command_set(ret, &e->names, &call->kv); break;
    case BROKER_OP_DELETE: redis_command_delete(ret, &e->names, &call->kv); break;
    case BROKER_OP_HISTORY:
    case BROKER_OP_PRESENCE: assert(false); break; /* not ours */
    }
}

static int take_reply(struct broker_call *call, const struct redisReply *reply)
{
    switch (call->op) {
    case BROKER_OP_PUBLISH: return redis_reply_publish(reply, &call->publish);
    case BROKER_OP_GET: return redis_reply_get(reply, &call->kv);
    case BROKER_OP_SET: return redis_reply_set(reply);
    case BROKER_OP_DELETE: return redis_reply_delete(reply, &call->kv);
    case BROKER_OP_HISTORY:
    case BROKER_OP_PRESENCE: break;
    }
    return EH_EINVAL;
}

/* Nobody knows what came of it; of what only reads it does not matter. */
static enum broker_status lost_status(const struct broker_call *call)
{
    return call->op == BROKER_OP_GET ? BROKER_NOT_DONE : BROKER_UNKNOWN;
}

static enum broker_status status_of(struct redis_engine *e, struct broker_call *call,
                                    enum redis_fate fate, const struct redisReply *reply)
{
    if (fate == REDIS_NOT_DONE)
        return BROKER_NOT_DONE;
    if (fate == REDIS_UNKNOWN)
        return lost_status(call);
    if (redis_reply_is_error(reply)) {
        redis_engine_on_refusal(e, reply);
        return redis_reply_has_code(reply, "OOM") ? BROKER_FULL : BROKER_NOT_DONE;
    }
    if (take_reply(call, reply) < 0)
        return lost_status(call);
    e->refusal.said[0] = '\0';
    if (call->op == BROKER_OP_PUBLISH && call->publish.ret_retry_ms > 0)
        return BROKER_LIMITED;
    return BROKER_DONE;
}

static void on_reply(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_engine *e = owner;
    struct broker_call *call = arg;

    core_answer(e->core, call, status_of(e, call, fate, reply));
}

static void pump(struct redis_engine *e, struct redis_lane *lane)
{
    struct redis_command c;
    struct broker_call *call;

    while (redis_feed_is_joined(e->feed) && redis_link_can_send(lane->link) &&
           (call = redis_queue_pop(&lane->queue))) {
        make_command(e, call, &c);
        redis_link_send(lane->link, &c, (struct redis_done){ on_reply, e, call, call->deadline });
    }
}

void redis_lanes_take(struct redis_engine *e, struct broker_call *call)
{
    struct redis_lane *lane = &e->lanes[call->lane % e->n_lanes];

    if (call->deadline == 0)
        call->deadline = loop_now(core_loop(e->core)) + e->config->timeout_ms;
    redis_queue_push(&lane->queue, call);
    pump(e, lane);
}

void redis_lanes_pump(struct redis_engine *e)
{
    for (size_t i = 0; i < e->n_lanes; i++)
        pump(e, &e->lanes[i]);
}
