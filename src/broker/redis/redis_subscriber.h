/* redis_subscriber.h - the subscriptions on the feed's connection: a few channels that the feed
 * always has, and those of redis_channels. Sends the commands and passes on the confirmations.
 * Thread:  the broker's.
 * Owns:    redis_channels. It is part of the feed's struct.
 * Borrows: the link, from on_up to on_down.
 * Order:   commands leave at the end of the turn, so that all filters of a turn share a command.
 * Rights:  a connection first tries what not every user of Redis may do (redis_channels.h).
 * Fails:   an error, or a confirmation that is not the next one expected, drops the connection.
 */
#ifndef EH_BROKER_REDIS_SUBSCRIBER_H
#define EH_BROKER_REDIS_SUBSCRIBER_H

#include "broker/redis/redis_channels.h"
#include "broker/redis/redis_link.h"

struct redis_subscriber_config {
    struct loop *loop;
    const struct redis_names *names;
    const struct str *own; /* channels that are always subscribed; borrowed */
    size_t n_own;
    /* Everything that is wanted is being subscribed. From now on, on_live follows a want. */
    void (*on_open)(void *owner);
    /* Everything that was wanted before on_open is confirmed. */
    void (*on_ready)(void *owner);
    redis_live_fn *on_live; /* as in redis_channels.h */
    void *owner;
};

struct redis_subscriber {
    struct redis_subscriber_config config;
    struct redis_link *link; /* NULL: down */
    struct redis_channels *channels;
    size_t n_confirmed; /* of the own channels */
    bool is_ready;
    struct redis_channels_rights rights; /* of the last connection */
    struct loop_task flush;
};

void redis_subscriber_init(struct redis_subscriber *s,
                           const struct redis_subscriber_config *config);
void redis_subscriber_done(struct redis_subscriber *s);

/* As redis_channels_want and _unwant. */
bool redis_subscriber_want(struct redis_subscriber *s, struct str filter);
void redis_subscriber_unwant(struct redis_subscriber *s, struct str filter);

void redis_subscriber_on_up(struct redis_subscriber *s, struct redis_link *link);
void redis_subscriber_on_down(struct redis_subscriber *s);
void redis_subscriber_on_room(struct redis_subscriber *s); /* the link can send again */
void redis_subscriber_on_tick(struct redis_subscriber *s); /* every second */
/* Takes a reply that the link passed to on_push. Returns false if it is not a confirmation. */
bool redis_subscriber_take(struct redis_subscriber *s, const struct redisReply *reply);

#endif
