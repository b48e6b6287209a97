/* redis_channels.h - which channels the feed subscribes to, so that every wanted filter comes
 * through, and little else.
 * Thread:  the broker's; pure: no I/O, and the time comes with redis_channels_on_tick.
 * Words:   a *name* is the channel of one topic, a *glob* the channels of all topics with a prefix
 *          (redis_prefixes.h), the *wide* one of all topics. A channel *covers* a topic or prefix.
 *          A filter is *live* while confirmed channels cover it: every message that Redis publishes
 *          from now on comes.
 * Owns:    copies of the wanted filters and the state of their channels.
 * Output:  commands, which redis_channels_next makes one by one, and on_live.
 * Input:   the confirmations of these commands, in the order in which Redis sends them.
 * Bounds:  at most `max` names (FEED_CHANNELS_MAX), beyond that the wide channel; at most GLOBS_MAX
 *          globs (redis_target.h), beyond that shorter prefixes; CHANNELS_UNDER_WAY unconfirmed
 *          channels; and CLOSES_MAX names are unsubscribed in a second (redis_topics.h). A
 *          confirmation takes no memory: one that is not the next expected is refused.
 * Costs:   a topic about 400 bytes. Steps are constant, except: a tick visits a tenth of `max`
 *          names, the confirmation of a glob visits the filters that wait, and on_up, on_down visit
 *          all channels.
 */
#ifndef EH_BROKER_REDIS_CHANNELS_H
#define EH_BROKER_REDIS_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "broker/redis/redis_topics.h"
#include "hub/metrics.h"

#define FEED_CHANNELS_MAX 100000

struct redis_channels;

/* A waiting filter is live. Must not call back into the channels, except to ask. */
typedef void redis_live_fn(void *owner, struct str filter);

struct redis_channels_config {
    const struct redis_names *names; /* borrowed */
    size_t max;                      /* names; FEED_CHANNELS_MAX */
    uint64_t now_ms;                 /* the time, before the first tick */
    redis_live_fn *on_live;
    void *owner;
};

struct redis_channels *redis_channels_create(const struct redis_channels_config *config);
void redis_channels_free(struct redis_channels *c);

/* The filter, which is valid, is wanted from now on. Returns true if it is live already; else
 * on_live follows, unless it is unwanted or the connection is lost before. While the connection is
 * down, nothing follows: the caller answers, and the filter is live when redis_channels_is_ready.
 * A call for a filter that is wanted already is answered in the same way, and counts once. */
bool redis_channels_want(struct redis_channels *c, struct str filter);
void redis_channels_unwant(struct redis_channels *c, struct str filter); /* or ignores it */

/* The rights of our user in Redis. */
struct redis_channels_rights {
    bool has_globs; /* else the wide channel is the only glob */
    bool may_leave; /* else there is the wide channel alone, as long as the connection lasts */
};

/* A connection without subscriptions is up: subscribes to everything that is wanted. */
void redis_channels_on_up(struct redis_channels *c, const struct redis_channels_rights *rights);
/* The connection is gone. The caller answers the filters that wait: on_live no longer follows. */
void redis_channels_on_down(struct redis_channels *c);
/* Reports whether everything that on_up subscribed to is confirmed. */
bool redis_channels_is_ready(const struct redis_channels *c);

/* Makes the next command, which borrows from c until the next call. Returns false if nothing is to
 * be sent, or enough commands are under way. */
bool redis_channels_next(struct redis_channels *c, struct redis_command *ret);

/* Redis confirmed this channel. Returns false if another confirmation was expected. The caller then
 * drops the connection, because nobody knows any longer what Redis sends on it. */
bool redis_channels_on_confirmed(struct redis_channels *c, enum redis_confirmation what,
                                 struct str channel) EH_MUST_USE;

void redis_channels_on_tick(struct redis_channels *c, uint64_t now_ms); /* about every second */

/* Reports whether this copy of a message counts: it came on the narrowest confirmed channel that
 * covers the topic. Redis sends one copy for each channel, and only legacy messages have no id by
 * which the copies could be told apart. glob: the pattern as in Redis; {NULL, 0}: by name. */
bool redis_channels_copy_counts(const struct redis_channels *c, struct str glob, struct str topic);

/* Returns the channels that were ever opened and confirmed. */
uint64_t redis_channels_live(const struct redis_channels *c);
/* `last` was the last id when no more than n_live channels had been opened: these bring every
 * message above it. */
void redis_channels_place(struct redis_channels *c, uint64_t n_live, struct msgid last);
/* The same for the name of the topic, if it has one. */
void redis_channels_place_topic(struct redis_channels *c, struct str topic, uint64_t n_live,
                                struct msgid last);
/* Sets *ret to an id above which every message of the topic came, and comes. False: none is
 * known. */
bool redis_channels_brings_from(const struct redis_channels *c, struct str topic,
                                struct msgid *ret);

struct redis_channels_counts {
    size_t names;    /* subscribed, or about to be */
    size_t globs;    /* the same */
    bool is_wide;    /* the wide channel is meant to cover everything */
    uint64_t opened; /* ever */
    uint64_t closed;
};

struct redis_channels_counts redis_channels_count(const struct redis_channels *c);
void redis_channels_report(const struct redis_channels *c, struct metrics_cell *metrics);

#endif
