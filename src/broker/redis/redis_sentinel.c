/* redis_sentinel.c - asks all Sentinels at once who the master is.
 *
 * Sentinels need not agree: one may have been cut off during the last failover, another may have
 * been set up for other servers. Each answer carries the epoch of its configuration, which every
 * failover raises. So the answer with the highest epoch counts, and among those with the same epoch
 * the endpoint with the most votes. We wait for a majority, since those that answer first may be
 * behind, but not long, since those that do not answer may be dead:
 *
 *     ask   ok(epoch 7)        ok(epoch 8)                     majority of three: epoch 8
 *     ask   ok(epoch 7)   -    (refused)        DECIDE_MS      one is enough: epoch 7
 *     ask   -             -    -                ROUND_MS       "no Sentinel answers"
 *
 * A minority cannot take us back to an older epoch than that of the master in use; a majority can
 * (Sentinels that were set up anew begin again with 0).
 *
 * Each Sentinel has two connections, because a subscribed one answers no questions. The second one
 * hears +switch-master. It only makes us ask: a message can be missed, and its epoch is not known.
 */
#include "broker/redis/redis_sentinel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_link.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_sentinel_text.h"

#define DECIDE_MS  300  /* then the answers so far are enough */
#define ROUND_MS   1500 /* then the round has failed */
#define TIMEOUT_MS 1000 /* of a connection and of an answer; at most BROKER_TIMEOUT */
#define WHY_MAX    160

enum answer {
    ANSWER_NONE,    /* not asked yet, or asked and silent */
    ANSWER_BAD,     /* an error, or no answer to this question */
    ANSWER_UNKNOWN, /* it does not know the master */
    ANSWER_GOOD,
};

struct sentinel {
    struct finder *finder;
    struct redis_link *questions;
    struct redis_link *news;
    bool is_asked; /* in this round */
    enum answer answer;
    struct redis_sentinel_master master; /* if the answer is good */
};

struct finder {
    struct redis_finder_config config;
    uintptr_t round; /* numbers the rounds, so that a late answer is ignored */
    bool is_asking;
    uint64_t began_ms; /* of the round */
    uint64_t epoch;    /* of the last master that was found */
    char why[WHY_MAX]; /* why the last Sentinel that failed did */
    struct timer timer;
    size_t n;
    struct sentinel sentinels[];
};

/* ---- the end of a round ---- */

static size_t count(const struct finder *f, enum answer answer)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        n += f->sentinels[i].answer == answer;
    return n;
}

static size_t count_votes(const struct finder *f, const struct redis_sentinel_master *m)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++) {
        const struct sentinel *s = &f->sentinels[i];

        n += s->answer == ANSWER_GOOD && s->master.epoch == m->epoch &&
             redis_endpoint_equal(&s->master.endpoint, &m->endpoint);
    }
    return n;
}

/* NULL: no Sentinel gave a valid answer. */
static const struct redis_sentinel_master *best(const struct finder *f)
{
    const struct redis_sentinel_master *found = NULL;
    size_t votes = 0;

    for (size_t i = 0; i < f->n; i++) {
        const struct sentinel *s = &f->sentinels[i];
        size_t n;

        if (s->answer != ANSWER_GOOD || (found && s->master.epoch < found->epoch))
            continue;
        n = count_votes(f, &s->master);
        if (found && s->master.epoch == found->epoch && n <= votes)
            continue;
        found = &s->master;
        votes = n;
    }
    return found;
}

static void fail(struct finder *f)
{
    char why[WHY_MAX];

    if (count(f, ANSWER_UNKNOWN) > 0)
        (void)snprintf(why, sizeof(why), "Sentinel does not know the master \"%.64s\"",
                       f->config.broker->redis_sentinel_master);
    else
        (void)snprintf(why, sizeof(why), "no Sentinel answers%s%.100s", f->why[0] ? ": " : "",
                       f->why);
    f->config.events->on_failure(f->config.owner, why);
}

static void decide(struct finder *f)
{
    const struct redis_sentinel_master *m = best(f);
    bool has_majority = count(f, ANSWER_GOOD) > f->n / 2;

    f->is_asking = false;
    timer_stop(&f->timer);
    if (!m) {
        fail(f);
    } else if (m->epoch < f->epoch && !has_majority) {
        f->config.events->on_failure(f->config.owner, "the Sentinels that answer are behind");
    } else {
        f->epoch = m->epoch;
        f->config.events->on_found(f->config.owner, &m->endpoint);
    }
}

/* Called when something has changed: an answer, a lost connection, or time. */
static void consider(struct finder *f)
{
    size_t good = count(f, ANSWER_GOOD);
    uint64_t spent = loop_now(f->config.loop) - f->began_ms;

    if (!f->is_asking)
        return;
    if (good > f->n / 2 || count(f, ANSWER_NONE) == 0 || (good > 0 && spent >= DECIDE_MS) ||
        spent >= ROUND_MS)
        decide(f);
}

static void on_timer(struct timer *t)
{
    struct finder *f = container_of(t, struct finder, timer);

    loop_timer(f->config.loop, &f->timer, ROUND_MS - DECIDE_MS);
    consider(f); /* stops the timer if the round is over */
}

/* ---- questions ---- */

