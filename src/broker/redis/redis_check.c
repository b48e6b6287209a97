/* redis_check.c - what a server does with Redis, once, one step after the other:
 *
 *     connect      as every connection of the server
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
#include "broker/redis_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/redis/redis_findings.h"
#include "broker/redis/redis_info.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_link.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_rights.h"
#include "broker/redis/redis_scratch.h"
#include "net/loop.h"
#include "net/mailbox.h"

#define CLEAN_MS   1000 /* more, after the deadline */
#define RIGHT_TEXT 64

struct check;
typedef void step_fn(struct check *k);

struct check {
    const struct broker_config *config;
    struct redis_findings findings;
    struct metrics_cell *metrics;
    struct loop *loop;
    struct mailbox *inbox;
    struct timer deadline;
    const char *doing; /* for the deadline */
    struct redis_endpoint at;
    struct redis_link *plain, *feed, *scripts;
    size_t n_waiting; /* replies and connections that the step waits for */
    step_fn *next;    /* when it waits for nothing; NULL: the check is over */

    struct redis_info info;
    uint64_t asked_ms;   /* when TIME was sent, by the wall clock */
    size_t script;       /* the next one to run */
    uint64_t sent_us;    /* when publish.lua was sent */
    uint64_t arrived_us; /* when its message arrived; 0: not yet */

    struct redis_scratch scratch;
};

/* ---- steps ---- */

static void finish(struct check *k)
{
    k->next = NULL;
    loop_stop(k->loop);
}

static void go(struct check *k, const char *doing, step_fn *next)
{
    k->doing = doing;
    k->next = next;
}

/* Goes on when nothing is waited for any longer. */
static void advance(struct check *k)
{
    if (k->next && k->n_waiting == 0)
        k->next(k);
}

static void on_clean(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    (void)arg, (void)fate, (void)reply;
    finish(owner);
}

static void clean(struct check *k)
{
    struct redis_command c;

    go(k, "DEL", finish);
    if (!redis_link_can_send(k->plain)) {
        finish(k);
        return;
    }
    redis_command_clean(&c, &k->scratch.names);
    redis_link_send(k->plain, &c, (struct redis_done){ on_clean, k, NULL, 0 });
}

/* ---- replies ---- */

/* Counts a reply. Returns whether it is one, and not an error. Otherwise, if `right` is not NULL,
 * the error has been reported. */
static bool take(struct check *k, enum redis_fate fate, const struct redisReply *reply,
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

typedef void done_fn(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply);

static void ask(struct check *k, struct redis_link *l, struct redis_command *c, done_fn *fn,
                void *arg)
{
    k->n_waiting++;
    redis_link_send(l, c, (struct redis_done){ fn, k, arg, 0 });
}

/* ---- connections ---- */

static void on_up(struct redis_link *l, void *owner)
{
    struct check *k = owner;

    (void)l;
    k->n_waiting--;
    advance(k);
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
    struct check *k = owner;
    char right[RIGHT_TEXT], place[REDIS_PLACE_MAX];

    (void)l;
    if (!k->next)
        return;
    if (redis_refusal_of_text(str_of(why)) == REDIS_REFUSAL_COMMAND)
        redis_findings_refusal(&k->findings, quoted(why, right), str_of(why),
                               k->config->redis_prefix);
    else
        redis_findings_add(&k->findings, FINDING_FAIL, "%s: %s", redis_place(&k->at, place), why);
    clean(k);
}

static void on_push(struct redis_link *l, void *owner, const struct redisReply *reply)
{
    struct check *k = owner;
    struct redis_push push;

    (void)l;
    if (redis_reply_push(reply, &push) < 0 || k->arrived_us ||
        !str_eq(push.channel, k->scratch.rights.channel))
        return;
    k->arrived_us = clock_mono_us();
    advance(k);
}

static const struct redis_link_events command_events = { .on_up = on_up, .on_down = on_down };
static const struct redis_link_events feed_events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_push = on_push,
};

