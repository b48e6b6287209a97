/* redis_engine.h - what the parts of the cluster engine share: redis.c holds the connections and
 * their state, redis_lane.c, redis_history.c and redis_presence.c send the calls. Only these
 * include it.
 * Thread:  the broker's.
 * Rule:    nothing is sent while the feed is not joined: until then this node does not know whether
 *          ids have gone backwards (docs/ARCHITECTURE.md).
 */
#ifndef EH_BROKER_REDIS_POOL_H
#define EH_BROKER_REDIS_POOL_H

#include "broker/core.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_feed.h"
#include "broker/redis/redis_link.h"
#include "broker/redis/redis_queue.h"

#define REDIS_WHY_MAX 160

/* A connection for all but history, and what waits for it. */
struct redis_lane {
    struct redis_link *link;
    struct redis_queue queue;
};

/* Says a thing once, not with every request that it befalls. */
struct redis_notice {
    char said[REDIS_WHY_MAX];
};

struct redis_presence;

struct redis_engine {
    struct core *core;
    const struct broker_config *config;
    struct redis_names names;
    struct redis_feed *feed;
    size_t n_lanes;
    struct redis_lane *lanes;
    size_t n_readers;
    struct redis_link **readers;
    struct redis_queue urgent;  /* history with a deadline */
    struct redis_queue patient; /* ... without */
    struct list pages;          /* of replays, read; given when the feed has joined again */
    struct redis_presence *presence;
    struct timer tick;
    unsigned ticks;
    bool ready;
    bool refuses; /* Redis takes no publishes, said the last probe */
    struct redis_notice connection;
    struct redis_notice refusal;
};

/* True the first time in a row. */
bool redis_notice_is_new(struct redis_notice *n, const char *what);
/* Redis answered with an error: says so once, and makes all connections new where that may help. */
void redis_engine_on_refusal(struct redis_engine *e, const struct redisReply *error);
/* A command connection that can send, each in turn; or NULL. */
struct redis_link *redis_engine_pick(struct redis_engine *e);

void redis_lanes_take(struct redis_engine *e, struct broker_call *call);
void redis_lanes_pump(struct redis_engine *e); /* sends what can be sent now */

void redis_history_take(struct redis_engine *e, struct broker_call *call);
void redis_history_pump(struct redis_engine *e);
/* The next step of the sweep for topics whose log is gone. */
void redis_history_sweep(struct redis_engine *e);
void redis_history_close(struct redis_engine *e); /* answers what is left; nothing is under way */

#endif
