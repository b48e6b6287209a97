/* redis_lanes.c - the publishes that one turn of the loop has for a link leave as one *batch*: one
 * call of publish.lua, which runs them one after another. A batch is a run of publishes in the
 * order of the queue; a key/value call ends it, and is a batch of its own:
 *
 *     queue     P1 P2 P3 SET P4        sent     [P1 P2 P3] [SET] [P4]
 *
 * Nothing waits for a batch to fill: whatever there is at the end of the turn is sent, so a lone
 * publish leaves as early as it would without batches. While one batch is under way, the next may
 * follow.
 *
 * Each call has its own answer. Only a refusal (redis_redirect.h) concerns the batch as a whole,
 * and then none of it has run: it is held and sent again like a call. By then a later call of one
 * of its clients may have run. The publishes of that client are taken out of the batch and are
 * NOT_DONE; the others are sent. The calls of a batch arrived within SPREAD_MS of one another, so
 * they share one deadline.
 */
#include "broker/redis/redis_lanes.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/redis/redis_confirm.h"
#include "broker/redis/redis_order.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_publish.h"
#include "broker/redis/redis_queue.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_revoked_reply.h"

#define SPREAD_MS 50 /* between the deadlines of a batch; they are checked no more exactly */

struct lane {
    struct redis_lanes *lanes;
    struct redis_link *link;
    struct redis_queue queue;
    struct redis_confirm confirm;
    struct redis_order order;
    struct loop_task send;
};

/* Calls under way: publishes, or one other call. */
struct batch {
    struct lane *lane;
    uint64_t number; /* in the order of its lane */
    size_t n;        /* 0: all have been taken out */
    struct broker_call *calls[];
};

struct redis_lanes {
    struct redis_pool *pool;
    struct redis_confirm_state replicas;
    struct lane lanes[]; /* pool->n_lanes; lanes[i] sends over pool->links[i] */
};

/* ---- commands ---- */

static void make_publish(struct redis_pool *pool, const struct batch *b, struct redis_command *ret)
{
    const struct broker_publish *publishes[REDIS_BATCH_MAX];

    for (size_t i = 0; i < b->n; i++)
        publishes[i] = &b->calls[i]->publish;
    redis_publish_make(ret, &pool->names, pool->config, publishes, b->n, core_newest(pool->core),
                       redis_feed_history(pool->feed));
}

static void make_command(struct redis_pool *pool, const struct batch *b, struct redis_command *ret)
{
    const struct broker_call *call = b->calls[0];

    switch (call->op) {
    case BROKER_OP_PUBLISH: make_publish(pool, b, ret); break;
    case BROKER_OP_GET: redis_command_get(ret, &pool->names, &call->kv); break;
    case BROKER_OP_SET: redis_command_set(ret, &pool->names, &call->kv); break;
    case BROKER_OP_DELETE: redis_command_delete(ret, &pool->names, &call->kv); break;
    case BROKER_OP_REVOKE: redis_command_revoke(ret, &pool->names, &call->revoke.entry, 1); break;
    case BROKER_OP_PURGE:
        redis_command_purge(ret, &pool->names, call->purge.topic, core_newest(pool->core),
                            redis_feed_history(pool->feed));
        break;
    case BROKER_OP_HISTORY:
    case BROKER_OP_PRESENCE:
    case BROKER_OP_ASK:
    case BROKER_OP_LIST: assert(false); break; /* not ours */
    }
}

/* ---- answers ---- */

static int read_reply(struct broker_call *call, const struct redisReply *reply)
{
    switch (call->op) {
    case BROKER_OP_PUBLISH: return redis_reply_publish(reply, &call->publish);
    case BROKER_OP_GET: return redis_reply_get(reply, &call->kv);
    case BROKER_OP_SET: return redis_reply_set(reply);
    case BROKER_OP_DELETE: return redis_reply_delete(reply, &call->kv);
    case BROKER_OP_REVOKE: return redis_revoke_reply(reply, &call->revoke.ret_full);
    case BROKER_OP_PURGE: return redis_reply_count(reply, &call->purge.ret_removed);
    case BROKER_OP_HISTORY:
    case BROKER_OP_PRESENCE:
    case BROKER_OP_ASK:
    case BROKER_OP_LIST: break;
    }
    return EH_EINVAL;
}