static struct redis_link *connect_link(struct check *k, const struct redis_link_events *events,
                                       bool loads_scripts)
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
        .loads_scripts = loads_scripts,
        .events = events,
        .owner = k,
    };

    k->n_waiting++;
    return redis_link_create(&link);
}

/* ---- the message ---- */

static void end_message(struct check *k)
{
    if (!k->arrived_us)
        return; /* on_push goes on, or the deadline ends the check */
    redis_findings_add(
        &k->findings, FINDING_OK, "a message arrived on the feed after %" PRIu64 ".%" PRIu64 " ms",
        (k->arrived_us - k->sent_us) / 1000, (k->arrived_us - k->sent_us) / 100 % 10);
    clean(k);
}

/* ---- the scripts ---- */

static step_fn run_script;

static void on_script(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct check *k = owner;

    (void)arg;
    if (take(k, fate, reply, NULL)) {
        advance(k);
        return;
    }
    if (fate != REDIS_ANSWERED || !k->next)
        return;
    redis_findings_add(&k->findings, FINDING_FAIL, "the script \"%s\" fails: %.*s",
                       redis_scratch_script(k->script - 1), STR_ARG(redis_reply_text(reply)));
    clean(k);
}

static void run_script(struct check *k)
{
    struct redis_command c;

    if (!redis_scratch_script(k->script)) {
        redis_findings_add(&k->findings, FINDING_OK, "all scripts run");
        go(k, "a message on the feed", end_message);
        advance(k);
        return;
    }
    go(k, "a script", run_script);
    if (k->script == REDIS_SCRATCH_PUBLISH)
        k->sent_us = clock_mono_us();
    redis_scratch_command(&c, &k->scratch, k->config, k->script++);
    ask(k, k->scripts, &c, on_script, NULL);
}

/* ---- the feed ---- */

static void start_scripts(struct check *k)
{
    if (k->findings.n_failures) {
        redis_findings_add(&k->findings, FINDING_SKIP, "the scripts and the feed");
        clean(k);
        return;
    }
    redis_findings_add(&k->findings, FINDING_OK, "the user has all rights that are needed");
    go(k, "a connection for scripts", run_script);
    k->scripts = connect_link(k, &command_events, true);
}

static void on_subscribed(void *owner, void *arg, enum redis_fate fate,
                          const struct redisReply *reply)
{
    struct check *k = owner;

    (void)take(k, fate, reply, arg);
    advance(k);
}

static void subscribe(struct check *k, struct str verb, struct str channel, const char *right)
{
    struct redis_command c;

    redis_command_init(&c);
    redis_command_add(&c, verb);
    redis_command_add(&c, channel);
    ask(k, k->feed, &c, on_subscribed, (void *)right);
}

static void subscribe_all(struct check *k)
{
    struct buf pattern = { 0 };

    go(k, "SUBSCRIBE", start_scripts);
    keys_add_feed_pattern(&pattern, str_of(k->config->redis_prefix));
    subscribe(k, STR("SUBSCRIBE"), k->scratch.rights.channel, "subscribe");
    subscribe(k, STR("SUBSCRIBE"), k->scratch.rights.keys[0],
              "subscribe"); /* as presence channels */
    subscribe(k, STR("PSUBSCRIBE"), buf_str(&pattern), "psubscribe");
    buf_done(&pattern);
}

static void start_feed(struct check *k)
{
    go(k, "a connection for the feed", subscribe_all);
    k->feed = connect_link(k, &feed_events, false);
}

/* ---- rights ---- */

static void on_tried(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct check *k = owner;

    (void)take(k, fate, reply, redis_rights_name((uintptr_t)arg));
    advance(k);
}

static void start_rights(struct check *k)
{
    struct redis_command c;

    go(k, "the commands", start_feed);
    for (size_t i = 0; i < redis_rights_count(); i++) {
        redis_rights_command(&c, i, &k->scratch.rights);
        ask(k, k->plain, &c, on_tried, (void *)(uintptr_t)i);
    }
}

