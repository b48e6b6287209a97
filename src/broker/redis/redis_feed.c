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
 *     SUBSCRIBE confirmed      from here on no message is missed; messages go into the backlog
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

#include "base/mem.h"
#include "broker/fanout.h"
#include "broker/redis/redis_intake.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_wants.h"

#define OWN_CHANNELS 4 /* presence: questions, answers; the probe; new histories */

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
    uintptr_t joins;   /* numbers the fences, so that an answer to an earlier one is ignored */
    uint64_t n_fenced; /* channels that were open when the fence was sent */
    struct redis_partition partition;
    struct redis_probe probe;
    struct str own[OWN_CHANNELS];
    struct redis_subscriber subscriber;
    struct redis_wants wants;
    struct redis_intake intake;
};

/* Messages up to the highest id that is known, or was held back, may not have come, or are lost. */
static struct msgid begin_tail(struct redis_feed *f)
{
    struct msgid begins = msgid_later(core_newest(f->config.core), f->intake.held);

    redis_tail_clear(f->config.tail, begins);
    return begins;
}

static void enter(struct redis_feed *f, enum state state)
{
    static const enum redis_wants_state wants[] = {
        [FEED_DOWN] = WANTS_AWAY,
        [FEED_SUBSCRIBED] = WANTS_OPEN,
        [FEED_FENCING] = WANTS_FENCING,
        [FEED_JOINED] = WANTS_JOINED,
    };

    f->state = state;
    f->intake.is_joined = state == FEED_JOINED;
    redis_wants_enter(&f->wants, wants[state]);
}

/* ---- the probe ---- */

static void start_join(struct redis_feed *f)
{
    f->joins++;
    enter(f, FEED_SUBSCRIBED);
    redis_feed_on_command_link(f);
}

/* The probe has come, and with it everything that Redis had published before. So nothing up to its
 * id is still to come, also of topics that are silent or not wanted. */
static void raise_mark(void *owner)
{
    struct redis_feed *f = owner;
    struct msgid last;
    uint64_t n_live;

    if (f->state != FEED_JOINED || !redis_probe_take(&f->probe, &last, &n_live))
        return;
    fanout_raise_high_water(f->config.core->fanout, last);
    redis_channels_place(f->subscriber.channels, n_live, last);
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
    f->config.events->on_accepted(f->config.owner);
    if (redis_reply_probe(reply, &answer) < 0 ||
        redis_partition_on_probed(&f->partition, &answer, f->probe.newest)) {
        start_join(f);
        return;
    }
    redis_probe_on_accepted(&f->probe, answer.ids.last);
    if (msgid_cmp(f->partition.log_start, log_start) != 0)
        (void)begin_tail(f); /* Redis has lost messages, perhaps before they came here */
    raise_mark(f);
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
    if (fenced->has_missed || f->intake.backlog.has_gap)
        fanout_resync(core->fanout);
    redis_intake_release(&f->intake);
    /* Of a channel that was opened after the fence, messages above its id may not have come. */
    redis_channels_place(f->subscriber.channels, f->n_fenced, begin_tail(f));
    enter(f, FEED_JOINED);
    send_probe(f);
    f->config.events->on_joined(f->config.owner);
}

static void on_fenced(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    struct redis_feed *f = owner;
    struct redis_fenced fenced;

    if (f->state != FEED_FENCING || (uintptr_t)arg != f->joins)
        return;
    if (fate == REDIS_ANSWERED && redis_reply_fence(reply, &fenced) == EH_OK) {
        join(f, &fenced);
        return;
    }
    enter(f, FEED_SUBSCRIBED); /* the next tick, or the next link, tries again */
    if (fate == REDIS_ANSWERED && redis_reply_is_error(reply))
        f->config.events->on_refused(f->config.owner, reply);
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

    redis_wants_pump(&f->wants);
    if (f->state != FEED_SUBSCRIBED || !f->subscriber.is_ready || !redis_feed_may_fence(f))
        return;
    link = f->config.events->pick(f->config.owner);
    if (!link)
        return;
    enter(f, FEED_FENCING);
    f->n_fenced = redis_channels_live(f->subscriber.channels);
    redis_feed_send_fence(f, link, (struct redis_done){ on_fenced, f, (void *)f->joins, 0 });
}

static void on_up(struct redis_link *l, void *owner)
{
    struct redis_feed *f = owner;

    f->config.events->on_connected(f->config.owner, redis_link_info(l));
    if (!redis_link_can_send(l))
        return; /* it was dropped */
    redis_intake_begin(&f->intake);
    redis_subscriber_on_up(&f->subscriber, l);
}

static void on_room(struct redis_link *l, void *owner)
{
    (void)l;
    redis_subscriber_on_room(&((struct redis_feed *)owner)->subscriber);
}

