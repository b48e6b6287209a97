#include "broker/redis/redis_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/redis/redis_reply.h"

#define POOL_MIN       2
#define EVICTION_TICKS 10
#define HISTORY_SHARE  5    /* one link in five reads history, and at least one does */
#define HISTORY_GAP_MS 1000 /* from one change of the history to the next */
#define REFUSAL_GAP_MS 500  /* from one refusal that replaces all connections to the next */

/* Why we end connections ourselves. */
#define RENEWAL         "the connection is replaced"
#define ANOTHER_MASTER  "another Redis is the master now"
#define SEVERAL_MASTERS "several masters answer at the same address"

/* ---- readiness ---- */

/* Counts those of the first n links that are up. */
static size_t count_up(const struct redis_pool *p, size_t n)
{
    size_t up = 0;

    for (size_t i = 0; i < n; i++)
        up += redis_link_is_up(p->links[i]);
    return up;
}

/* Reports whether this node has joined the master. */
static bool has_master(const struct redis_pool *p)
{
    return redis_feed_is_joined(p->feed) && count_up(p, p->n_lanes) > 0;
}

static void update_ready(struct redis_pool *p)
{
    bool has_joined = has_master(p);

    redis_status_set(&p->status, has_joined, has_joined && !p->is_refused,
                     count_up(p, p->n_links) == p->n_links);
}

/* ---- errors ---- */

void redis_pool_on_refusal(struct redis_pool *p, const struct redisReply *error)
{
    const char *text = redis_reply_text(error).p;
    uint64_t now = loop_now(p->core->loop);

    redis_status_on_refusal(&p->status, text);
    if (!redis_reply_needs_reconnect(error))
        return;
    redis_source_ask(p->source);
    /* The new connections may end at the same replica, and the next fence is refused at once. */
    if (p->refused_ms && now - p->refused_ms < REFUSAL_GAP_MS)
        return;
    p->refused_ms = now;
    redis_feed_drop(p->feed, text); /* its name may lead to another Redis by now */
    for (size_t i = 0; i < p->n_links; i++)
        redis_link_renew(p->links[i], text);
}

/* ---- the links ---- */

struct redis_link *redis_pool_pick(const struct redis_pool *p)
{
    for (size_t i = 0; i < p->n_links; i++) {
        struct redis_link *l = p->links[(p->ticks + i) % p->n_links];

        if (redis_link_can_send(l))
            return l;
    }
    return NULL;
}

/* One after another, so that the other links carry on. The links that read history come first: if
 * Redis refuses the new login, the lanes keep their connections. */
static void renew_next(struct redis_pool *p)
{
    p->renewing = p->n_to_renew ? p->links[--p->n_to_renew] : NULL;
    if (p->renewing)
        redis_link_renew(p->renewing, RENEWAL); /* if it is down, on_link_up will follow anyway */
    else
        log_info("redis_renewed", LOG_N("links", p->n_links));
}

void redis_pool_renew(struct redis_pool *p)
{
    p->n_to_renew = p->n_links;
    renew_next(p);
}

static bool is_of_other_history(const struct redis_pool *p, const struct redis_info *info)
{
    return info && info->replid[0] && strcmp(info->replid, p->replid) != 0;
}

/* Called for each new connection. If its server has another history than the one connected before,
 * the name leads to another Redis now, or the same one has started again: the other connections are
 * replaced, and the feed joins before anything is published there. Returns false if the history has
 * just changed at the same endpoint: a name that leads to several masters must not make us replace
 * all connections for each new one. */
static bool note_history(struct redis_pool *p, const struct redis_info *info)
{
    static const char why[] = "the master has another history now";
    uint64_t now = loop_now(p->core->loop);

    if (!is_of_other_history(p, info))
        return true;
    if (p->history_ms && now - p->history_ms < HISTORY_GAP_MS)
        return false;
    p->history_ms = now;
    (void)snprintf(p->replid, sizeof(p->replid), "%s", info->replid);
    for (size_t i = 0; i < p->n_links; i++) {
        if (is_of_other_history(p, redis_link_info(p->links[i])))
            redis_link_renew(p->links[i], why);
    }
    if (is_of_other_history(p, redis_feed_info(p->feed)))
        redis_feed_drop(p->feed, why);
    else
        redis_feed_rejoin(p->feed);
    return true;
}

