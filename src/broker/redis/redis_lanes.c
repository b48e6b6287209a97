#include "broker/redis/redis_lanes.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/redis/redis_confirm.h"
#include "broker/redis/redis_order.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_queue.h"
#include "broker/redis/redis_reply.h"

struct lane {
    struct redis_queue queue;
    struct redis_confirm confirm;
    struct redis_order order;
};

/* A call under way. */
struct sent {
    struct lane *lane;
    struct broker_call *call;
    uint64_t number; /* in the order of its lane */
};

struct redis_lanes {
    struct redis_pool *pool;
    struct redis_confirm_state replicas;
    struct lane lanes[]; /* pool->n_lanes; lanes[i] sends over pool->links[i] */
};

static void make_command(struct redis_pool *pool, const struct broker_call *call,
                         struct redis_command *ret)
{
    switch (call->op) {
    case BROKER_OP_PUBLISH:
        redis_command_publish(ret, &pool->names, pool->config, &call->publish,
                              core_newest(pool->core), redis_feed_history(pool->feed));
        break;
    case BROKER_OP_GET: redis_command_get(ret, &pool->names, &call->kv); break;
    case BROKER_OP_SET: redis_command_set(ret, &pool->names, &call->kv); break;
    case BROKER_OP_DELETE: redis_command_delete(ret, &pool->names, &call->kv); break;
    case BROKER_OP_HISTORY:
    case BROKER_OP_PRESENCE: assert(false); break; /* not ours */
    }
}

static int read_reply(struct broker_call *call, const struct redisReply *reply)
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

/* Returns the status of a call that Redis may have executed. A read changes nothing either way. */
static enum broker_status unknown_status(const struct broker_call *call)
{
    switch (call->op) {
    case BROKER_OP_PUBLISH:
    case BROKER_OP_SET:
    case BROKER_OP_DELETE: return BROKER_UNKNOWN;
    case BROKER_OP_GET:
    case BROKER_OP_HISTORY:
    case BROKER_OP_PRESENCE: break;
    }
    return BROKER_NOT_DONE;
}

static enum broker_status status_of(struct redis_pool *pool, struct broker_call *call,
                                    enum redis_fate fate, const struct redisReply *reply)
{
    if (fate == REDIS_NOT_DONE)
        return BROKER_NOT_DONE;
    if (fate == REDIS_UNKNOWN)
        return unknown_status(call);
    if (redis_reply_is_error(reply)) {
        redis_pool_on_refusal(pool, reply);
        return redis_reply_has_code(reply, "OOM") ? BROKER_FULL : BROKER_NOT_DONE;
    }
    if (read_reply(call, reply) < 0)
        return unknown_status(call);
    redis_status_forget_problem(&pool->status);
    if (call->op == BROKER_OP_PUBLISH && call->publish.ret_retry_ms > 0)
        return BROKER_LIMITED;
    if (call->op == BROKER_OP_PUBLISH)
        redis_feed_on_published(pool->feed, call->publish.ret_id);
    return BROKER_DONE;
}

static struct lane *lane_of(struct redis_lanes *l, const struct broker_call *call)
{
    return &l->lanes[call->lane % l->pool->n_lanes];
}

static void on_reply(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_lanes *l = owner;
    struct sent *sent = arg;
    struct lane *lane = sent->lane;
    struct broker_call *call = sent->call;
    enum broker_status status = status_of(l->pool, call, fate, reply);
    bool is_write = unknown_status(call) == BROKER_UNKNOWN;

    if (status == BROKER_DONE || status == BROKER_LIMITED || status == BROKER_UNKNOWN)
        redis_order_on_ran(&lane->order, call->lane, sent->number);
    free(sent);
    if (l->replicas.n_replicas > 0 && is_write && status == BROKER_DONE)
        redis_confirm_add(&lane->confirm, call);
    else
        core_answer(l->pool->core, call, status);
    redis_feed_on_command_link(l->pool->feed); /* it may wait for this answer */
}

/* A publish that Redis refused names the newest id that this node knows by then. */
static bool remake(void *owner, void *arg, struct redis_command *ret)
{
    struct redis_lanes *l = owner;
    const struct sent *sent = arg;

    if (!redis_order_permits(&sent->lane->order, sent->call->lane, sent->number))
        return false;
    if (ret)
        make_command(l->pool, sent->call, ret);
    return true;
}

static void pump(struct redis_lanes *l, size_t i)
{
    struct redis_pool *pool = l->pool;
    struct redis_link *link = pool->links[i];
    struct lane *lane = &l->lanes[i];
    struct redis_command c;
    struct broker_call *call;

    while (redis_feed_is_joined(pool->feed) && redis_link_takes_calls(link) &&
           (call = redis_queue_pop(&lane->queue))) {
        struct sent *sent = mem_alloc(sizeof(*sent));

        *sent = (struct sent){ lane, call, redis_order_next(&lane->order) };
        make_command(pool, call, &c);
        redis_link_send_call(link, &c, (struct redis_done){ on_reply, l, sent, call->deadline },
                             remake);
    }
}

void redis_lanes_take(struct redis_lanes *l, struct broker_call *call)
{
    struct lane *lane = lane_of(l, call);

    redis_queue_push(&lane->queue, call);
    pump(l, (size_t)(lane - l->lanes));
}

void redis_lanes_pump(struct redis_lanes *l)
{
    for (size_t i = 0; i < l->pool->n_lanes; i++)
        pump(l, i);
}

struct redis_lanes *redis_lanes_create(struct redis_pool *pool)
{
    struct redis_lanes *l = mem_zalloc(sizeof(*l) + pool->n_lanes * sizeof(l->lanes[0]));

    l->pool = pool;
    l->replicas.n_replicas = pool->config->redis_wait;
    l->replicas.status = &pool->status;
    for (size_t i = 0; i < pool->n_lanes; i++) {
        redis_queue_init(&l->lanes[i].queue, pool->core);
        redis_confirm_init(&l->lanes[i].confirm, pool->core, pool->links[i], &l->replicas);
    }
    return l;
}

void redis_lanes_free(struct redis_lanes *l)
{
    for (size_t i = 0; i < l->pool->n_lanes; i++) {
        redis_queue_done(&l->lanes[i].queue);
        redis_confirm_done(&l->lanes[i].confirm);
    }
    free(l);
}
