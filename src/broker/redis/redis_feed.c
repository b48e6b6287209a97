#include "broker/redis/redis_feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"
#include "broker/backlog.h"
#include "broker/fanout.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_payload.h"
#include "broker/redis/redis_reply.h"

#define PROBE_TOPICS "$metrics$/" /* no valid topic begins so */
#define ID_AHEAD_MS  3600000      /* that an id may be ahead of all that is known of Redis' clock */
#define DOUBT_MS     1000         /* between two questions because of one that is further ahead */

enum state {
    FEED_DOWN,       /* or not yet subscribed */
    FEED_SUBSCRIBED, /* messages are set aside; raise is to be sent */
    FEED_FENCING,    /* its answer is awaited */
    FEED_JOINED,
};

struct redis_feed {
    struct redis_feed_config config;
    struct redis_link *link;
    enum state state;
    uintptr_t joins;        /* tells the answer to an earlier raise from that to the last */
    struct backlog backlog; /* what came before the raise was answered */
    uint64_t fenced_ms;     /* of the last id, as the raise said; 0: not yet */
    uint64_t doubted_ms;    /* when an id was last doubted; 0: never */
    struct buf pattern;
    struct buf probe_channel;
    uintptr_t probes;            /* tells the answer to an earlier probe from that to the last */
    uint64_t probe_us;           /* when the probe under way was made, which is its text; 0: none */
    uint64_t probe_published_ms; /* Redis took it; 0: not yet */
    struct msgid probe_newest;   /* what Redis must know at least */
};

/* ---- the probe ---- */

/* The ids are gone, or have gone backwards, or another node found that out, though no connection
 * broke: all again but the subscription. */
static void rejoin(struct redis_feed *f)
{
    f->joins++;
    f->state = FEED_SUBSCRIBED;
    redis_feed_on_command_link(f);
}

/* Nothing about the feed is known where the answer is an error, or none. */
static void on_probed(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_feed *f = owner;
    struct msgid last, log_start;

    if (f->state != FEED_JOINED || (uintptr_t)arg != f->probes)
        return;
    if (fate != REDIS_ANSWERED || redis_reply_is_error(reply)) {
        f->probe_us = 0;
        if (fate == REDIS_ANSWERED)
            f->config.events->on_refused(f->config.owner, reply);
        return;
    }
    f->probe_published_ms = loop_now(f->config.core->loop);
    f->config.events->on_accepted(f->config.owner);
    if (redis_reply_probe(reply, &last, &log_start) < 0 || msgid_cmp(last, f->probe_newest) < 0 ||
        msgid_cmp(f->config.core->high_water, log_start) < 0)
        rejoin(f);
}

static void send_probe(struct redis_feed *f)
{
    struct redis_link *link = f->config.events->pick(f->config.owner);
    struct redis_command c;
    char text[24];

    f->probe_us = 0;
    f->probes++; /* what an earlier one says no longer counts: the mark may have risen since */
    if (!link)
        return;
    f->probe_us = clock_mono_us();
    f->probe_published_ms = 0;
    f->probe_newest = core_newest(f->config.core);
    (void)snprintf(text, sizeof(text), "%" PRIu64, f->probe_us);
    redis_command_probe(&c, f->config.names, buf_str(&f->probe_channel), str_of(text));
    redis_link_send(link, &c, (struct redis_done){ on_probed, f, (void *)f->probes, 0 });
}

static bool is_probe_overdue(const struct redis_feed *f)
{
    uint64_t now = loop_now(f->config.core->loop);

    return f->probe_us != 0 && f->probe_published_ms != 0 &&
           now - f->probe_published_ms >= f->config.link.timeout_ms;
}

/* ---- joining ---- */

/* Not where nothing was published: a log that was quiet for longer than its ttl could not say so
 * any more once something is. Before the first join there is no point to read from. */
static bool may_have_missed(const struct redis_feed *f, const struct redis_fenced *raised)
{
    struct msgid high_water = f->config.core->high_water;

    return f->backlog.has_gap ||
           (!msgid_is_zero(high_water) && msgid_cmp(raised->last, high_water) != 0);
}