static enum broker_status refused_status(struct redis_pool *pool, const struct broker_call *call,
                                         const struct redisReply *error)
{
    redis_pool_on_refusal(pool, error);
    if (redis_reply_has_code(error, "UNSURE")) /* publish.lua: it failed half way */
        return core_unknown_status(call);
    return redis_reply_has_code(error, "OOM") ? BROKER_FULL : BROKER_NOT_DONE;
}

/* Redis has the entry, unless it had no room; now this node has it, too. */
static enum broker_status keep_revoked(struct redis_pool *pool, const struct broker_revoke *revoke)
{
    if (revoke->ret_full)
        return BROKER_FULL;
    return revoked_add(pool->config->revoked, &revoke->entry, 0) == EH_OK ? BROKER_DONE
                                                                          : BROKER_UNKNOWN;
}

/* reply: to this call; NULL: Redis answered in a form that our scripts do not use. */
static enum broker_status status_of(struct redis_pool *pool, struct broker_call *call,
                                    enum redis_fate fate, const struct redisReply *reply)
{
    if (fate == REDIS_NOT_DONE)
        return BROKER_NOT_DONE;
    if (fate == REDIS_UNKNOWN || !reply)
        return core_unknown_status(call);
    if (redis_reply_is_error(reply))
        return refused_status(pool, call, reply);
    if (read_reply(call, reply) < 0)
        return core_unknown_status(call);
    redis_status_forget_problem(&pool->status);
    if (call->op == BROKER_OP_PUBLISH && call->publish.ret_retry_ms > 0)
        return BROKER_LIMITED;
    if (call->op == BROKER_OP_PUBLISH)
        redis_feed_on_published(pool->feed, call->publish.ret_id);
    if (call->op == BROKER_OP_REVOKE)
        return keep_revoked(pool, &call->revoke);
    return BROKER_DONE;
}

static void answer(struct lane *lane, uint64_t number, struct broker_call *call,
                   enum broker_status status)
{
    struct redis_lanes *l = lane->lanes;
    bool is_write = core_unknown_status(call) == BROKER_UNKNOWN;

    if (status == BROKER_DONE || status == BROKER_LIMITED || status == BROKER_UNKNOWN)
        redis_order_on_ran(&lane->order, call->lane, number);
    if (l->replicas.n_replicas > 0 && is_write && status == BROKER_DONE)
        redis_confirm_add(&lane->confirm, call);
    else
        core_answer(l->pool->core, call, status);
}

static void on_reply(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_lanes *l = owner;
    struct batch *b = arg;

    for (size_t i = 0; i < b->n; i++) {
        struct broker_call *call = b->calls[i];
        const struct redisReply *own = reply;

        if (reply && call->op == BROKER_OP_PUBLISH)
            own = redis_reply_of_message(reply, b->n, i);
        answer(b->lane, b->number, call, status_of(l->pool, call, fate, own));
    }
    free(b);
    redis_feed_on_command_link(l->pool->feed); /* it may wait for this answer */
}

/* ---- sending ---- */

/* Takes out the calls that later ones of their clients have overtaken. A publish that Redis refused
 * names the newest id that this node knows by then. */
static bool remake(void *owner, void *arg, struct redis_command *ret)
{
    struct redis_lanes *l = owner;
    struct batch *b = arg;
    size_t n = b->n;

    b->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct broker_call *call = b->calls[i];

        if (redis_order_permits(&b->lane->order, call->lane, b->number))
            b->calls[b->n++] = call;
        else
            core_answer(l->pool->core, call, BROKER_NOT_DONE);
    }
    if (ret && b->n > 0)
        make_command(l->pool, b, ret);
    return b->n > 0;
}

