/* redis_source.c - when to ask where the master is; redis_sentinel and redis_cluster know how.
 *
 * Anything may make us ask: a lost connection, a READONLY, a MOVED, a message of a Sentinel, time.
 * During a failover all of that comes at once and again and again, from every connection. So each
 * reason only moves the next round closer, and rounds keep their distance:
 *
 *     reasons     x x x  x                x        (news)
 *     rounds      |------ 1 s ------|------ 1 s ----|- 0.1 s -|---------- 5 s ----------|
 *
 * MOVED names the new owner sooner than any round could, so it is followed at once. But two
 * nodes may each name the other one, or name a host that does not exist. So the time for which
 * redirects are not followed doubles with each one, and the rounds between them have the last word.
 */
#include "broker/redis/redis_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "broker/redis/redis_cluster.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_sentinel.h"

#define ROUND_GAP_MS    1000 /* from the beginning of one round to that of the next */
#define URGENT_GAP_MS   100  /* the same after news, or a new connection */
#define PERIOD_MS       5000
#define REDIRECT_MIN_MS 250
#define REDIRECT_MAX_MS 8000

struct redis_source {
    struct redis_source_config config;
    const struct redis_finder_ops *ops; /* NULL: the name in REDIS_HOST is the master */
    void *finder;
    struct redis_endpoint master; /* host "": not known yet */
    bool is_asking;
    bool is_doubted;        /* the master does not work: ask again, and another node */
    bool is_urgent;         /* ask again, soon */
    unsigned n_rounds;      /* begun so far */
    unsigned settling;      /* the round that settles the master; 0: it is settled */
    uint64_t asked_ms;      /* when the last round began; 0: none yet */
    uint64_t redirected_ms; /* when a redirect was followed; 0: never */
    uint64_t redirect_gap_ms;
    unsigned seed;
    struct timer timer; /* the next round */
};

/* ---- the pace ---- */

static uint64_t period_ms(struct redis_source *s)
{
    bool has_jitter = s->ops == &redis_cluster_finder; /* nodes do not ask all at once */

    return PERIOD_MS + (has_jitter ? (uint64_t)rand_r(&s->seed) % PERIOD_MS : 0);
}

static void schedule(struct redis_source *s)
{
    uint64_t now = loop_now(s->config.loop), at, gap_ms;

    if (!s->finder || s->is_asking)
        return; /* the end of the round comes here again */
    if (s->is_urgent)
        gap_ms = URGENT_GAP_MS;
    else
        gap_ms = s->is_doubted ? ROUND_GAP_MS : period_ms(s);
    at = s->asked_ms ? s->asked_ms + gap_ms : now;
    loop_timer(s->config.loop, &s->timer, at > now ? at - now : 0);
}

static void set_master(struct redis_source *s, const struct redis_endpoint *master)
{
    if (redis_endpoint_equal(&s->master, master))
        return;
    s->master = *master;
    s->settling = 0;
    s->config.events->on_master(s->config.owner, &s->master);
}

static void on_timer(struct timer *t)
{
    struct redis_source *s = container_of(t, struct redis_source, timer);
    bool is_doubted = s->is_doubted;

    if (!s->finder) {
        set_master(s, &s->config.broker->redis_hosts[0]);
        return;
    }
    s->asked_ms = loop_now(s->config.loop);
    s->is_asking = true;
    s->n_rounds++;
    s->is_doubted = s->is_urgent = false;
    s->ops->ask(s->finder, is_doubted);
}

/* ---- the answers ---- */

static void on_found(void *owner, const struct redis_endpoint *master)
{
    struct redis_source *s = owner;

    s->is_asking = false;
    if (redis_endpoint_equal(&s->master, master) &&
        loop_now(s->config.loop) - s->redirected_ms > REDIRECT_MAX_MS)
        s->redirect_gap_ms = REDIRECT_MIN_MS;
    schedule(s);
    set_master(s, master);
    s->config.events->on_success(s->config.owner);
}

