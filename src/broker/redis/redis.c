/* redis.c - the cluster engine: its connections, whether they are ready, opening and closing. */
#include "broker/redis/redis_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/redis/redis_presence.h"
#include "broker/redis/redis_reply.h"

#define TICK_MS        1000
#define SWEEP_TICKS    5
#define POOL_MIN       2
#define LINKS_A_READER 5 /* of so many command connections one is for history */

bool redis_notice_is_new(struct redis_notice *n, const char *what)
{
    if (strncmp(n->said, what, REDIS_WHY_MAX - 1) == 0)
        return false;
    (void)snprintf(n->said, sizeof(n->said), "%s", what);
    return true;
}

/* ---- state ---- */

static size_t n_links(const struct redis_engine *e)
{
    return e->n_lanes + e->n_readers;
}

static struct redis_link *link_at(const struct redis_engine *e, size_t i)
{
    return i < e->n_lanes ? e->lanes[i].link : e->readers[i - e->n_lanes];
}

static bool all_links_are_up(const struct redis_engine *e)
{
    for (size_t i = 0; i < n_links(e); i++) {
        if (!redis_link_is_up(link_at(e, i)))
            return false;
    }
    return true;
}

static bool takes_publishes(const struct redis_engine *e)
{
    for (size_t i = 0; i < e->n_lanes; i++) {
        if (redis_feed_is_joined(e->feed) && redis_link_is_up(e->lanes[i].link))
            return true;
    }
    return false;
}

static void update_ready(struct redis_engine *e)
{
    bool ready = takes_publishes(e) && !e->refuses;

    if (ready && all_links_are_up(e))
        e->connection.said[0] = '\0';
    if (ready == e->ready)
        return;
    e->ready = ready;
    core_set_ready(e->core, ready);
    if (ready)
        log_info("broker_ready", LOG_Z("redis", e->config->redis_host),
                 LOG_N("port", e->config->redis_port));
}

static void note_connection_lost(struct redis_engine *e, const char *why)
{
    update_ready(e);
    if (!redis_notice_is_new(&e->connection, why))
        return;
    if (e->ready)
        log_warn("redis_connection_lost", LOG_Z("why", why));
    else
        log_warn("broker_waiting", LOG_Z("redis", e->config->redis_host),
                 LOG_N("port", e->config->redis_port), LOG_Z("why", why));
}

/* Every connection anew: this Redis cannot serve us, its name may lead to another by now. */
static void start_over(struct redis_engine *e, const char *why)
{
    redis_feed_drop(e->feed, why);
    for (size_t i = 0; i < n_links(e); i++)
        redis_link_renew(link_at(e, i), why);
}

void redis_engine_on_refusal(struct redis_engine *e, const struct redisReply *error)
{
    const char *text = redis_reply_text(error).p;

    if (redis_notice_is_new(&e->refusal, text))
        log_warn("redis_refuses", LOG_Z("why", text));
    if (redis_reply_needs_reconnect(error))
        start_over(e, text);
}

/* ---- calls ---- */

static void engine_call(void *engine, struct broker_call *call)
{
    struct redis_engine *e = engine;

    switch (call->op) {
    case BROKER_OP_HISTORY: redis_history_take(e, call); break;
    case BROKER_OP_PRESENCE: redis_presence_take(e->presence, call); break;
    case BROKER_OP_PUBLISH:
    case BROKER_OP_GET:
    case BROKER_OP_SET:
    case BROKER_OP_DELETE: redis_lanes_take(e, call); break;
    }
}

static void pump(struct redis_engine *e)
{
    redis_lanes_pump(e);
    redis_history_pump(e);
    redis_presence_pump(e->presence);
}

/* ---- what the connections report ---- */

/* A client's publishes wait for one certain connection: none may lag behind the others. */
static void retry_all_now(struct redis_engine *e)
{
    for (size_t i = 0; i < n_links(e); i++)
        redis_link_retry_now(link_at(e, i));
    redis_feed_retry_now(e->feed);
}

static void on_link_up(struct redis_link *l, void *owner)
{
    struct redis_engine *e = owner;

    (void)l;
    retry_all_now(e);
    redis_feed_on_command_link(e->feed);
    update_ready(e);
    pump(e);
}

static void on_link_down(struct redis_link *l, void *owner, const char *why)
{
    (void)l;
    note_connection_lost(owner, why);
}

static void on_link_room(struct redis_link *l, void *owner)
{
    (void)l;
    pump(owner);
}

struct redis_link *redis_engine_pick(struct redis_engine *e)
{
    for (size_t i = 0; i < n_links(e); i++) {
        struct redis_link *l = link_at(e, (e->ticks + i) % n_links(e));

        if (redis_link_can_send(l))
            return l;
    }
    return NULL;
}

static struct redis_link *pick_for_feed(void *owner)
{
    return redis_engine_pick(owner);
}