static void on_link_up(struct redis_link *l, void *owner)
{
    struct redis_pool *p = owner;
    const struct redis_info *info = redis_link_info(l);

    if (info && info->cluster_enabled == 1)
        redis_source_on_cluster(p->source);
    if (!note_history(p, info)) {
        redis_link_drop(l, SEVERAL_MASTERS);
        return;
    }
    if (!redis_feed_is_joined(p->feed))
        redis_source_on_connected(p->source);
    /* Each lane is bound to one link, so no link may lag behind in its back-off. */
    for (size_t i = 0; i < p->n_links; i++)
        redis_link_retry_now(p->links[i]);
    redis_feed_retry_now(p->feed);
    redis_feed_on_command_link(p->feed);
    if (redis_link_can_send(l))
        redis_eviction_ask(&p->eviction, l);
    if (redis_feed_is_joined(p->feed))
        redis_link_release(l);
    update_ready(p);
    p->events->on_room(p->owner);
    if (l == p->renewing)
        renew_next(p);
}

/* Asks the source, unless the source itself has just sent us elsewhere. */
static void on_down(struct redis_pool *p, const char *why)
{
    update_ready(p);
    if (strcmp(why, ANOTHER_MASTER) == 0)
        return;
    redis_status_on_outage(&p->status, why);
    redis_source_ask(p->source);
}

static void on_link_down(struct redis_link *l, void *owner, const char *why)
{
    struct redis_pool *p = owner;

    if (l != p->renewing || strcmp(why, RENEWAL) != 0) {
        on_down(p, why);
        return;
    }
    update_ready(p);
    redis_link_retry_now(l);
}

static void on_link_room(struct redis_link *l, void *owner)
{
    struct redis_pool *p = owner;

    (void)l;
    update_ready(p);
    p->events->on_room(p->owner);
}

static void on_link_refused(struct redis_link *l, void *owner,
                            const struct redis_redirect *redirect)
{
    struct redis_pool *p = owner;

    (void)l;
    if (redirect->kind == REDIS_REDIRECT_FENCE) {
        redis_feed_rejoin(p->feed);
        return;
    }
    redis_status_on_redirect(&p->status, redirect);
    redis_source_on_redirect(p->source, redirect); /* which may call on_master */
}

static bool on_link_ask(struct redis_link *l, void *owner, const struct redis_endpoint *endpoint,
                        struct redis_command *c, struct redis_done done)
{
    struct redis_pool *p = owner;

    (void)l;
    /* WAIT covers only the writes of its own connection. So with REDIS_WAIT, calls wait until the
     * slot has moved. */
    return p->config->redis_wait == 0 && redis_asker_send(p->asker, endpoint, c, done);
}

/* ---- the feed ---- */

static struct redis_link *pick_for_feed(void *owner)
{
    return redis_pool_pick(owner);
}

/* While a publish is under way, its answer may bring an id that the fence must know. And what is
 * published at an old master is lost. */
static bool may_fence(void *owner)
{
    const struct redis_pool *p = owner;

    if (!redis_source_is_settled(p->source))
        return false;
    for (size_t i = 0; i < p->n_lanes; i++) {
        if (redis_link_unanswered_calls(p->links[i]) > 0)
            return false;
    }
    return true;
}

static void on_feed_connected(void *owner, const struct redis_info *info)
{
    struct redis_pool *p = owner;

    if (note_history(p, info))
        redis_source_on_connected(p->source);
    else
        redis_feed_drop(p->feed, SEVERAL_MASTERS);
}

static void on_feed_message(void *owner, struct str channel, struct str payload)
{
    struct redis_pool *p = owner;

    p->events->on_message(p->owner, channel, payload);
}

static void on_feed_joined(void *owner)
{
    struct redis_pool *p = owner;

    redis_status_forget_problem(&p->status);
    redis_status_on_known(&p->status);
    for (size_t i = 0; i < p->n_links; i++)
        redis_link_release(p->links[i]);
    update_ready(p);
    p->events->on_room(p->owner); /* first what clients wait for */
    p->events->on_joined(p->owner);
}

static void on_feed_down(void *owner, const char *why)
{
    struct redis_pool *p = owner;

    if (strcmp(why, ANOTHER_MASTER) != 0)
        redis_source_on_lost(p->source);
    on_down(p, why);
}

static void on_feed_refused(void *owner, const struct redisReply *error)
{
    struct redis_pool *p = owner;

    p->is_refused = true;
    core_set_why(p->core, redis_reply_text(error).p);
    redis_pool_on_refusal(p, error);
    update_ready(p);
}

static void on_feed_accepted(void *owner)
{
    struct redis_pool *p = owner;

    p->is_refused = false;
    update_ready(p);
}

/* ---- the master ---- */

static void on_master(void *owner, const struct redis_endpoint *master)
{
    struct redis_pool *p = owner;

    p->history_ms = p->refused_ms = 0;
    redis_status_on_master(&p->status, master);
    redis_feed_move(p->feed, master, ANOTHER_MASTER);
    for (size_t i = 0; i < p->n_links; i++)
        redis_link_move(p->links[i], master, ANOTHER_MASTER);
}

