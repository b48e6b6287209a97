#include "broker/redis/redis_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/redis/redis_greeting.h"
#include "broker/redis/redis_reply.h"

#define POOL_MIN        2
#define EVICTION_TICKS  10
#define REDIRECT_LOG_MS 1000 /* between two lines about redirects */
#define RENEWAL         "the connection is replaced"
#define HISTORY_SHARE   5 /* one link in five reads history, and at least one does */

/* Stores `text` in `last` and reports whether it differs from what was there. */
static bool is_new(char last[REDIS_WHY_MAX], const char *text)
{
    if (strncmp(last, text, REDIS_WHY_MAX - 1) == 0)
        return false;
    (void)snprintf(last, REDIS_WHY_MAX, "%s", text);
    return true;
}

/* ---- readiness ---- */

static bool all_links_are_up(const struct redis_pool *p)
{
    for (size_t i = 0; i < p->n_links; i++) {
        if (!redis_link_is_up(p->links[i]))
            return false;
    }
    return true;
}

static bool any_lane_is_up(const struct redis_pool *p)
{
    for (size_t i = 0; i < p->n_lanes; i++) {
        if (redis_link_is_up(p->links[i]))
            return true;
    }
    return false;
}

/* Counts the time without a master that this node has joined. */
static void count_masterless(struct redis_pool *p, bool has_master)
{
    uint64_t now = loop_now(p->core->loop);

    if (p->masterless_ms)
        metrics_add(p->core->config.metrics, METRIC_MASTERLESS_MS,
                    (int64_t)(now - p->masterless_ms));
    p->masterless_ms = has_master ? 0 : now;
}

static void update_ready(struct redis_pool *p)
{
    bool has_master = redis_feed_is_joined(p->feed) && any_lane_is_up(p);
    bool is_ready = has_master && !p->is_refused;

    count_masterless(p, has_master);
    if (is_ready && all_links_are_up(p))
        p->outage[0] = '\0';
    if (is_ready == p->is_ready)
        return;
    p->is_ready = is_ready;
    p->was_ready = p->was_ready || is_ready;
    core_set_ready(p->core, is_ready);
    if (is_ready)
        log_info("broker_ready", LOG_Z("redis", p->config->redis_hosts[0].host),
                 LOG_N("port", p->config->redis_hosts[0].port));
}

static void note_outage(struct redis_pool *p, const char *why)
{
    update_ready(p);
    core_set_why(p->core, why);
    if (!is_new(p->outage, why))
        return;
    if (strcmp(why, REDIS_ACTIVE_REPLICA) == 0) {
        log_error("redis_unusable", LOG_Z("why", why));
        if (!p->was_ready)
            core_report_unusable(p->core);
    } else if (p->is_ready)
        log_warn("redis_connection_lost", LOG_Z("why", why));
    else
        log_warn("broker_waiting", LOG_Z("redis", p->config->redis_hosts[0].host),
                 LOG_N("port", p->config->redis_hosts[0].port), LOG_Z("why", why));
}

/* ---- problems with replies ---- */

bool redis_pool_is_new_problem(struct redis_pool *p, const char *problem)
{
    return is_new(p->problem, problem);
}

void redis_pool_forget_problem(struct redis_pool *p)
{
    p->problem[0] = '\0';
}

