/* redis_check_steps.c - what a server does with Redis, once, one step after the other:
 *
 *     facts        INFO, TIME, CONFIG GET: judged by redis_findings
 *     rights       each command that the server or its scripts use (redis_rights)
 *     feed         a second connection subscribes
 *     scripts      a third one loads the scripts and runs each of them
 *     message      the one that publish.lua sent arrives on the feed
 *     clean        the keys are deleted
 *
 * A step that fails ends the check, except for missing rights: they are all reported. PSUBSCRIBE
 * needs the very pattern of an ACL, so the feed receives the messages of all topics and skips them.
 */
#include "broker/redis/redis_check_steps.h"

#include <inttypes.h>

#include "base/clock.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_rights.h"

/* ---- the message ---- */

static void end_message(struct redis_checker *k)
{
    if (!k->arrived_us)
        return; /* on_push goes on, or the deadline ends the check */
    redis_findings_add(
        &k->findings, FINDING_OK, "a message arrived on the feed after %" PRIu64 ".%" PRIu64 " ms",
        (k->arrived_us - k->sent_us) / 1000, (k->arrived_us - k->sent_us) / 100 % 10);
    checker_clean(k);
}

/* ---- the scripts ---- */

static checker_step_fn run_script;

static void on_script(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_checker *k = owner;

    (void)arg;
    if (fate == REDIS_ANSWERED && k->script - 1 == REDIS_SCRATCH_PUBLISH &&
        redis_reply_of_message(reply, 1, 0))
        reply = redis_reply_of_message(reply, 1, 0);
    if (checker_take(k, fate, reply, NULL)) {
        checker_advance(k);
        return;
    }
    if (fate != REDIS_ANSWERED || !k->next)
        return;
    redis_findings_add(&k->findings, FINDING_FAIL, "the script \"%s\" fails: %.*s",
                       redis_scratch_script(k->script - 1), STR_ARG(redis_reply_text(reply)));
    checker_clean(k);
}

static void run_script(struct redis_checker *k)
{
    struct redis_command c;

    if (!redis_scratch_script(k->script)) {
        redis_findings_add(&k->findings, FINDING_OK, "all scripts run");
        checker_go(k, "a message on the feed", end_message);
        checker_advance(k);
        return;
    }
    checker_go(k, "a script", run_script);
    if (k->script == REDIS_SCRATCH_PUBLISH)
        k->sent_us = clock_mono_us();
    redis_scratch_command(&c, &k->scratch, k->config, k->script++);
    checker_ask(k, k->scripts, &c, on_script, NULL);
}

/* ---- the feed ---- */

static void start_scripts(struct redis_checker *k)
{
    if (k->findings.n_failures) {
        redis_findings_add(&k->findings, FINDING_SKIP, "the scripts and the feed");
        checker_clean(k);
        return;
    }
    redis_findings_add(&k->findings, FINDING_OK, "the user has all rights that are needed");
    checker_go(k, "a connection for scripts", run_script);
    k->scripts = checker_connect(k, CHECKER_SCRIPTS);
}

static void on_subscribed(void *owner, void *arg, enum redis_fate fate,
                          const struct redisReply *reply)
{
    struct redis_checker *k = owner;

    (void)checker_take(k, fate, reply, arg);
    checker_advance(k);
}

static void subscribe(struct redis_checker *k, struct str verb, struct str channel,
                      const char *right)
{
    struct redis_command c;

    redis_command_init(&c);
    redis_command_add(&c, verb);
    redis_command_add(&c, channel);
    checker_ask(k, k->feed, &c, on_subscribed, (void *)right);
}

static void subscribe_all(struct redis_checker *k)
{
    struct buf pattern = { 0 };

    checker_go(k, "SUBSCRIBE", start_scripts);
    keys_add_glob(&pattern, str_of(k->config->redis_prefix), STR(""));
    subscribe(k, STR("SUBSCRIBE"), k->scratch.rights.channel, "subscribe");
    subscribe(k, STR("SUBSCRIBE"), k->scratch.rights.keys[0],
              "subscribe"); /* as presence channels */
    subscribe(k, STR("PSUBSCRIBE"), buf_str(&pattern), "psubscribe");
    buf_done(&pattern);
}