/* ---- facts ---- */

static void on_info(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct check *k = owner;
    bool is_told = take(k, fate, reply, NULL);

    (void)arg;
    if (fate != REDIS_ANSWERED || !k->next)
        return;
    redis_info_parse(&k->info, is_told ? redis_reply_text(reply) : STR(""));
    if (!redis_findings_server(&k->findings, &k->info, &k->at)) {
        finish(k);
        return;
    }
    redis_findings_memory(&k->findings, &k->info);
    advance(k);
}

static void on_time(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct check *k = owner;

    (void)arg;
    if (take(k, fate, reply, NULL))
        redis_findings_clock(&k->findings, reply, k->asked_ms, clock_wall_ms());
    advance(k);
}

static void on_setting(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct check *k = owner;
    bool is_told = take(k, fate, reply, NULL);

    if (fate == REDIS_ANSWERED && k->next)
        redis_findings_setting(&k->findings, &k->info, (enum redis_setting)(uintptr_t)arg,
                               is_told ? reply : NULL);
    advance(k);
}

static void start_facts(struct check *k)
{
    struct redis_command c;

    go(k, "INFO", start_rights);
    redis_command_init(&c);
    redis_command_add(&c, STR("INFO"));
    ask(k, k->plain, &c, on_info, NULL);
    redis_command_init(&c);
    redis_command_add(&c, STR("TIME"));
    k->asked_ms = clock_wall_ms();
    ask(k, k->plain, &c, on_time, NULL);
    for (unsigned i = 0; i < REDIS_SETTING_COUNT; i++) {
        redis_command_init(&c);
        redis_command_add(&c, STR("CONFIG"));
        redis_command_add(&c, STR("GET"));
        redis_command_add(&c, str_of(redis_setting_name((enum redis_setting)i)));
        ask(k, k->plain, &c, on_setting, (void *)(uintptr_t)i);
    }
}

/* ---- begin and end ---- */

static void on_deadline(struct timer *t)
{
    struct check *k = container_of(t, struct check, deadline);

    if (k->next == finish) {
        finish(k);
        return;
    }
    redis_findings_add(&k->findings, FINDING_FAIL, "no answer in time: %s", k->doing);
    loop_timer(k->loop, &k->deadline, CLEAN_MS);
    clean(k);
}

static void run(struct check *k)
{
    redis_scratch_init(&k->scratch, str_of(k->config->redis_prefix));
    timer_init(&k->deadline, on_deadline);
    loop_timer(k->loop, &k->deadline, k->config->timeout_ms + REDIS_CHECK_SPARE_MS);
    k->at = k->config->redis_hosts[0];
    go(k, "a connection", start_facts);
    k->plain = connect_link(k, &command_events, false);
    loop_run(k->loop);
    k->next = NULL; /* the links give their commands back */
    timer_stop(&k->deadline);
    redis_link_free(k->plain);
    redis_link_free(k->feed);
    redis_link_free(k->scripts);
}

static void done(struct check *k)
{
    redis_scratch_done(&k->scratch);
    while (k->inbox && mailbox_drain(k->inbox))
        ; /* late answers of the resolver */
    mailbox_free(k->inbox);
    loop_free(k->loop);
    free(k->metrics);
}

bool redis_check(const struct broker_config *config, finding_fn *report, void *owner)
{
    struct check k = {
        .config = config,
        .findings = { .report = report, .owner = owner },
        .metrics = mem_zalloc(sizeof(*k.metrics)),
    };

    if (loop_create(&k.loop) == EH_OK && mailbox_create(k.loop, &k, &k.inbox) == EH_OK)
        run(&k);
    else
        redis_findings_add(&k.findings, FINDING_FAIL, "cannot create an event loop");
    done(&k);
    return k.findings.n_failures == 0;
}
