#include "broker/redis/redis_checker.h"

#include <stdio.h>

#include "base/clock.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_endpoint.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_rights.h"

#define RIGHT_TEXT 64

/* ---- steps ---- */

void checker_finish(struct redis_checker *k)
{
    k->next = NULL;
    loop_stop(k->loop);
}

void checker_go(struct redis_checker *k, const char *doing, checker_step_fn *next)
{
    k->doing = doing;
    k->next = next;
}

void checker_advance(struct redis_checker *k)
{
    if (k->next && k->n_waiting == 0)
        k->next(k);
}

static void on_clean(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    (void)arg, (void)fate, (void)reply;
    checker_finish(owner);
}

void checker_clean(struct redis_checker *k)
{
    struct redis_command c;

    checker_go(k, "DEL", checker_finish);
    if (!k->plain || !redis_link_can_send(k->plain)) {
        checker_finish(k);
        return;
    }
    redis_scratch_clean(&c, &k->scratch);
    redis_link_send(k->plain, &c, (struct redis_done){ on_clean, k, NULL, 0 });
}

/* ---- replies ---- */

bool checker_take(struct redis_checker *k, enum redis_fate fate, const struct redisReply *reply,
                  const char *right)
{
    enum redis_refusal refusal;

    k->n_waiting--;
    if (fate != REDIS_ANSWERED || !k->next)
        return false; /* on_down follows, or has stopped the check */
    refusal = redis_refusal_of(reply);
    if (refusal != REDIS_REFUSAL_NONE && right)
        redis_findings_refusal(&k->findings, right, redis_reply_text(reply),
                               k->config->redis_prefix);
    return refusal == REDIS_REFUSAL_NONE;
}

void checker_ask(struct redis_checker *k, struct redis_link *l, struct redis_command *c,
                 checker_done_fn *fn, void *arg)
{
    k->n_waiting++;
    redis_link_send(l, c, (struct redis_done){ fn, k, arg, 0 });
}

/* ---- connections ---- */

static void on_up(struct redis_link *l, void *owner)
{
    struct redis_checker *k = owner;

    (void)l;
    k->n_waiting--;
    checker_advance(k);
}

/* The right that an error such as `NOPERM ... run the 'script|load' command` names. */
static const char *quoted(const char *why, char right[RIGHT_TEXT])
{
    if (sscanf(why, "%*[^']'%63[^']", right) != 1)
        (void)snprintf(right, RIGHT_TEXT, "unknown");
    return right;
}

static void on_down(struct redis_link *l, void *owner, const char *why)
{
    struct redis_checker *k = owner;
    char right[RIGHT_TEXT], place[REDIS_ENDPOINT_TEXT];

    (void)l;
    if (!k->next)
        return;
    if (redis_refusal_of_text(str_of(why)) == REDIS_REFUSAL_COMMAND)
        redis_findings_refusal(&k->findings, quoted(why, right), str_of(why),
                               k->config->redis_prefix);
    else {
        redis_endpoint_format(&k->at, place);
        redis_findings_add(&k->findings, FINDING_FAIL, "%s: %s", place, why);
    }
    checker_clean(k);
}

static void on_push(struct redis_link *l, void *owner, const struct redisReply *reply)
{
    struct redis_checker *k = owner;
    struct redis_push push;

    (void)l;
    if (redis_reply_push(reply, &push) < 0 || k->arrived_us ||
        !str_eq(push.channel, k->scratch.rights.channel))
        return;
    k->arrived_us = clock_mono_us();
    checker_advance(k);
}

static const struct redis_link_events command_events = { .on_up = on_up, .on_down = on_down };
static const struct redis_link_events feed_events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_push = on_push,
};

struct redis_link *checker_connect(struct redis_checker *k, enum checker_link kind)
{
    const struct broker_config *config = k->config;
    const struct redis_link_config link = {
        .loop = k->loop,
        .inbox = k->inbox,
        .metrics = k->metrics,
        .endpoint = k->at,
        .login = config->redis_login,
        .db = config->redis_db,
        .tls = config->redis_tls,
        .tls_name = config->redis_tls_name,
        .timeout_ms = config->timeout_ms,
        .loads_scripts = kind == CHECKER_SCRIPTS,
        .takes_replicas = true, /* the check reports them itself */
        .events = kind == CHECKER_FEED ? &feed_events : &command_events,
        .owner = k,
    };

    k->n_waiting++;
    return redis_link_create(&link);
}
