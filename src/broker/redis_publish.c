/* redis_publish.c - a publish waits in the queue of its lane, which always goes over the same
 * connection, so that the publishes of one client keep their order.
 */
#include "broker/redis_engine.h"
#include "broker/redis_reply.h"

static enum broker_status publish_status(struct redis_engine *e, struct broker_call *call,
                                         enum redis_fate fate, const struct redisReply *reply)
{
    if (fate == REDIS_NOT_RUN)
        return BROKER_NOT_DONE;
    if (fate == REDIS_LOST)
        return BROKER_UNKNOWN;
    if (redis_reply_is_error(reply)) {
        redis_engine_on_refusal(e, reply);
        return BROKER_NOT_DONE;
    }
    if (redis_reply_publish(reply, &call->publish.ret_id) < 0)
        return BROKER_UNKNOWN;
    e->refusal.said[0] = '\0';
    return BROKER_DONE;
}

static void on_published(void *owner, void *arg, enum redis_fate fate,
                         const struct redisReply *reply)
{
    struct redis_engine *e = owner;
    struct broker_call *call = arg;

    core_answer(e->core, call, publish_status(e, call, fate, reply));
}

static void pump_lane(struct redis_engine *e, struct redis_lane *lane)
{
    struct redis_command c;
    struct broker_call *call;

    while (redis_feed_is_joined(e->feed) && redis_link_can_send(lane->link) &&
           (call = redis_queue_pop(&lane->queue))) {
        redis_command_publish(&c, &e->names, e->config, &call->publish);
        redis_link_send(lane->link, &c, (struct redis_done){ on_published, e, call });
    }
}

void redis_publish_take(struct redis_engine *e, struct broker_call *call)
{
    struct redis_lane *lane = &e->lanes[call->lane % e->n_lanes];

    if (call->deadline == 0)
        call->deadline = loop_now(core_loop(e->core)) + e->config->timeout_ms;
    redis_queue_push(&lane->queue, call);
    pump_lane(e, lane);
}

void redis_publish_pump(struct redis_engine *e)
{
    for (size_t i = 0; i < e->n_lanes; i++)
        pump_lane(e, &e->lanes[i]);
}