static size_t text_of(const struct broker_publish *p)
{
    return p->topic.n + p->message_json.n + p->origin_json.n + p->key.n;
}

/* Takes the next batch from the queue. Returns NULL if the queue is empty. */
static struct batch *gather(struct lane *lane)
{
    struct broker_call *calls[REDIS_BATCH_MAX], *call = redis_queue_pop(&lane->queue);
    struct batch *b;
    size_t n = 0, bytes = 0;

    if (!call)
        return NULL;
    calls[n++] = call;
    while (calls[0]->op == BROKER_OP_PUBLISH && n < REDIS_BATCH_MAX) {
        bytes += text_of(&calls[n - 1]->publish);
        call = redis_queue_first(&lane->queue);
        if (!call || call->op != BROKER_OP_PUBLISH ||
            bytes + text_of(&call->publish) > REDIS_BATCH_BYTES ||
            call->deadline > calls[0]->deadline + SPREAD_MS)
            break;
        (void)redis_queue_pop(&lane->queue);
        calls[n++] = call;
    }
    b = mem_alloc(sizeof(*b) + n * sizeof(b->calls[0]));
    *b = (struct batch){ .lane = lane, .number = redis_order_next(&lane->order), .n = n };
    for (size_t i = 0; i < n; i++)
        b->calls[i] = calls[i];
    return b;
}

static void pump(struct lane *lane)
{
    struct redis_lanes *l = lane->lanes;
    struct redis_pool *pool = l->pool;
    struct redis_command c;
    struct batch *b;

    while (redis_feed_is_joined(pool->feed) && redis_link_takes_calls(lane->link) &&
           (b = gather(lane))) {
        if (b->calls[0]->op == BROKER_OP_PUBLISH)
            metrics_observe_size(pool->core->config.metrics, METRIC_REDIS_BATCH, b->n);
        make_command(pool, b, &c);
        redis_link_send_call(lane->link, &c,
                             (struct redis_done){ on_reply, l, b, b->calls[b->n - 1]->deadline },
                             remake);
    }
}

static void on_send(struct loop_task *task)
{
    pump(container_of(task, struct lane, send));
}

/* ---- what the owner calls ---- */

void redis_lanes_take(struct redis_lanes *l, struct broker_call *call)
{
    struct lane *lane = &l->lanes[call->lane % l->pool->n_lanes];

    redis_queue_push(&lane->queue, call);
    loop_at_end(l->pool->core->loop, &lane->send);
}

void redis_lanes_pump(struct redis_lanes *l)
{
    for (size_t i = 0; i < l->pool->n_lanes; i++)
        pump(&l->lanes[i]);
}

struct redis_lanes *redis_lanes_create(struct redis_pool *pool)
{
    struct redis_lanes *l = mem_zalloc(sizeof(*l) + pool->n_lanes * sizeof(l->lanes[0]));

    l->pool = pool;
    l->replicas.n_replicas = pool->config->redis_wait;
    l->replicas.status = &pool->status;
    for (size_t i = 0; i < pool->n_lanes; i++) {
        struct lane *lane = &l->lanes[i];

        lane->lanes = l;
        lane->link = pool->links[i];
        lane->send.fn = on_send;
        redis_queue_init(&lane->queue, pool->core);
        redis_confirm_init(&lane->confirm, pool->core, pool->links[i], &l->replicas);
    }
    return l;
}

void redis_lanes_free(struct redis_lanes *l)
{
    for (size_t i = 0; i < l->pool->n_lanes; i++) {
        loop_cancel(&l->lanes[i].send);
        redis_queue_done(&l->lanes[i].queue);
        redis_confirm_done(&l->lanes[i].confirm);
    }
    free(l);
}
