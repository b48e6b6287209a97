/* redis_topics.h - the channels of single topics: which are wanted, subscribed, or linger until
 * they are unsubscribed.
 * Thread:  the broker's; pure: the time comes with redis_topics_on_tick.
 * Owns:    copies of the topics, while they are wanted or their channels held.
 * Borrows: the target and the changes.
 * Bounds:  `max` channels, and CLOSES_MAX of them are unsubscribed in a second.
 * Essay:   in redis_channels.c.
 */
#ifndef EH_BROKER_REDIS_TOPICS_H
#define EH_BROKER_REDIS_TOPICS_H

#include "base/siphash.h"
#include "base/table.h"
#include "broker/redis/redis_target.h"

#define CHANNELS_LINGER_MS 10000 /* from the last reason for a channel until it is unsubscribed */
#define CLOSES_MAX         500   /* names, in a second */

struct filter;

struct redis_topic {
    struct redis_channel channel;
    struct list all;
    struct list lingering;
    uint64_t lingers_until_ms;
    struct filter *own;  /* filters that want it: the topic itself, */
    struct filter *tree; /* and `topic/#` */
    char text[];
};

struct redis_topics {
    const struct redis_target *target;
    struct redis_changes *changes;
    size_t max;
    struct siphash_key key;
    struct table table;
    struct list all;
    struct list lingering; /* the first to close first */
    struct list *swept_to; /* all before it suit the target; &all: the sweep is done */
    size_t n_open;         /* that are not ABSENT */
    uint64_t now_ms;
    uint64_t closes_ms; /* when the current second of closes began */
    size_t n_closes;
};

void redis_topics_init(struct redis_topics *t, const struct redis_target *target,
                       struct redis_changes *changes, size_t max, uint64_t now_ms);
void redis_topics_done(struct redis_topics *t);

struct redis_topic *redis_topics_find(const struct redis_topics *t, struct str text);
struct redis_topic *redis_topics_get(struct redis_topics *t, struct str text); /* or adds it */
/* Frees the topic, unless it is wanted or held. */
void redis_topics_drop(struct redis_topics *t, struct redis_topic *topic);

/* While the connection is up: makes the topic's channel suit the target. False: there are `max`
 * channels already. */
bool redis_topics_settle(struct redis_topics *t, struct redis_topic *topic);
void redis_topics_sweep(struct redis_topics *t); /* starts to settle all topics anew */
/* Returns the next topic to settle. NULL: the sweep is done. */
struct redis_topic *redis_topics_next(struct redis_topics *t);
bool redis_topics_is_swept(const struct redis_topics *t);
void redis_topics_on_tick(struct redis_topics *t, uint64_t now_ms);
void redis_topics_close(struct redis_topics *t);  /* those that have lingered long enough */
void redis_topics_forget(struct redis_topics *t); /* the connection is gone */

#endif