static void start_feed(struct redis_checker *k)
{
    checker_go(k, "a connection for the feed", subscribe_all);
    k->feed = checker_connect(k, CHECKER_FEED);
}

/* ---- rights ---- */

/* Says what is lost without a right that is useful; NULL: it is needed. */
static const char *loss(enum redis_need need)
{
    switch (need) {
    case REDIS_NEED_NAME: return "connections have no name in CLIENT LIST";
    case REDIS_NEED_LEAVE: return "a node gets the messages of all topics, wanted or not";
    default: return NULL;
    }
}

static void on_tried(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_checker *k = owner;
    size_t i = (uintptr_t)arg;
    const char *without = loss(redis_rights_need(i));

    if (!without)
        (void)checker_take(k, fate, reply, redis_rights_name(i));
    else if (!checker_take(k, fate, reply, NULL) && fate == REDIS_ANSWERED && k->next)
        redis_findings_add(&k->findings, FINDING_WARN, "the user lacks the right to run \"%s\": %s",
                           redis_rights_name(i), without);
    checker_advance(k);
}

static bool is_needed(const struct redis_checker *k, enum redis_need need)
{
    switch (need) {
    case REDIS_NEED_WAIT: return k->config->redis_wait > 0;
    case REDIS_NEED_CLUSTER: return k->info.cluster_enabled == 1;
    default: return true;
    }
}

static void start_rights(struct redis_checker *k)
{
    struct redis_command c;

    checker_go(k, "the commands", start_feed);
    for (size_t i = 0; i < redis_rights_count(); i++) {
        if (!is_needed(k, redis_rights_need(i)))
            continue;
        redis_rights_command(&c, i, &k->scratch.rights);
        checker_ask(k, k->plain, &c, on_tried, (void *)(uintptr_t)i);
    }
}

/* ---- facts ---- */

static void on_info(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_checker *k = owner;
    bool is_told = checker_take(k, fate, reply, NULL);

    (void)arg;
    if (fate != REDIS_ANSWERED || !k->next)
        return;
    redis_info_parse(&k->info, is_told ? redis_reply_text(reply) : STR(""));
    if (!redis_findings_server(&k->findings, &k->info, &k->at)) {
        checker_finish(k);
        return;
    }
    redis_findings_wait(&k->findings, &k->info, k->config->redis_wait);
    redis_findings_memory(&k->findings, &k->info);
    checker_advance(k);
}

static void on_time(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_checker *k = owner;

    (void)arg;
    if (checker_take(k, fate, reply, NULL))
        redis_findings_clock(&k->findings, reply, k->asked_ms, clock_wall_ms());
    checker_advance(k);
}

static void on_setting(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_checker *k = owner;
    bool is_told = checker_take(k, fate, reply, NULL);

    if (fate == REDIS_ANSWERED && k->next)
        redis_findings_setting(&k->findings, &k->info, (enum redis_setting)(uintptr_t)arg,
                               is_told ? reply : NULL);
    checker_advance(k);
}

void redis_check_steps(struct redis_checker *k)
{
    struct redis_command c;

    checker_go(k, "INFO", start_rights);
    redis_command_init(&c);
    redis_command_add(&c, STR("INFO"));
    checker_ask(k, k->plain, &c, on_info, NULL);
    redis_command_init(&c);
    redis_command_add(&c, STR("TIME"));
    k->asked_ms = clock_wall_ms();
    checker_ask(k, k->plain, &c, on_time, NULL);
    for (unsigned i = 0; i < REDIS_SETTING_COUNT; i++) {
        redis_command_init(&c);
        redis_command_add(&c, STR("CONFIG"));
        redis_command_add(&c, STR("GET"));
        redis_command_add(&c, str_of(redis_setting_name((enum redis_setting)i)));
        checker_ask(k, k->plain, &c, on_setting, (void *)(uintptr_t)i);
    }
}