static void on_failure(void *owner, const char *why)
{
    struct redis_source *s = owner;

    s->is_asking = false;
    s->is_doubted = s->is_doubted || !redis_endpoint_is_set(&s->master);
    schedule(s);
    s->config.events->on_failure(s->config.owner, why);
}

static void on_news(void *owner)
{
    struct redis_source *s = owner;

    s->is_urgent = true;
    schedule(s);
}

static const struct redis_finder_events finder_events = {
    .on_found = on_found,
    .on_failure = on_failure,
    .on_news = on_news,
};

/* ---- what the owner calls ---- */

void redis_source_on_lost(struct redis_source *s)
{
    /* A node of a cluster accepts no writes before it has heard from the others. */
    if (s->ops == &redis_sentinel_finder)
        s->settling = s->n_rounds + 1;
}

void redis_source_on_connected(struct redis_source *s)
{
    if (s->settling == 0)
        return;
    s->settling = s->n_rounds + 1;
    s->is_urgent = true;
    schedule(s);
}

bool redis_source_is_settled(const struct redis_source *s)
{
    return s->settling == 0 || s->n_rounds > s->settling ||
           (s->n_rounds == s->settling && !s->is_asking);
}

void redis_source_ask(struct redis_source *s)
{
    s->is_doubted = true;
    if (!s->is_urgent)
        schedule(s);
}

static void start_finder(struct redis_source *s, const struct redis_finder_ops *ops)
{
    const struct redis_finder_config config = {
        .loop = s->config.loop,
        .inbox = s->config.inbox,
        .broker = s->config.broker,
        .events = &finder_events,
        .owner = s,
    };

    s->ops = ops;
    s->finder = ops->create(&config);
    schedule(s);
}

void redis_source_on_cluster(struct redis_source *s)
{
    if (!s->finder && s->config.broker->redis_cluster == REDIS_CLUSTER_AUTO)
        start_finder(s, &redis_cluster_finder);
}

/* Follows MOVED, unless the last one was followed a moment ago. */
static void follow(struct redis_source *s, const struct redis_endpoint *target)
{
    struct redis_endpoint master = *target;
    uint64_t now = loop_now(s->config.loop);

    if (!redis_endpoint_is_set(&master))
        (void)snprintf(master.host, sizeof(master.host), "%s", s->master.host);
    if (redis_endpoint_equal(&master, &s->master))
        return;
    if (s->redirected_ms && now - s->redirected_ms < s->redirect_gap_ms)
        return;
    if (s->redirected_ms && s->redirect_gap_ms < REDIRECT_MAX_MS)
        s->redirect_gap_ms *= 2;
    s->redirected_ms = now;
    set_master(s, &master);
}

void redis_source_on_redirect(struct redis_source *s, const struct redis_redirect *redirect)
{
    redis_source_on_cluster(s);
    if (s->ops != &redis_cluster_finder) {
        s->config.events->on_failure(s->config.owner, s->finder
                                                          ? "the master is a node of a cluster"
                                                          : "Redis is a cluster: REDIS_CLUSTER=no");
        return;
    }
    redis_source_ask(s);
    if (redirect->kind == REDIS_REDIRECT_MOVED && redirect->endpoint.port)
        follow(s, &redirect->endpoint);
}

struct redis_source *redis_source_create(const struct redis_source_config *config)
{
    struct redis_source *s = mem_zalloc(sizeof(*s));
    const struct broker_config *broker = config->broker;

    s->config = *config;
    s->redirect_gap_ms = REDIRECT_MIN_MS;
    if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) < 0)
        s->seed = (unsigned)(uintptr_t)s;
    timer_init(&s->timer, on_timer);
    if (broker->n_redis_sentinels > 0)
        start_finder(s, &redis_sentinel_finder);
    else if (broker->redis_cluster == REDIS_CLUSTER_YES || broker->n_redis_hosts > 1)
        start_finder(s, &redis_cluster_finder);
    else
        loop_timer(config->loop, &s->timer, 0);
    return s;
}

void redis_source_free(struct redis_source *s)
{
    if (!s)
        return;
    timer_stop(&s->timer);
    if (s->finder)
        s->ops->free(s->finder);
    free(s);
}