void redis_pool_on_refusal(struct redis_pool *p, const struct redisReply *error)
{
    const char *text = redis_reply_text(error).p;

    if (is_new(p->problem, text))
        log_warn("redis_refuses", LOG_Z("why", text));
    if (!redis_reply_needs_reconnect(error))
        return;
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

static void on_link_up(struct redis_link *l, void *owner)
{
    struct redis_pool *p = owner;

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

static void on_link_down(struct redis_link *l, void *owner, const char *why)
{
    struct redis_pool *p = owner;

    if (l != p->renewing || strcmp(why, RENEWAL) != 0) {
        note_outage(p, why);
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

static void log_redirect(struct redis_pool *p, const struct redis_redirect *redirect)
{
    uint64_t now = loop_now(p->core->loop);

    if (p->redirected_ms && now - p->redirected_ms < REDIRECT_LOG_MS)
        return;
    p->redirected_ms = now;
    log_warn("redis_redirects", LOG_Z("kind", redis_redirect_name(redirect->kind)),
             LOG_Z("to", redirect->endpoint.host), LOG_N("port", redirect->endpoint.port));
}

static void on_link_refused(struct redis_link *l, void *owner,
                            const struct redis_redirect *redirect)
{
    struct redis_pool *p = owner;

    log_redirect(p, redirect);
    if (redirect->kind == REDIS_REDIRECT_FENCE)
        redis_feed_rejoin(p->feed);
    else if (redirect->kind == REDIS_REDIRECT_MOVED && redirect->endpoint.port)
        redis_link_move(l, &redirect->endpoint, "the keys are kept by another Redis now");
}

static bool on_link_ask(struct redis_link *l, void *owner, const struct redis_endpoint *endpoint,
                        struct redis_command *c, struct redis_done done)
{
    struct redis_pool *p = owner;

    (void)l;
    /* WAIT asks for what its own connection wrote. So with it calls wait until the slot has moved. */
    return p->config->redis_wait == 0 && redis_asker_send(p->asker, endpoint, c, done);
}

/* ---- the feed ---- */

static struct redis_link *pick_for_feed(void *owner)
{
    return redis_pool_pick(owner);
}

static void on_feed_message(void *owner, struct str channel, struct str payload)
{
    struct redis_pool *p = owner;

    p->events->on_message(p->owner, channel, payload);
}

static void on_feed_joined(void *owner)
{
    struct redis_pool *p = owner;

    redis_pool_forget_problem(p);
    for (size_t i = 0; i < p->n_links; i++)
        redis_link_release(p->links[i]);
    update_ready(p);
    p->events->on_room(p->owner);
}

static void on_feed_down(void *owner, const char *why)
{
    note_outage(owner, why);
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

void redis_pool_tick(struct redis_pool *p)
{
    struct redis_link *link = redis_pool_pick(p);

    p->ticks++;
    if (link && p->ticks % EVICTION_TICKS == 0)
        redis_eviction_ask(&p->eviction, link);
    count_masterless(p, p->masterless_ms == 0);
    redis_feed_on_tick(p->feed);
    redis_asker_tick(p->asker);
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
    .on_message = on_feed_message,
    .on_joined = on_feed_joined,
    .on_down = on_feed_down,
    .on_refused = on_feed_refused,
    .on_accepted = on_feed_accepted,
};

static struct redis_link_config link_config(struct redis_pool *p)
{
    return (struct redis_link_config){
        .loop = p->core->loop,
        .inbox = p->core->inbox,
        .metrics = p->core->config.metrics,
        .endpoint = p->config->redis_hosts[0],
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
    p->masterless_ms = loop_now(core->loop);
    redis_names_init(&p->names, str_of(config->redis_prefix));
    p->n_links = config->redis_pool_size > POOL_MIN ? config->redis_pool_size : POOL_MIN;
    n_history = p->n_links / HISTORY_SHARE > 1 ? p->n_links / HISTORY_SHARE : 1;
    p->n_lanes = p->n_links - n_history;
    p->links = mem_array(NULL, p->n_links, sizeof(p->links[0]));
    link = link_config(p);
    p->asker = redis_asker_create(&link);
    for (size_t i = 0; i < p->n_links; i++)
        p->links[i] = redis_link_create(&link);
    return p;
}

void redis_pool_open_feed(struct redis_pool *p, struct str questions, struct str answers)
{
    const struct redis_feed_config feed = {
        .core = p->core,
        .names = &p->names,
        .link = link_config(p),
        .channels = { questions, answers },
        .events = &feed_events,
        .owner = p,
    };

    p->feed = redis_feed_create(&feed);
}

void redis_pool_close(struct redis_pool *p)
{
    redis_feed_close(p->feed); /* first: from now on nothing is sent */
    for (size_t i = 0; i < p->n_links; i++)
        redis_link_free(p->links[i]);
    redis_asker_free(p->asker);
}

void redis_pool_free(struct redis_pool *p)
{
    redis_feed_free(p->feed);
    redis_names_done(&p->names);
    free(p->links);
    free(p);
}