static void join(struct redis_feed *f, const struct redis_fenced *raised)
{
    struct core *core = f->config.core;
    bool has_missed = may_have_missed(f, raised);

    f->fenced_ms = raised->last.ms;
    if (raised->gaps)
        metrics_inc(core->config.metrics, METRIC_REWINDS);
    fanout_set_high_water(core->fanout, raised->last); /* never below it: the raise saw to that */
    if (has_missed)
        fanout_resync(core->fanout);
    while (backlog_first(&f->backlog))
        fanout_live(core->fanout, backlog_pop(&f->backlog));
    backlog_done(&f->backlog);
    f->state = FEED_JOINED;
    send_probe(f);
    f->config.events->on_joined(f->config.owner);
}

static void on_fenced(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_feed *f = owner;
    struct redis_fenced raised;

    if (f->state != FEED_FENCING || (uintptr_t)arg != f->joins)
        return;
    f->state = FEED_SUBSCRIBED; /* the next tick, or the next command connection, tries again */
    if (fate != REDIS_ANSWERED)
        return;
    if (redis_reply_is_error(reply))
        f->config.events->on_refused(f->config.owner, reply);
    else if (redis_reply_fence(reply, &raised) == EH_OK)
        join(f, &raised);
}

void redis_feed_on_command_link(struct redis_feed *f)
{
    struct redis_link *link;
    struct redis_command c;

    if (f->state != FEED_SUBSCRIBED)
        return;
    link = f->config.events->pick(f->config.owner);
    if (!link)
        return;
    f->state = FEED_FENCING;
    redis_command_fence(&c, f->config.names, f->config.core->high_water,
                        core_newest(f->config.core));
    redis_link_send(link, &c, (struct redis_done){ on_fenced, f, (void *)f->joins, 0 });
}

static void on_subscribed(void *owner, void *arg, enum redis_fate fate,
                          const struct redisReply *reply)
{
    struct redis_feed *f = owner;

    (void)arg;
    if (fate != REDIS_ANSWERED)
        return; /* on_down follows */
    if (redis_reply_is_error(reply)) {
        redis_feed_drop(f, redis_reply_text(reply).p);
        return;
    }
    f->joins++;
    f->state = FEED_SUBSCRIBED;
    redis_feed_on_command_link(f);
}

static void on_channel(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    (void)arg;
    if (fate == REDIS_ANSWERED && redis_reply_is_error(reply))
        redis_feed_drop(owner, redis_reply_text(reply).p);
}

static void subscribe(struct redis_feed *f, struct str command, struct str channel,
                      struct redis_done done)
{
    struct redis_command c;

    redis_command_init(&c);
    redis_command_add(&c, command);
    redis_command_add(&c, channel);
    redis_link_send(f->link, &c, done);
}

/* The pattern last: when it is confirmed, all is. */
static void on_up(struct redis_link *l, void *owner)
{
    struct redis_feed *f = owner;

    (void)l;
    for (size_t i = 0; i < sizeof(f->config.channels) / sizeof(f->config.channels[0]); i++)
        subscribe(f, STR("SUBSCRIBE"), f->config.channels[i],
                  (struct redis_done){ on_channel, f, NULL, 0 });
    subscribe(f, STR("PSUBSCRIBE"), buf_str(&f->pattern),
              (struct redis_done){ on_subscribed, f, NULL, 0 });
}

static void on_down(struct redis_link *l, void *owner, const char *why)
{
    struct redis_feed *f = owner;

    (void)l;
    backlog_done(&f->backlog);
    f->state = FEED_DOWN;
    f->config.events->on_down(f->config.owner, why);
}

/* ---- messages ---- */

static void on_probe(struct redis_feed *f, struct str text)
{
    uint64_t sent_us;

    if (str_parse_u64(text, &sent_us) < 0 || sent_us != f->probe_us || sent_us == 0)
        return;
    metrics_set(f->config.core->config.metrics, METRIC_PUBLISH_DELAY_MS,
                (clock_mono_us() - sent_us) / 1000);
    f->probe_us = 0;
}

/* One that nobody was given yet would hide all that follow until their ids are greater. */
static bool is_plausible(const struct redis_feed *f, const struct message *m)
{
    uint64_t known = clock_wall_ms();

    if (f->config.core->high_water.ms > known)
        known = f->config.core->high_water.ms;
    if (f->fenced_ms > known)
        known = f->fenced_ms;
    return m->legacy || f->fenced_ms == 0 || m->id.ms <= known + ID_AHEAD_MS;
}