static void on_feed_message(void *owner, struct str channel, struct str payload)
{
    struct redis_engine *e = owner;

    redis_presence_on_message(e->presence, channel, payload);
}

static void on_feed_joined(void *owner)
{
    struct redis_engine *e = owner;

    e->refusal.said[0] = '\0';
    update_ready(e);
    pump(e);
}

static void on_feed_down(void *owner, const char *why)
{
    note_connection_lost(owner, why);
}

static void on_feed_refused(void *owner, const struct redisReply *error)
{
    struct redis_engine *e = owner;

    e->refuses = true;
    redis_engine_on_refusal(e, error);
    update_ready(e);
}

static void on_feed_accepted(void *owner)
{
    struct redis_engine *e = owner;

    e->refuses = false;
    update_ready(e);
}

static void on_tick(struct timer *t)
{
    struct redis_engine *e = container_of(t, struct redis_engine, tick);

    e->ticks++;
    redis_feed_on_tick(e->feed);
    for (size_t i = 0; i < n_links(e); i++)
        redis_link_ping(link_at(e, i));
    if (e->config->cache && e->ticks % SWEEP_TICKS == 0)
        redis_history_sweep(e);
    redis_history_pump(e);
    loop_timer(core_loop(e->core), &e->tick, TICK_MS);
}

/* ---- open and close ---- */

static const struct redis_link_events link_events = {
    .on_up = on_link_up,
    .on_down = on_link_down,
    .on_room = on_link_room,
};

static const struct redis_feed_events feed_events = {
    .pick = pick_for_feed,
    .on_message = on_feed_message,
    .on_joined = on_feed_joined,
    .on_down = on_feed_down,
    .on_refused = on_feed_refused,
    .on_accepted = on_feed_accepted,
};

static struct redis_link_config link_config(struct redis_engine *e)
{
    return (struct redis_link_config){
        .loop = core_loop(e->core),
        .inbox = core_inbox(e->core),
        .metrics = core_metrics(e->core),
        .host = e->config->redis_host,
        .port = e->config->redis_port,
        .username = e->config->redis_username,
        .password = e->config->redis_password,
        .db = e->config->redis_db,
        .tls = e->config->redis_tls,
        .timeout_ms = e->config->timeout_ms,
        .loads_scripts = true,
        .events = &link_events,
        .owner = e,
    };
}

static void create_links(struct redis_engine *e)
{
    struct redis_link_config config = link_config(e);
    size_t pool = e->config->redis_pool_size > POOL_MIN ? e->config->redis_pool_size : POOL_MIN;

    e->n_readers = pool / LINKS_A_READER > 1 ? pool / LINKS_A_READER : 1;
    e->n_lanes = pool - e->n_readers;
    e->lanes = mem_array(NULL, e->n_lanes, sizeof(e->lanes[0]));
    e->readers = mem_array(NULL, e->n_readers, sizeof(e->readers[0]));
    for (size_t i = 0; i < e->n_lanes; i++) {
        e->lanes[i].link = redis_link_create(&config);
        redis_queue_init(&e->lanes[i].queue, e->core);
    }
    for (size_t i = 0; i < e->n_readers; i++)
        e->readers[i] = redis_link_create(&config);
}

static int engine_open(struct core *core, const struct broker_config *config, void **ret_engine)
{
    struct redis_engine *e = mem_zalloc(sizeof(*e));
    struct redis_feed_config feed = { .core = core, .events = &feed_events, .owner = e };

    e->core = core;
    e->config = config;
    redis_names_init(&e->names, str_of(config->redis_prefix));
    redis_queue_init(&e->urgent, core);
    redis_queue_init(&e->patient, core);
    list_init(&e->pages);
    create_links(e);
    e->presence = redis_presence_create(e);
    feed.names = &e->names;
    feed.channels[0] = redis_presence_channel(e->presence, false);
    feed.channels[1] = redis_presence_channel(e->presence, true);
    feed.link = link_config(e);
    e->feed = redis_feed_create(&feed);
    timer_init(&e->tick, on_tick);
    loop_timer(core_loop(core), &e->tick, TICK_MS);
    *ret_engine = e;
    return EH_OK;
}

/* The feed first, so that nothing is sent any more; then the connections, which give back what is
 * under way; then what never left. */
static void engine_close(void *engine)
{
    struct redis_engine *e = engine;

    timer_stop(&e->tick);
    redis_feed_close(e->feed);
    redis_presence_close(e->presence);
    for (size_t i = 0; i < n_links(e); i++)
        redis_link_free(link_at(e, i));
    for (size_t i = 0; i < e->n_lanes; i++)
        redis_queue_done(&e->lanes[i].queue);
    redis_history_close(e);
    redis_feed_free(e->feed);
    redis_presence_free(e->presence);
    redis_names_done(&e->names);
    free(e->lanes);
    free(e->readers);
    free(e);
}

const struct engine_ops redis_engine = {
    .open = engine_open,
    .call = engine_call,
    .close = engine_close,
};