static void on_push(struct redis_link *l, void *owner, const struct redisReply *reply)
{
    struct redis_feed *f = owner;

    if (!redis_subscriber_take(&f->subscriber, reply) && !redis_intake_take(&f->intake, reply))
        redis_link_drop(l, "unexpected reply on the subscribed connection");
}

static void on_open(void *owner)
{
    enter(owner, FEED_SUBSCRIBED);
}

static void join_anew(void *owner)
{
    start_join(owner);
}

static void on_message(void *owner, struct str channel, struct str payload)
{
    struct redis_feed *f = owner;

    f->config.events->on_message(f->config.owner, channel, payload);
}

static void on_confirmed(void *owner, struct str filter)
{
    redis_wants_on_live(&((struct redis_feed *)owner)->wants, filter);
}

static void on_down(struct redis_link *l, void *owner, const char *why)
{
    struct redis_feed *f = owner;

    (void)l;
    redis_intake_end(&f->intake);
    redis_subscriber_on_down(&f->subscriber);
    enter(f, FEED_DOWN);
    f->config.events->on_down(f->config.owner, why);
}

/* ---- what the owner calls ---- */

bool redis_feed_is_late(const struct redis_feed *f)
{
    return f->state != FEED_JOINED || redis_probe_is_under_way(&f->probe);
}

void redis_feed_on_tick(struct redis_feed *f)
{
    uint64_t timeout_ms = f->config.link.timeout_ms;

    redis_link_ping(f->link);
    redis_subscriber_on_tick(&f->subscriber);
    redis_channels_report(f->subscriber.channels, f->config.core->config.metrics);
    if (redis_wants_is_late(&f->wants, timeout_ms))
        start_join(f); /* the link hangs: in between, wants are answered */
    redis_feed_on_command_link(f);
    if (f->state != FEED_JOINED)
        return;
    if (!redis_probe_is_under_way(&f->probe))
        send_probe(f);
    else if (redis_probe_is_overdue(&f->probe, timeout_ms))
        redis_feed_drop(f, "messages no longer come through");
}

static const struct redis_link_events link_events = {
    .on_up = on_up,
    .on_down = on_down,
    .on_room = on_room,
    .on_push = on_push,
};

static void init_parts(struct redis_feed *f)
{
    const struct redis_feed_config *config = &f->config;

    redis_probe_init(&f->probe, config->core, config->names);
    f->own[0] = config->channels[0];
    f->own[1] = config->channels[1];
    f->own[2] = buf_str(&f->probe.channel);
    f->own[3] = buf_str(&config->names->began);
    redis_subscriber_init(&f->subscriber, &(struct redis_subscriber_config){
                                              .loop = config->core->loop,
                                              .names = config->names,
                                              .own = f->own,
                                              .n_own = OWN_CHANNELS,
                                              .on_open = on_open,
                                              .on_ready = join_anew,
                                              .on_live = on_confirmed,
                                              .owner = f,
                                          });
    redis_wants_init(&f->wants, &(struct redis_wants_config){
                                    .core = config->core,
                                    .names = config->names,
                                    .subscriber = &f->subscriber,
                                    .pick = config->events->pick,
                                    .owner = config->owner,
                                });
    f->intake.config = (struct redis_intake_config){
        .core = config->core,
        .prefix = config->names->prefix,
        .partition = &f->partition,
        .channels = f->subscriber.channels,
        .interest = f->wants.interest,
        .probe = &f->probe,
        .tail = config->tail,
        .others = { f->own[0], f->own[1] },
        .on_message = on_message,
        .on_probe = raise_mark,
        .on_doubt = join_anew,
        .owner = f,
    };
}

struct redis_feed *redis_feed_create(const struct redis_feed_config *config)
{
    struct redis_feed *f = mem_zalloc(sizeof(*f));

    f->config = *config;
    f->partition = (struct redis_partition){ .core = config->core, .names = config->names };
    f->config.link.events = &link_events;
    f->config.link.owner = f;
    f->config.link.loads_scripts = false;
    f->config.link.name = "eventhub:feed";
    init_parts(f);
    f->link = redis_link_create(&f->config.link);
    return f;
}

void redis_feed_close(struct redis_feed *f)
{
    redis_link_free(f->link);
    redis_subscriber_on_down(&f->subscriber);
    enter(f, FEED_DOWN);
}

void redis_feed_free(struct redis_feed *f)
{
    redis_intake_end(&f->intake);
    redis_wants_done(&f->wants);
    redis_subscriber_done(&f->subscriber);
    redis_probe_done(&f->probe);
    free(f);
}

bool redis_feed_is_joined(const struct redis_feed *f)
{
    return f->state == FEED_JOINED;
}

struct redis_wants *redis_feed_wants(struct redis_feed *f)
{
    return &f->wants;
}

struct redis_channels *redis_feed_channels(const struct redis_feed *f)
{
    return f->subscriber.channels;
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
