/* redis_feed.c - how the feed joins, at first and after each break.
 *
 * Redis Pub/Sub forgets: a message reaches only the clients that are subscribed at that moment.
 * After every break the feed must find out what it missed, and must neither lose nor repeat a
 * message at the seam between the log and the live messages. Redis may also have lost messages and
 * ids meanwhile: it was emptied, or an older replica took over. It would then issue the same ids
 * again, and the ports would drop the new messages as already seen.
 *
 * The order of a join solves both:
 *
 *     PSUBSCRIBE confirmed     from here on no message is missed; messages go into the backlog
 *     fence.lua answered       Redis now issues only ids above every id that this node has seen
 *     fanout_resync            the node reads the log from its high-water mark
 *     backlog -> fanout_live   messages that a port has also read from the log have the same id
 *     joined                   there, and the port drops the second copy
 *
 * Invariant: the core's high-water mark never moves back, and our messages go through fanout_live
 * in the order of their ids. Nothing is published before the feed is joined, and nothing is read
 * for a subscription or a port.
 *
 * Subscribing after the read of the log would miss what is published in between. Reading the log
 * after every break would report gaps that do not exist: once a topic has been quiet for longer
 * than its ttl, the log cannot prove that nothing is missing. So fence.lua also compares Redis's
 * last id with the high-water mark. If they are equal, or only a new history of Redis lies between
 * them (a failover, a restart), the node reads nothing.
 *
 * The fence finds lost messages only if the node sends it all that it knows, and under the right
 * history. So it waits until no answer to a publish is under way (may_fence).
 *
 * All this depends on noticing the break. When a proxy switches to another Redis, or the
 * subscription dies inside Redis, the TCP connection stays intact; the probe detects both.
 */
#include "broker/redis/redis_feed.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/mem.h"
#include "broker/backlog.h"
#include "broker/fanout.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_partition.h"
#include "broker/redis/redis_payload.h"
#include "broker/redis/redis_probe.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_tail.h"

#define REJOIN_MS 1000 /* between two joins because of messages */

enum state {
    FEED_DOWN,       /* not connected, or not yet subscribed */
    FEED_SUBSCRIBED, /* messages are buffered; the fence is to be sent */
    FEED_FENCING,    /* waits for the answer to the fence */
    FEED_JOINED,
};

struct redis_feed {
    struct redis_feed_config config;
    struct redis_link *link;
    enum state state;
    uintptr_t joins;        /* numbers the fences, so that an answer to an earlier one is ignored */
    struct backlog backlog; /* messages that arrived before the fence was answered */
    struct redis_partition partition;
    struct msgid held;      /* the highest id that was ever in the backlog */
    struct msgid begins;    /* above it every message went from here through fanout_live */
    uint64_t may_rejoin_ms; /* from when on a message may make us join again */
    struct buf pattern;
    struct redis_probe probe;
};

/* Messages up to the highest id that is known, or was held back, may not have come, or are lost. */
static void begin_tail(struct redis_feed *f)
{
    f->begins = msgid_later(core_newest(f->config.core), f->held);
    redis_tail_clear(f->config.tail, f->begins);
}

/* ---- the probe ---- */

/* Joins again over the same subscription. */
static void start_join(struct redis_feed *f)
{
    f->joins++;
    f->state = FEED_SUBSCRIBED;
    redis_feed_on_command_link(f);
}

static void on_probed(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_feed *f = owner;
    struct msgid log_start = f->partition.log_start;
    struct redis_probed answer;

    if (f->state != FEED_JOINED || (uintptr_t)arg != f->probe.number)
        return;
    if (fate != REDIS_ANSWERED || redis_reply_is_error(reply)) {
        redis_probe_on_failed(&f->probe);
        if (fate == REDIS_ANSWERED)
            f->config.events->on_refused(f->config.owner, reply);
        return;
    }
    redis_probe_on_accepted(&f->probe);
    f->config.events->on_accepted(f->config.owner);
    if (redis_reply_probe(reply, &answer) < 0 ||
        redis_partition_on_probed(&f->partition, &answer, f->probe.newest))
        start_join(f);
    else if (msgid_cmp(f->partition.log_start, log_start) != 0)
        begin_tail(f); /* Redis has lost messages, perhaps before they came here */
}

static void send_probe(struct redis_feed *f)
{
    redis_probe_send(&f->probe, f->config.events->pick(f->config.owner),
                     (struct redis_done){ on_probed, f, NULL, 0 });
}

/* ---- joining ---- */

