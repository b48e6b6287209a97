/* redis_confirm.h - writes that Redis has answered, and that wait until enough replicas have them
 * (REDIS_WAIT).
 * Thread:  the broker's.
 * Owns:    its calls until they are answered: DONE, or UNKNOWN if fewer replicas confirm, if the
 *          connection is lost, or at the deadline. (Redis keeps the write either way.)
 * Cost:    one WAIT for all writes that are answered in one turn or while one WAIT is under way.
 *          Redis answers nothing else on the connection until a WAIT is over.
 * Order:   calls are answered in the order in which they were added.
 */
#ifndef EH_BROKER_REDIS_CONFIRM_H
#define EH_BROKER_REDIS_CONFIRM_H

#include "broker/core.h"
#include "broker/redis/redis_link.h"

struct redis_status;

/* Whether replicas confirm; all lanes of a pool share it. */
struct redis_confirm_state {
    unsigned n_replicas; /* REDIS_WAIT; 0: nothing waits */
    bool is_failing;     /* the last WAIT failed: the next ones wait only briefly */
    bool is_logged;      /* the last line in the log says that it failed */
    struct redis_status *status;
};

struct redis_confirm {
    struct core *core;
    struct redis_link *link;
    struct redis_confirm_state *state;
    struct list calls;
    bool is_waiting; /* a WAIT is under way */
    struct loop_task send;
    struct timer timer; /* runs at the earliest deadline */
};

void redis_confirm_init(struct redis_confirm *c, struct core *core, struct redis_link *link,
                        struct redis_confirm_state *state);
/* Answers the calls that are left with UNKNOWN. */
void redis_confirm_done(struct redis_confirm *c);
/* Takes a call that was executed on the connection that the link has now. */
void redis_confirm_add(struct redis_confirm *c, struct broker_call *call);

#endif
