/* redis_pool.h - all connections of the engine to Redis: the feed, which is subscribed to the live
 * messages, and the links, which carry commands.
 * Thread:  the broker's.
 * Owns:    the connections, the source of the master, and the names of the keys; decides whether
 *          the broker is ready.
 * Shares:  the members of the struct up to n_lanes, which redis_lanes, redis_history and
 *          redis_presence read. Only redis_pool.c sets them.
 * Ready:   the feed is joined, at least one link for lanes is up, and Redis accepts publishes.
 * Exit:    if the first Redis that answers must not be used (redis_greeting.h), the owner of the
 *          broker is told, once. If that happens later, the pool waits for another Redis.
 * Rule:    nothing is sent until the feed is joined: before that this node does not know whether
 *          Redis has forgotten ids (docs/ARCHITECTURE.md). Callers check redis_feed_is_joined.
 * Master:  there are no connections before the source knows it. When it changes, all links move
 *          there, and the feed joins there: it subscribes to everything again.
 * History: a new connection to a server with another replid (docs/ids.md) counts as a change
 *          of the master, whatever the source says: the other connections are replaced, and the
 *          feed joins again.
 */
#ifndef EH_BROKER_REDIS_POOL_H
#define EH_BROKER_REDIS_POOL_H

#include "broker/core.h"
#include "broker/redis/redis_asker.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_eviction.h"
#include "broker/redis/redis_feed.h"
#include "broker/redis/redis_link.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_source.h"
#include "broker/redis/redis_status.h"
#include "broker/redis/redis_tail.h"

struct redis_pool_events {
    /* A link or the feed has come up, or a link has room again: calls that wait may be sent. */
    void (*on_room)(void *owner);
    /* The feed has joined. */
    void (*on_joined)(void *owner);
    /* A message arrived on one of the two channels of redis_pool_open_feed, or one that tells of a
     * purge on names->began. */
    void (*on_message)(void *owner, struct str channel, struct str payload);
};

struct redis_pool {
    struct core *core;
    const struct broker_config *config;
    struct redis_names names;
    struct redis_source *source;
    struct redis_status status; /* knows the current master, too */
    struct redis_feed *feed;
    struct redis_tail *tail;   /* what the feed brought last; answers history before Redis does */
    struct redis_link **links; /* each of the first n_lanes carries a lane; the rest read history */
    size_t n_links;
    size_t n_lanes;

    const struct redis_pool_events *events;
    void *owner;
    struct redis_eviction eviction;
    struct redis_asker *asker;
    unsigned ticks;
    size_t n_to_renew;           /* links: the first ones */
    struct redis_link *renewing; /* the link whose new connection is awaited; NULL: none */
    char replid[REPLID_N];       /* of the server that was connected last; "": not known */
    uint64_t history_ms;         /* when that changed; 0: not at this endpoint */
    uint64_t refused_ms; /* when a refusal replaced all connections; 0: not at this endpoint */
    bool is_refused;     /* Redis refused the last probe or fence: it takes no publishes */
};

struct redis_pool *redis_pool_create(struct core *core, const struct broker_config *config,
                                     const struct redis_pool_events *events, void *owner);
/* Starts the feed, which also subscribes to these two channels (borrowed), and begins to look for
 * the master in the next turn of the loop. Called once. */
void redis_pool_open_feed(struct redis_pool *p, struct str questions, struct str answers);
/* Closes all connections. Every command under way is given back to its caller; no event follows. */
void redis_pool_close(struct redis_pool *p);
void redis_pool_free(struct redis_pool *p); /* after close */

void redis_pool_tick(struct redis_pool *p); /* every second: pings, and the feed's probe */

/* Replaces the connections of the links, so that they use the current login and certificates. */
void redis_pool_renew(struct redis_pool *p);

/* Returns a link that can send, each in turn; NULL: no link can. */
struct redis_link *redis_pool_pick(const struct redis_pool *p);

/* Called when Redis answered a command with an error. Logs the error unless it was the last one
 * logged, and reconnects everything if another connection may reach a Redis that can serve us. */
void redis_pool_on_refusal(struct redis_pool *p, const struct redisReply *error);

#endif
