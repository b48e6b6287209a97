/* redis_held.h - the calls that Redis refused without running them, until each has succeeded.
 * Thread:  the broker's.
 * Owns:    the call at the target of a migration; the others are in the pipeline's list of refused
 *          requests. It is part of its link's struct.
 * Order:   calls are sent again in the order in which they were sent first, the first one alone.
 *          After a success the number under way doubles. After ASK or TRYAGAIN calls go one by one,
 *          for a second: Redis then decides by the keys of each call. A call that its owner does
 *          not permit any more (redis_remake_fn) is NOT_DONE.
 * Works:   between redis_held_begin and on_over or redis_held_stop. At other times it only keeps
 *          calls.
 * Bounds:  a call is refused at most 16 times, then it is NOT_DONE. ASK, TRYAGAIN and CLUSTERDOWN
 *          do not count, they may last until its deadline. Before refused calls are sent again to
 *          the same server there is a pause of 50 to 200 ms.
 */
#ifndef EH_BROKER_REDIS_HELD_H
#define EH_BROKER_REDIS_HELD_H

#include "broker/redis/redis_command.h"
#include "broker/redis/redis_greeting.h"
#include "broker/redis/redis_redirect.h"
#include "broker/redis/redis_wire.h"

struct redis_asked;

struct redis_held_events {
    /* Sends the command to this server, after ASKING. False: that is not possible now. */
    bool (*ask)(void *owner, const struct redis_endpoint *endpoint, struct redis_command *c,
                struct redis_done done);
    /* The first call was refused with FENCE: redis_held_release must follow. */
    void (*on_fence)(void *owner, const struct redis_redirect *fence);
    void (*on_over)(void *owner); /* no call is held any longer */
};

struct redis_held {
    struct redis_wire *wire;
    const struct redis_greeting *greeting; /* names the scripts */
    const struct redis_held_events *events;
    void *owner;
    enum {
        HELD_OFF,
        HELD_PAUSE,     /* until the timer */
        HELD_RELEASE,   /* until redis_held_release */
        HELD_ASKING,    /* until the target of the migration has answered */
        HELD_RESENDING, /* until the calls that were sent again are answered */
    } wait;
    bool needs_release;           /* the node does not know yet what this Redis knows */
    struct timer timer;           /* ends the pause */
    uint64_t careful_ms;          /* the last ASK or TRYAGAIN; 0: none */
    size_t n_resent;              /* sent again and not answered */
    size_t window;                /* the limit of n_resent; 0: one of them was refused again */
    struct redis_asked *asked;    /* NULL: none */
    struct redis_endpoint target; /* of the last ASK */
    unsigned seed;
};

void redis_held_init(struct redis_held *h, struct redis_wire *wire,
                     const struct redis_greeting *greeting, const struct redis_held_events *events,
                     void *owner);
void redis_held_done(struct redis_held *h); /* after redis_wire_done */

/* Reports whether Redis certainly did not run the request, and why. */
bool redis_held_is_refused(const struct redis_request *rq, const struct redisReply *reply,
                           struct redis_redirect *ret);
/* Takes a request that was popped from the pipeline and refused. A request that is not a call is
 * finished with the reply, except after NOSCRIPT. Returns whether the request was kept, or finished
 * after too many refusals: then the link must drain. */
bool redis_held_keep(struct redis_held *h, struct redis_request *rq,
                     const struct redis_redirect *redirect, const struct redisReply *reply);
/* Returns a request that is not a call and waits for the scripts; NULL: none. */
struct redis_request *redis_held_pop_other(struct redis_held *h);

/* All commands are answered, and the connection is ready. Calls on_over if nothing is held. */
void redis_held_begin(struct redis_held *h);
/* The same after a greeting, but returns false, without on_over, if nothing is held. is_new: on a
 * new connection everything waits for redis_held_release. */
bool redis_held_begin_greeted(struct redis_held *h, bool is_new);
/* A request that was sent again is answered, before redis_held_keep if it was refused again. */
void redis_held_on_answer(struct redis_held *h, bool is_success);
void redis_held_step(struct redis_held *h);    /* after each answer, and after deadlines */
void redis_held_release(struct redis_held *h); /* the feed has joined */
void redis_held_stop(struct redis_held *h);    /* the link drains or greets */
void redis_held_lose(struct redis_held *h);    /* the connection is gone */

bool redis_held_is_empty(const struct redis_held *h);
/* Reports whether calls must go one by one. */
bool redis_held_is_careful(const struct redis_held *h);
/* Reports whether calls had to go one by one at some time since this function last returned
 * false. */
bool redis_held_was_careful(struct redis_held *h);
uint64_t redis_held_random_ms(struct redis_held *h); /* a pause */

#endif