static void join(struct redis_feed *f, const struct redis_fenced *fenced)
{
    struct core *core = f->config.core;

    redis_partition_on_fenced(&f->partition, fenced);
    /* the fence made sure that this does not move the mark back */
    fanout_set_high_water(core->fanout, fenced->ids.last);
    /* If nothing was published since, the log is not read: after a quiet time longer than its ttl
     * it could no longer prove that nothing is missing. */
    if (fenced->has_missed || f->backlog.has_gap)
        fanout_resync(core->fanout);
    while (backlog_first(&f->backlog))
        fanout_live(core->fanout, backlog_pop(&f->backlog));
    backlog_done(&f->backlog);
    begin_tail(f);
    f->state = FEED_JOINED;
    send_probe(f);
    f->config.events->on_joined(f->config.owner);
}

static void on_fenced(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_feed *f = owner;
    struct redis_fenced fenced;

    if (f->state != FEED_FENCING || (uintptr_t)arg != f->joins)
        return;
    f->state = FEED_SUBSCRIBED; /* on failure the next tick, or the next link, tries again */
    if (fate != REDIS_ANSWERED)
        return;
    if (redis_reply_is_error(reply))
        f->config.events->on_refused(f->config.owner, reply);
    else if (redis_reply_fence(reply, &fenced) == EH_OK)
        join(f, &fenced);
}

bool redis_feed_may_fence(const struct redis_feed *f)
{
    return f->config.events->may_fence(f->config.owner);
}

void redis_feed_send_fence(struct redis_feed *f, struct redis_link *link, struct redis_done done)
{
    struct redis_command c;

    redis_partition_fence(&f->partition, &c);
    redis_link_send(link, &c, done);
}

bool redis_feed_take_fence(struct redis_feed *f, const struct redisReply *reply)
{
    struct redis_fenced fenced;

    if (redis_reply_fence(reply, &fenced) < 0)
        return false;
    /* Else the next fence would find the same loss again, and move the log start again. */
    redis_partition_on_fenced(&f->partition, &fenced);
    return true;
}

void redis_feed_on_command_link(struct redis_feed *f)
{
    struct redis_link *link;

    if (f->state != FEED_SUBSCRIBED || !redis_feed_may_fence(f))
        return;
    link = f->config.events->pick(f->config.owner);
    if (!link)
        return;
    f->state = FEED_FENCING;
    redis_feed_send_fence(f, link, (struct redis_done){ on_fenced, f, (void *)f->joins, 0 });
}

