#include "broker/redis/redis_intake.h"

#include "broker/fanout.h"
#include "broker/redis/redis_keys.h"
#include "broker/redis/redis_payload.h"

#define DOUBT_MS 1000

static void doubt(struct redis_intake *in)
{
    uint64_t now = loop_now(in->config.core->loop);

    if (!in->is_joined || now < in->may_doubt_ms)
        return;
    in->may_doubt_ms = now + DOUBT_MS;
    in->config.on_doubt(in->config.owner);
}

/* Keeps the message until the feed has joined. Its id counts as known at once, except before the
 * first fence, when it cannot be told whether the id is real. */
static void hold_back(struct redis_intake *in, struct message *m)
{
    if (!m->legacy)
        in->held = msgid_later(in->held, m->id);
    if (in->config.partition->has_joined && !m->legacy) {
        core_note(in->config.core, m->id);
        core_share_newest(in->config.core);
    }
    backlog_add(&in->backlog, m);
}

static void on_live(struct redis_intake *in, struct message *m, uint64_t expires_ms)
{
    struct core *core = in->config.core;

    if (core->config.cache)
        redis_tail_add(in->config.tail, m, expires_ms, core->high_water, loop_now(core->loop));
    fanout_live(core->fanout, m);
}

/* Redis sends a copy for each channel that matches, one right after the other. Legacy messages can
 * be told apart only by the channel that they came on. */
static bool is_copy(struct redis_intake *in, struct str glob, const struct message *m)
{
    if (m->legacy)
        return !redis_channels_copy_counts(in->config.channels, glob, m->topic);
    if (msgid_cmp(m->id, in->last) == 0)
        return true;
    in->last = m->id;
    return false;
}

static void on_message(struct redis_intake *in, struct message *m, uint64_t expires_ms)
{
    struct metrics_cell *metrics = in->config.core->config.metrics;
    bool is_wanted = interest_matches(in->config.interest, m->topic);

    metrics_inc(metrics, is_wanted ? METRIC_FEED_WANTED : METRIC_FEED_UNWANTED);
    if (m->legacy)
        metrics_inc(metrics, METRIC_FEED_LEGACY);
    if (in->is_joined)
        on_live(in, m, expires_ms);
    else
        hold_back(in, m);
}

static bool is_purge(struct str topic, struct str text)
{
    return str_eq(topic, STR(REDIS_BEGAN_TOPIC)) && str_starts_with(text, STR(REDIS_PURGED));
}

/* Returns true if the message is for the node itself, or for nobody. */
static bool take_own(struct redis_intake *in, struct str topic, const struct redis_push *push)
{
    if (redis_probe_on_message(in->config.probe, push->channel, push->payload,
                               redis_channels_live(in->config.channels))) {
        in->config.on_probe(in->config.owner);
    } else if (is_purge(topic, push->payload)) {
        in->config.on_message(in->config.owner, push->channel, push->payload);
    } else if (redis_partition_on_began(in->config.partition, topic, push->payload)) {
        redis_tail_clear(in->config.tail, core_newest(in->config.core));
        doubt(in);
    }
    /* A probe by another node or by a C++ Eventhub, or the pattern of `app` matches the channels of
     * a deployment `app:b`, too. */
    return str_starts_with(topic, STR(REDIS_PROBE_TOPICS)) || keys_is_of_longer_prefix(topic);
}

static void take(struct redis_intake *in, struct str topic, const struct redis_push *push)
{
    uint64_t expires_ms;
    struct message *m = redis_payload_parse(topic, push->payload, &expires_ms);
    bool is_plausible =
        m && (m->legacy || redis_partition_is_plausible(in->config.partition, m->id));

    if (!is_plausible)
        metrics_inc(in->config.core->config.metrics, METRIC_FEED_INVALID);
    if (is_plausible && !is_copy(in, push->glob, m)) {
        on_message(in, m, expires_ms);
        return;
    }
    if (m)
        message_unref(m);
    if (m && !is_plausible)
        doubt(in);
}

bool redis_intake_take(struct redis_intake *in, const struct redisReply *reply)
{
    const struct redis_intake_config *config = &in->config;
    struct redis_push push;
    struct str topic;

    if (redis_reply_push(reply, &push) < 0)
        return false;
    if (str_eq(push.channel, config->others[0]) || str_eq(push.channel, config->others[1])) {
        config->on_message(config->owner, push.channel, push.payload);
        return true;
    }
    topic = keys_channel_topic(config->prefix, push.channel);
    if (!take_own(in, topic, &push))
        take(in, topic, &push);
    return true;
}

void redis_intake_begin(struct redis_intake *in)
{
    in->last = (struct msgid){ 0 };
}

void redis_intake_release(struct redis_intake *in)
{
    while (backlog_first(&in->backlog))
        fanout_live(in->config.core->fanout, backlog_pop(&in->backlog));
    backlog_done(&in->backlog);
}

void redis_intake_end(struct redis_intake *in)
{
    backlog_done(&in->backlog);
}
