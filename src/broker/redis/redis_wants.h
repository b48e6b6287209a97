/* redis_wants.h - the wants of the workers, from the mail to the answer (redis_wants.c explains
 * when they are answered).
 * Thread:  the broker's.
 * Owns:    the node's interest, and each want until it is answered. Part of the feed's struct.
 * Borrows: the subscriber, and the links that `pick` returns.
 * Bounds:  as many wants as the workers post: one for a filter and worker (app/sub/wants.h).
 */
#ifndef EH_BROKER_REDIS_WANTS_H
#define EH_BROKER_REDIS_WANTS_H

#include "base/siphash.h"
#include "base/table.h"
#include "broker/core.h"
#include "broker/interest.h"
#include "broker/redis/redis_subscriber.h"

enum redis_wants_state {
    WANTS_AWAY,    /* the feed is not connected */
    WANTS_OPEN,    /* it is, and will still send a fence: the join reads what came before that */
    WANTS_FENCING, /* the fence is under way */
    WANTS_JOINED,
};

struct redis_wants_config {
    struct core *core;
    const struct redis_names *names;
    struct redis_subscriber *subscriber;
    struct redis_link *(*pick)(void *owner); /* returns a link that can send, or NULL */
    void *owner;
};

struct redis_wants {
    struct redis_wants_config config;
    struct loop_task place; /* asks for a position at the end of the turn */
    enum redis_wants_state state;
    struct interest *interest;
    struct siphash_key key;
    struct table waiting;    /* struct waiting, by filter: not confirmed */
    struct list unplaced;    /* live; the next position answers them */
    struct list asked;       /* live; the position under way answers them */
    bool is_asking;          /* a position is under way */
    uintptr_t n_asked;       /* numbers the positions, so that a stale one is ignored */
    uint64_t placed;         /* channels opened before the last position, or fence, was sent */
    uint64_t waits_since_ms; /* since when a live want waits; 0: none does */
    uint64_t fence_ms;       /* how long it may wait for a fence */
};

void redis_wants_init(struct redis_wants *w, const struct redis_wants_config *config);
void redis_wants_done(struct redis_wants *w); /* answers what is left */

/* The engine's `want` and `unwant`. */
void redis_wants_take(struct redis_wants *w, struct broker_want *want);
void redis_wants_drop(struct redis_wants *w, const struct broker_port *port, struct str filter);

/* The feed changes its state. */
void redis_wants_enter(struct redis_wants *w, enum redis_wants_state state);
void redis_wants_on_live(struct redis_wants *w, struct str filter); /* Redis has confirmed it */
void redis_wants_pump(struct redis_wants *w); /* a link may be able to send now */
/* Reports whether a live want has waited for timeout_ms, because no link answers; while a fence is
 * under way, for a second, and twice as long each time until the feed has joined. */
bool redis_wants_is_late(struct redis_wants *w, uint64_t timeout_ms);

#endif