static void on_source_failure(void *owner, const char *why)
{
    struct redis_pool *p = owner;

    redis_status_on_unknown(&p->status, why);
    redis_feed_on_command_link(p->feed); /* nobody names another master: this one is used */
}

static void on_source_success(void *owner)
{
    struct redis_pool *p = owner;

    redis_status_on_known(&p->status);
    redis_feed_on_command_link(p->feed); /* it may wait for this */
}

void redis_pool_tick(struct redis_pool *p)
{
    struct redis_link *link = redis_pool_pick(p);

    p->ticks++;
    if (link && p->ticks % EVICTION_TICKS == 0)
        redis_eviction_ask(&p->eviction, link);
    if (!has_master(p) || redis_feed_is_late(p->feed)) /* a hung master breaks no connection */
        redis_source_ask(p->source);
    redis_feed_on_tick(p->feed);
    redis_asker_tick(p->asker);
    metrics_set(p->core->config.metrics, METRIC_TAIL_BYTES, redis_tail_bytes(p->tail));
    update_ready(p); /* a pause of a link may have become an outage */
    for (size_t i = 0; i < p->n_links; i++)
        redis_link_ping(p->links[i]);
}

/* ---- open and close ---- */

static const struct redis_link_events link_events = {
    .on_up = on_link_up,
    .on_down = on_link_down,
    .on_room = on_link_room,
    .on_refused = on_link_refused,
    .on_ask = on_link_ask,
};

static const struct redis_feed_events feed_events = {
    .pick = pick_for_feed,
    .may_fence = may_fence,
    .on_connected = on_feed_connected,
    .on_message = on_feed_message,
    .on_joined = on_feed_joined,
    .on_down = on_feed_down,
    .on_refused = on_feed_refused,
    .on_accepted = on_feed_accepted,
};

static const struct redis_source_events source_events = {
    .on_master = on_master,
    .on_failure = on_source_failure,
    .on_success = on_source_success,
};

static struct redis_link_config link_config(struct redis_pool *p)
{
    return (struct redis_link_config){
        .loop = p->core->loop,
        .inbox = p->core->inbox,
        .metrics = p->core->config.metrics,
        .name = "eventhub:cmd",
        .login = p->config->redis_login,
        .db = p->config->redis_db,
        .tls = p->config->redis_tls,
        .tls_name = p->config->redis_tls_name,
        .timeout_ms = p->config->timeout_ms,
        .loads_scripts = true,
        .events = &link_events,
        .owner = p,
    };
}

struct redis_pool *redis_pool_create(struct core *core, const struct broker_config *config,
                                     const struct redis_pool_events *events, void *owner)
{
    struct redis_pool *p = mem_zalloc(sizeof(*p));
    struct redis_link_config link;
    size_t n_history;

    p->core = core;
    p->config = config;
    p->events = events;
    p->owner = owner;
    p->eviction.metrics = core->config.metrics;
    redis_status_init(&p->status, core);
    redis_names_init(&p->names, str_of(config->redis_prefix));
    p->n_links = config->redis_pool_size > POOL_MIN ? config->redis_pool_size : POOL_MIN;
    n_history = p->n_links / HISTORY_SHARE > 1 ? p->n_links / HISTORY_SHARE : 1;
    p->n_lanes = p->n_links - n_history;
    p->links = mem_array(NULL, p->n_links, sizeof(p->links[0]));
    link = link_config(p);
    p->asker = redis_asker_create(&link);
    p->tail = redis_tail_create(config);
    for (size_t i = 0; i < p->n_links; i++)
        p->links[i] = redis_link_create(&link);
    return p;
}

void redis_pool_open_feed(struct redis_pool *p, struct str questions, struct str answers)
{
    const struct redis_source_config source = {
        .loop = p->core->loop,
        .inbox = p->core->inbox,
        .broker = p->config,
        .events = &source_events,
        .owner = p,
    };
    const struct redis_feed_config feed = {
        .core = p->core,
        .names = &p->names,
        .tail = p->tail,
        .link = link_config(p),
        .channels = { questions, answers },
        .events = &feed_events,
        .owner = p,
    };

    p->feed = redis_feed_create(&feed);
    p->source = redis_source_create(&source);
}

void redis_pool_close(struct redis_pool *p)
{
    redis_source_free(p->source);
    redis_feed_close(p->feed); /* before the links: from now on nothing is sent */
    for (size_t i = 0; i < p->n_links; i++)
        redis_link_free(p->links[i]);
    redis_asker_free(p->asker);
}

void redis_pool_free(struct redis_pool *p)
{
    redis_feed_free(p->feed);
    redis_tail_free(p->tail);
    redis_names_done(&p->names);
    free(p->links);
    free(p);
}
