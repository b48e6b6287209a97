/* redis_feed.h - the subscribed connection: live messages of all topics come in here.
 * Thread:  the broker's.
 * Join:    after every (re)connect: PSUBSCRIBE, then the raise script on a command connection,
 * which makes sure that ids only grow and tells whether messages may be lost; what arrives before
 *          its answer is set aside. Then the ports read from the log what was missed (fanout_resync),
 *          and the feed is joined. Nothing may be published or read before that.
 * Doubt:   a message whose id is more than an hour ahead of Redis' clock, as far as that is known,
 * is dropped, and the feed joins once more. So a forged one does no harm, and where the clock
 *          really has jumped the log gives it back.
 * Probe:   while joined, a message of our own through Redis every tick, over each command
 * connection in turn. When it does not come back for timeout_ms after Redis took it, the
 * subscription is dead whatever TCP says (a dead connection is found before that, by
 * redis_link_ping). It also tells whether Redis takes writes, and whether it still knows the last
 * id: where it does not, the feed joins anew.
 */
#ifndef EH_BROKER_REDIS_FEED_H
#define EH_BROKER_REDIS_FEED_H

#include "broker/core.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_link.h"

struct redis_feed;

struct redis_feed_events {
    /* A command connection that can send, or NULL. */
    struct redis_link *(*pick)(void *owner);
    void (*on_joined)(void *owner);
    /* The connection, or an attempt at one, is gone; it comes back by itself. */
    void (*on_down)(void *owner, const char *why);
    /* Redis refused to raise, or the probe: it takes no publishes. */
    void (*on_refused)(void *owner, const struct redisReply *error);
    void (*on_accepted)(void *owner); /* it takes them */
    /* Something came on one of `channels`. */
    void (*on_message)(void *owner, struct str channel, struct str payload);
};

struct redis_feed_config {
    struct core *core;
    const struct redis_names *names;
    struct redis_link_config link; /* its events and owner are the feed's to set */
    struct str channels[2];        /* subscribed to besides the messages; borrowed */
    const struct redis_feed_events *events;
    void *owner;
};

struct redis_feed *redis_feed_create(const struct redis_feed_config *config);
/* close before the command connections are freed, which give commands of the feed back to it; free
 * after that. */
void redis_feed_close(struct redis_feed *f);
void redis_feed_free(struct redis_feed *f);

bool redis_feed_is_joined(const struct redis_feed *f);
void redis_feed_on_command_link(struct redis_feed *f); /* pick may have one now */
void redis_feed_on_tick(struct redis_feed *f);         /* every second */
/* Answers when all has come in that was published before this call: Redis sends the answer to a
 * PING behind it. Whatever the fate; a feed that says nothing is dropped, as any connection. */
void redis_feed_catch_up(struct redis_feed *f, struct redis_done done);
void redis_feed_retry_now(struct redis_feed *f);
void redis_feed_drop(struct redis_feed *f, const char *why);

#endif