static void on_pattern(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_feed *f = owner;

    (void)arg;
    if (fate != REDIS_ANSWERED)
        return; /* on_down follows */
    if (redis_reply_is_error(reply))
        redis_feed_drop(f, redis_reply_text(reply).p);
    else
        start_join(f);
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

static void on_up(struct redis_link *l, void *owner)
{
    struct redis_feed *f = owner;

    f->config.events->on_connected(f->config.owner, redis_link_info(l));
    if (!redis_link_can_send(l))
        return; /* it was dropped */
    for (size_t i = 0; i < ARRAY_LEN(f->config.channels); i++)
        subscribe(f, STR("SUBSCRIBE"), f->config.channels[i],
                  (struct redis_done){ on_channel, f, NULL, 0 });
    /* The pattern comes last: when Redis confirms it, it has confirmed the channels, too. */
    subscribe(f, STR("PSUBSCRIBE"), buf_str(&f->pattern),
              (struct redis_done){ on_pattern, f, NULL, 0 });
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

/* Joins again, once in REJOIN_MS: anyone may publish an implausible id or a new history. */
static void rejoin_for_message(struct redis_feed *f)
{
    if (f->state != FEED_JOINED || loop_now(f->config.core->loop) < f->may_rejoin_ms)
        return;
    f->may_rejoin_ms = loop_now(f->config.core->loop) + REJOIN_MS;
    start_join(f);
}

/* Keeps the message until the feed has joined. Its id counts as known at once, except before the
 * first fence, when it cannot be told whether the id is real. */
static void hold_back(struct redis_feed *f, struct message *m)
{
    if (!m->legacy)
        f->held = msgid_later(f->held, m->id);
    if (f->partition.has_joined && !m->legacy) {
        core_note(f->config.core, m->id);
        core_share_newest(f->config.core);
    }
    backlog_add(&f->backlog, m);
}

static void on_live(struct redis_feed *f, struct message *m, uint64_t expires_ms)
{
    struct core *core = f->config.core;

    if (core->config.cache)
        redis_tail_add(f->config.tail, m, expires_ms, core->high_water, loop_now(core->loop));
    fanout_live(core->fanout, m);
}

static void on_message(struct redis_feed *f, struct message *m, uint64_t expires_ms)
{
    if (!m->legacy && !redis_partition_is_plausible(&f->partition, m->id)) {
        metrics_inc(f->config.core->config.metrics, METRIC_FEED_INVALID);
        message_unref(m);
        rejoin_for_message(f);
        return;
    }
    if (m->legacy)
        metrics_inc(f->config.core->config.metrics, METRIC_FEED_LEGACY);
    if (f->state == FEED_JOINED)
        on_live(f, m, expires_ms);
    else
        hold_back(f, m);
}

static void on_push(struct redis_link *l, void *owner, const struct redisReply *reply)
{
    struct redis_feed *f = owner;
    struct redis_push push;
    uint64_t expires_ms;
    struct str topic;
    struct message *m;

    if (redis_reply_push(reply, &push) < 0) {
        redis_link_drop(l, "unexpected reply on the subscribed connection");
        return;
    }
    if (!push.is_pattern) {
        f->config.events->on_message(f->config.owner, push.channel, push.payload);
        return;
    }
    topic = keys_channel_topic(f->config.names->prefix, push.channel);
    if (keys_is_of_longer_prefix(topic))
        return; /* the pattern of `app` matches the channels of a deployment `app:b`, too */
    redis_probe_on_message(&f->probe, push.channel, push.payload);
    if (redis_partition_on_began(&f->partition, topic, push.payload))
        rejoin_for_message(f);
    if (str_starts_with(topic, STR(REDIS_PROBE_TOPICS)))
        return; /* a probe by this node, by another one or by a C++ Eventhub */
    m = redis_payload_parse(topic, push.payload, &expires_ms);
    if (m)
        on_message(f, m, expires_ms);
    else
        metrics_inc(f->config.core->config.metrics, METRIC_FEED_INVALID);
}

/* ---- what the owner calls ---- */

bool redis_feed_is_late(const struct redis_feed *f)
{
    return f->state != FEED_JOINED || redis_probe_is_under_way(&f->probe);
}

void redis_feed_on_tick(struct redis_feed *f)
{
    redis_link_ping(f->link);
    redis_feed_on_command_link(f);
    if (f->state != FEED_JOINED)
        return;
    if (!redis_probe_is_under_way(&f->probe))
        send_probe(f);
    else if (redis_probe_is_overdue(&f->probe, f->config.link.timeout_ms))
        redis_feed_drop(f, "messages no longer come through");
}

static const struct redis_link_events link_events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_push = on_push,
};

struct redis_feed *redis_feed_create(const struct redis_feed_config *config)
{
    struct redis_feed *f = mem_zalloc(sizeof(*f));

    f->config = *config;
    f->partition = (struct redis_partition){ .core = config->core, .names = config->names };
    f->config.link.events = &link_events;
    f->config.link.owner = f;
    f->config.link.loads_scripts = false;
    f->config.link.name = "eventhub:feed";
    keys_add_glob(&f->pattern, config->names->prefix, STR(""));
    redis_probe_init(&f->probe, config->core, config->names);
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
    redis_probe_done(&f->probe);
    free(f);
}

bool redis_feed_is_joined(const struct redis_feed *f)
{
    return f->state == FEED_JOINED;
}

struct msgid redis_feed_brings_from(const struct redis_feed *f, struct str topic)
{
    (void)topic; /* the pattern covers all topics */
    return f->begins;
}

const struct redis_info *redis_feed_info(const struct redis_feed *f)
{
    return redis_link_info(f->link);
}

struct str redis_feed_history(const struct redis_feed *f)
{
    return str_of(f->partition.replid);
}

void redis_feed_on_published(struct redis_feed *f, struct msgid id)
{
    redis_partition_on_published(&f->partition, id);
}

void redis_feed_catch_up(struct redis_feed *f, struct redis_done done)
{
    struct redis_command c;

    if (!redis_link_can_send(f->link)) { /* no message is under way on a connection that is gone */
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

void redis_feed_rejoin(struct redis_feed *f)
{
    if (f->state == FEED_JOINED)
        start_join(f);
    else
        redis_feed_on_command_link(f); /* the last publish under way may have been refused */
}

void redis_feed_drop(struct redis_feed *f, const char *why)
{
    redis_link_drop(f->link, why);
}

void redis_feed_move(struct redis_feed *f, const struct redis_endpoint *master, const char *why)
{
    redis_link_move(f->link, master, why);
    redis_link_drop(f->link, why); /* without waiting for answers */
}