static void note(struct finder *f, const char *why)
{
    (void)snprintf(f->why, sizeof(f->why), "%s", why);
}

static void on_answer(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct sentinel *s = owner;
    struct finder *f = s->finder;
    int rc;

    if (!f->is_asking || (uintptr_t)arg != f->round || fate != REDIS_ANSWERED)
        return; /* if the connection is lost, on_down follows */
    rc = redis_sentinel_read_master(reply, &s->master);
    if (rc == EH_OK)
        s->answer = ANSWER_GOOD;
    else
        s->answer = rc == EH_ENOENT ? ANSWER_UNKNOWN : ANSWER_BAD;
    if (s->answer == ANSWER_BAD)
        note(f, redis_reply_is_error(reply) ? redis_reply_text(reply).p : "an unexpected answer");
    consider(f);
}

static void question(struct sentinel *s)
{
    struct finder *f = s->finder;
    struct redis_command c;

    if (!f->is_asking || s->is_asked || !redis_link_can_send(s->questions))
        return;
    s->is_asked = true;
    redis_command_init(&c);
    redis_command_add(&c, STR("SENTINEL"));
    redis_command_add(&c, STR("MASTER"));
    redis_command_add(&c, str_of(f->config.broker->redis_sentinel_master));
    redis_link_send(s->questions, &c, (struct redis_done){ on_answer, s, (void *)f->round, 0 });
}

static void on_up(struct redis_link *l, void *owner)
{
    (void)l;
    question(owner);
}

static void on_down(struct redis_link *l, void *owner, const char *why)
{
    struct sentinel *s = owner;

    (void)l;
    note(s->finder, why);
    if (s->answer == ANSWER_NONE)
        s->answer = ANSWER_BAD;
    consider(s->finder);
}

/* ---- news ---- */

static void on_news_up(struct redis_link *l, void *owner)
{
    struct redis_command c;

    (void)owner;
    redis_command_init(&c);
    redis_command_add(&c, STR("SUBSCRIBE"));
    redis_command_add(&c, STR("+switch-master"));
    redis_link_send(l, &c, (struct redis_done){ 0 });
}

static void on_news_down(struct redis_link *l, void *owner, const char *why)
{
    (void)l, (void)owner, (void)why;
}

static void on_push(struct redis_link *l, void *owner, const struct redisReply *reply)
{
    struct finder *f = ((struct sentinel *)owner)->finder;
    struct redis_push push;

    if (redis_reply_push(reply, &push) < 0)
        redis_link_drop(l, "unexpected reply on the subscribed connection");
    else if (redis_sentinel_is_switch(push.payload,
                                      str_of(f->config.broker->redis_sentinel_master)))
        f->config.events->on_news(f->config.owner);
}

/* ---- what the source calls ---- */

static void ask(void *finder, bool is_doubted)
{
    struct finder *f = finder;

    (void)is_doubted; /* all of them are asked anyway */
    f->round++;
    f->is_asking = true;
    f->began_ms = loop_now(f->config.loop);
    f->why[0] = '\0';
    loop_timer(f->config.loop, &f->timer, DECIDE_MS);
    for (size_t i = 0; i < f->n; i++) {
        struct sentinel *s = &f->sentinels[i];

        s->is_asked = false;
        s->answer = ANSWER_NONE;
        redis_link_ping(s->news);
        question(s);
    }
}

static const struct redis_link_events question_events = { .on_up = on_up, .on_down = on_down };
static const struct redis_link_events news_events = {
    .on_up = on_news_up,
    .on_down = on_news_down,
    .on_push = on_push,
};

static void *create(const struct redis_finder_config *config)
{
    const struct broker_config *broker = config->broker;
    size_t n = broker->n_redis_sentinels;
    struct finder *f = mem_zalloc(sizeof(*f) + n * sizeof(f->sentinels[0]));
    struct redis_link_config link = {
        .loop = config->loop,
        .inbox = config->inbox,
        .metrics = broker->metrics,
        .name = "eventhub:sentinel",
        .takes_replicas = true,
        .reply_max = REDIS_FINDER_REPLY_MAX,
        .login = broker->redis_sentinel_login,
        .tls = broker->redis_sentinel_tls,
        .tls_name = "",
        .timeout_ms = broker->timeout_ms < TIMEOUT_MS ? broker->timeout_ms : TIMEOUT_MS,
    };

    f->config = *config;
    f->n = n;
    timer_init(&f->timer, on_timer);
    for (size_t i = 0; i < n; i++) {
        struct sentinel *s = &f->sentinels[i];

        s->finder = f;
        link.endpoint = broker->redis_sentinels[i];
        link.owner = s;
        link.events = &question_events;
        s->questions = redis_link_create(&link);
        link.events = &news_events;
        s->news = redis_link_create(&link);
    }
    return f;
}

static void free_finder(void *finder)
{
    struct finder *f = finder;

    f->is_asking = false; /* ignores the answers that are given back */
    timer_stop(&f->timer);
    for (size_t i = 0; i < f->n; i++) {
        redis_link_free(f->sentinels[i].questions);
        redis_link_free(f->sentinels[i].news);
    }
    free(f);
}

const struct redis_finder_ops redis_sentinel_finder = {
    .create = create,
    .ask = ask,
    .free = free_finder,
};