/* It is forged, or Redis' clock has jumped. The raise asks which, and if it is the clock then what
 * was dropped meanwhile is read from the log. */
static void doubt(struct redis_feed *f)
{
    uint64_t now = loop_now(f->config.core->loop);

    metrics_inc(f->config.core->config.metrics, METRIC_FEED_INVALID);
    if (f->state != FEED_JOINED || (f->doubted_ms && now - f->doubted_ms < DOUBT_MS))
        return;
    f->doubted_ms = now;
    rejoin(f);
}

static void on_message(struct redis_feed *f, struct message *m)
{
    if (!is_plausible(f, m)) {
        message_unref(m);
        doubt(f);
        return;
    }
    if (m->legacy)
        metrics_inc(f->config.core->config.metrics, METRIC_FEED_LEGACY);
    if (f->state == FEED_JOINED)
        fanout_live(f->config.core->fanout, m);
    else
        backlog_add(&f->backlog, m);
}

static void on_push(struct redis_link *l, void *owner, const struct redisReply *reply)
{
    struct redis_feed *f = owner;
    struct redis_push push;
    struct str topic;
    struct message *m;

    if (redis_reply_push(reply, &push) < 0) {
        redis_link_drop(l, "a reply that is no message");
        return;
    }
    if (!push.is_pattern) {
        f->config.events->on_message(f->config.owner, push.channel, push.payload);
        return;
    }
    topic = keys_channel_topic(f->config.names->prefix, push.channel);
    if (str_eq(push.channel, buf_str(&f->probe_channel)))
        on_probe(f, push.payload);
    if (str_starts_with(topic, STR(PROBE_TOPICS)))
        return; /* another node's, or a C++ Eventhub's */
    m = redis_payload_parse(topic, push.payload);
    if (m)
        on_message(f, m);
    else
        metrics_inc(f->config.core->config.metrics, METRIC_FEED_INVALID);
}

/* ---- the owner's side ---- */

void redis_feed_on_tick(struct redis_feed *f)
{
    redis_link_ping(f->link);
    if (f->state == FEED_SUBSCRIBED)
        redis_feed_on_command_link(f);
    if (f->state != FEED_JOINED)
        return;
    if (is_probe_overdue(f))
        redis_feed_drop(f, "messages no longer come through");
    else if (f->probe_us == 0)
        send_probe(f);
}

static const struct redis_link_events link_events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_push = on_push,
};

static void name_probe(struct redis_feed *f)
{
    uint64_t node = 0;
    char text[40];

    if (getrandom(&node, sizeof(node), 0) < 0)
        node = clock_mono_us();
    (void)snprintf(text, sizeof(text), PROBE_TOPICS "%016" PRIx64, node);
    keys_add_channel(&f->probe_channel, f->config.names->prefix, str_of(text));
}

struct redis_feed *redis_feed_create(const struct redis_feed_config *config)
{
    struct redis_feed *f = mem_zalloc(sizeof(*f));

    f->config = *config;
    f->config.link.events = &link_events;
    f->config.link.owner = f;
    f->config.link.loads_scripts = false;
    keys_add_feed_pattern(&f->pattern, config->names->prefix);
    name_probe(f);
    f->link = redis_link_create(&f->config.link);
    return f;
}

void redis_feed_close(struct redis_feed *f)
{
    f->state = FEED_DOWN;
    redis_link_free(f->link);
}

void redis_feed_free(struct redis_feed *f)
{
    backlog_done(&f->backlog);
    buf_done(&f->pattern);
    buf_done(&f->probe_channel);
    free(f);
}

bool redis_feed_is_joined(const struct redis_feed *f)
{
    return f->state == FEED_JOINED;
}

void redis_feed_catch_up(struct redis_feed *f, struct redis_done done)
{
    struct redis_command c;

    if (!redis_link_can_send(f->link)) { /* it is gone, and what was on its way with it */
        done.fn(done.owner, done.arg, REDIS_NOT_DONE, NULL);
        return;
    }
    redis_command_ping(&c);
    redis_link_send(f->link, &c, done);
}

void redis_feed_retry_now(struct redis_feed *f)
{
    redis_link_retry_now(f->link);
}

void redis_feed_drop(struct redis_feed *f, const char *why)
{
    redis_link_drop(f->link, why);
}
