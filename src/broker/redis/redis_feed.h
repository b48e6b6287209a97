/* redis_feed.h - the subscription to Redis, through which the live messages arrive that this node
 * wants.
 * Thread:  the broker's.
 * Join:    after every connect: SUBSCRIBE, then fence.lua over a link, which makes sure that ids
 *          only grow and reports whether messages may be lost. Messages that arrive before its
 *          answer are buffered in a backlog. Then the node reads from the log what it missed
 *          (fanout_resync), and the feed is joined. Before that nothing may be published, and only
 *          the log may be read, after a fence (redis_history.h).
 * Forged:  a message is dropped if its id is more than an hour ahead of Redis's clock, as far as
 *          this node knows that clock, and the feed joins again. So a forged id does no harm, and
 *          if the clock really has jumped, the dropped message is read from the log.
 * Probe:   while the feed is joined it sends itself a message through Redis every tick, over each
 *          link in turn. If Redis accepts the message and it does not arrive within timeout_ms, the
 *          subscription is dead, whatever TCP reports. (redis_link_ping finds a dead connection
 *          earlier.) The probe also reports whether Redis accepts writes and whether it still knows
 *          the last id and has the same history; if not, the feed joins again.
 * Ids:     what this node knows of Redis's ids is in redis_partition.h, apart from the connection.
 */
#ifndef EH_BROKER_REDIS_FEED_H
#define EH_BROKER_REDIS_FEED_H

#include "broker/core.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_link.h"

struct redis_channels;
struct redis_feed;
struct redis_tail;
struct redis_wants;

struct redis_feed_events {
    /* Returns a link that can send, or NULL. */
    struct redis_link *(*pick)(void *owner);
    /* Reports whether the feed may join: no publish waits for its answer, and the master is not in
     * doubt. When that becomes true, the owner calls redis_feed_on_command_link. */
    bool (*may_fence)(void *owner);
    /* The feed has a new connection. info: its server's, or NULL. May call redis_feed_drop. */
    void (*on_connected)(void *owner, const struct redis_info *info);
    void (*on_joined)(void *owner);
    /* The connection is gone, or an attempt has failed. The feed reconnects by itself. */
    void (*on_down)(void *owner, const char *why);
    /* Redis refused the fence or the probe: it takes no publishes. */
    void (*on_refused)(void *owner, const struct redisReply *error);
    void (*on_accepted)(void *owner); /* Redis accepted the probe: it takes publishes */
    /* A message arrived on one of `channels`, or one that tells of a purge (redis_intake.h). */
    void (*on_message)(void *owner, struct str channel, struct str payload);
};

struct redis_feed_config {
    struct core *core;
    const struct redis_names *names;
    struct redis_tail *tail;       /* gets the live messages once the feed has joined; borrowed */
    struct redis_link_config link; /* the feed sets its events and owner */
    struct str channels[2];        /* to subscribe to besides the messages; borrowed */
    const struct redis_feed_events *events;
    void *owner;
};

struct redis_feed *redis_feed_create(const struct redis_feed_config *config);
/* Closing the links gives the feed its commands back. So call redis_feed_close, free the links, and
 * then call redis_feed_free. */
void redis_feed_close(struct redis_feed *f);
void redis_feed_free(struct redis_feed *f);

bool redis_feed_is_joined(const struct redis_feed *f);
struct redis_wants *redis_feed_wants(struct redis_feed *f); /* for the engine's want and unwant */
/* Returns the channels, which tell from which id on this connection has brought, and brings, every
 * message of a topic. */
struct redis_channels *redis_feed_channels(const struct redis_feed *f);
/* Returns the INFO of the server that the feed is subscribed to; NULL: not known. */
const struct redis_info *redis_feed_info(const struct redis_feed *f);
/* Returns the replid of the history that it has joined; empty: not known. */
struct str redis_feed_history(const struct redis_feed *f);
void redis_feed_on_published(struct redis_feed *f, struct msgid id); /* a publish was answered */
/* A link has come up, or the last publish under way was answered: goes on joining. */
void redis_feed_on_command_link(struct redis_feed *f);
/* Reports, before a tick, whether the feed has not joined, or the last probe has no answer yet. */
bool redis_feed_is_late(const struct redis_feed *f);
void redis_feed_on_tick(struct redis_feed *f); /* every second */
/* Sends fence.lua over the link, for a caller that cannot wait until the feed has joined. Needs
 * redis_feed_may_fence. */
bool redis_feed_may_fence(const struct redis_feed *f);
void redis_feed_send_fence(struct redis_feed *f, struct redis_link *link, struct redis_done done);
/* Takes the answer, which is not an error; returns false if it is not valid. */
bool redis_feed_take_fence(struct redis_feed *f, const struct redisReply *reply);
/* Calls done, whatever the fate, once every message published before this call has arrived: Redis
 * sends them before its answer to a PING. A feed that stays silent is dropped by timeout_ms. */
void redis_feed_catch_up(struct redis_feed *f, struct redis_done done);
void redis_feed_retry_now(struct redis_feed *f);
/* Joins again over the same subscription, if it is joined: Redis and this node know different
 * ids. */
void redis_feed_rejoin(struct redis_feed *f);
void redis_feed_drop(struct redis_feed *f, const char *why);
/* Drops the feed at once. It joins again at this endpoint, from now on. */
void redis_feed_move(struct redis_feed *f, const struct redis_endpoint *master, const char *why);

#endif
