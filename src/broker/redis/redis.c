/* redis.c - the cluster engine: passes each call to the part that sends it. The parts are
 * redis_lanes (publishes, key/value calls and revoked tokens), redis_history (pages of the log),
 * redis_presence (who is subscribed, on all nodes), redis_listing (pages of topics) and
 * redis_revoked (tokens that other nodes have revoked); they share the connections of redis_pool.
 */
#include "broker/redis/redis.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/fanout.h"
#include "broker/redis/redis_history.h"
#include "broker/redis/redis_lanes.h"
#include "broker/redis/redis_listing.h"
#include "broker/redis/redis_pool.h"
#include "broker/redis/redis_presence.h"
#include "broker/redis/redis_revoked.h"
#include "broker/redis/redis_wants.h"
#include "hub/topic.h"

#define TICK_MS     1000
#define SWEEP_TICKS 5

struct redis_engine {
    struct core *core;
    const struct broker_config *config;
    struct redis_pool *pool;
    struct redis_lanes *lanes;
    struct redis_history *history;
    struct redis_presence *presence;
    struct redis_listing *listing;
    struct redis_revoked *revoked;
    struct timer tick;
};

static void engine_call(void *engine, struct broker_call *call)
{
    struct redis_engine *e = engine;
    uint64_t timeout_ms = call->timeout_ms;

    /* Only history may wait until Redis is back. */
    if (timeout_ms == 0 && call->op != BROKER_OP_HISTORY)
        timeout_ms = e->config->timeout_ms;
    call->deadline = timeout_ms ? loop_now(e->core->loop) + timeout_ms : 0;
    switch (call->op) {
    case BROKER_OP_HISTORY: redis_history_take(e->history, call); break;
    case BROKER_OP_PRESENCE:
    case BROKER_OP_ASK: redis_presence_take(e->presence, call); break;
    case BROKER_OP_LIST: redis_listing_take(e->listing, call); break;
    case BROKER_OP_PUBLISH:
    case BROKER_OP_GET:
    case BROKER_OP_SET:
    case BROKER_OP_DELETE:
    case BROKER_OP_PURGE:
    case BROKER_OP_REVOKE: redis_lanes_take(e->lanes, call); break;
    }
}

static void engine_want(void *engine, struct broker_want *want)
{
    struct redis_engine *e = engine;

    redis_wants_take(redis_feed_wants(e->pool->feed), want);
}

static void engine_unwant(void *engine, struct broker_port *port, struct str filter)
{
    struct redis_engine *e = engine;

    redis_wants_drop(redis_feed_wants(e->pool->feed), port, filter);
}

static void on_room(void *owner)
{
    struct redis_engine *e = owner;

    redis_lanes_pump(e->lanes);
    redis_history_pump(e->history);
    redis_presence_pump(e->presence);
    redis_listing_pump(e->listing);
}

static void on_joined(void *owner)
{
    struct redis_engine *e = owner;

    redis_revoked_on_joined(e->revoked);
}

static void on_purged(struct redis_engine *e, struct str text)
{
    struct str id_text, topic = str_skip(text, strlen(REDIS_PURGED));
    struct msgid id;

    if (!str_cut(&topic, ' ', &id_text) || msgid_parse(id_text, &id) < 0 || !topic_is_valid(topic))
        return;
    redis_tail_purge(e->pool->tail, topic, id);
    redis_history_on_purged(e->history, topic, id);
    fanout_purged(e->core->fanout, topic, id);
}

static void on_message(void *owner, struct str channel, struct str payload)
{
    struct redis_engine *e = owner;

    if (str_eq(channel, buf_str(&e->pool->names.began)))
        on_purged(e, payload);
    else
        redis_presence_on_message(e->presence, channel, payload);
}

static void on_tick(struct timer *t)
{
    struct redis_engine *e = container_of(t, struct redis_engine, tick);

    redis_pool_tick(e->pool);
    if (e->config->cache && e->pool->ticks % SWEEP_TICKS == 0)
        redis_history_sweep(e->history);
    redis_history_pump(e->history);
    redis_revoked_on_tick(e->revoked);
    loop_timer(e->core->loop, &e->tick, TICK_MS);
}

static const struct redis_pool_events pool_events = {
    .on_room = on_room,
    .on_joined = on_joined,
    .on_message = on_message,
};

static int engine_open(struct core *core, const struct broker_config *config, void **ret_engine)
{
    struct redis_engine *e = mem_zalloc(sizeof(*e));

    e->core = core;
    e->config = config;
    e->pool = redis_pool_create(core, config, &pool_events, e);
    e->lanes = redis_lanes_create(e->pool);
    e->history = redis_history_create(e->pool);
    e->presence = redis_presence_create(e->pool);
    e->listing = redis_listing_create(e->pool);
    e->revoked = redis_revoked_create(e->pool);
    redis_pool_open_feed(e->pool, redis_presence_channel(e->presence, false),
                         redis_presence_channel(e->presence, true));
    timer_init(&e->tick, on_tick);
    loop_timer(core->loop, &e->tick, TICK_MS);
    *ret_engine = e;
    return EH_OK;
}

static void engine_renew(void *engine)
{
    struct redis_engine *e = engine;

    redis_pool_renew(e->pool);
}

/* Closes the connections first: they give back the calls under way. The parts then answer the calls
 * that were never sent. */
static void engine_close(void *engine)
{
    struct redis_engine *e = engine;

    timer_stop(&e->tick);
    redis_pool_close(e->pool);
    redis_presence_free(e->presence);
    redis_listing_free(e->listing);
    redis_revoked_free(e->revoked);
    redis_lanes_free(e->lanes);
    redis_history_free(e->history);
    redis_pool_free(e->pool);
    free(e);
}

const struct engine_ops redis_engine = {
    .open = engine_open,
    .call = engine_call,
    .want = engine_want,
    .unwant = engine_unwant,
    .renew = engine_renew,
    .close = engine_close,
};
