/* redis_pipeline.h - the commands under way on one connection, in the order in which they were
 * written, which is also the order of their answers; and their deadlines.
 * Thread:  the broker's; takes the time (loop_now) as a parameter.
 * Owns:    its requests until they are popped or finished. It is embedded in its user's struct.
 * Order:   a refused request keeps its number, so that refused requests are sent again in the order
 *          in which they were sent first, however often some of them are refused.
 * Time:    when the deadline of a request passes, its caller gets UNKNOWN at once, or NOT_DONE if
 *          Redis had refused it. Its place is kept, so that its late answer goes to nobody else.
 *          When the oldest request has waited for timeout_ms, the connection is dead.
 */
#ifndef EH_BROKER_REDIS_PIPELINE_H
#define EH_BROKER_REDIS_PIPELINE_H

#include <stddef.h>

#include "broker/redis/redis_request.h"

#define REDIS_PIPELINE_IDLE UINT64_MAX

struct redis_pipeline {
    struct list sent;
    size_t n_sent;
    size_t n_calls;      /* how many of those are calls */
    uint64_t n_pushed;   /* numbers the requests */
    struct list refused; /* Redis certainly did not run them: to be sent again, in this order */
    uint64_t timeout_ms;
};

void redis_pipeline_init(struct redis_pipeline *p, uint64_t timeout_ms);

/* Appends a request that is being written now. Returns when to check it: at its deadline, or when
 * it times out. */
uint64_t redis_pipeline_push(struct redis_pipeline *p, struct redis_request *rq, uint64_t now);
struct redis_request *redis_pipeline_pop(struct redis_pipeline *p); /* the oldest; NULL: none */
/* The oldest request got an answer, not an error. Returns true if more are to come, so that it
 * stays. */
bool redis_pipeline_expects_more(struct redis_pipeline *p);
/* Keeps a request that was popped, to be sent again; finishes it if nobody waits for it. */
void redis_pipeline_refuse(struct redis_pipeline *p, struct redis_request *rq);
struct redis_request *redis_pipeline_pop_refused(struct redis_pipeline *p); /* the first; NULL */
struct redis_request *redis_pipeline_first_refused(const struct redis_pipeline *p); /* NULL: none */

/* Finishes all requests that were sent with UNKNOWN, because their connection is lost. Refused
 * calls stay; other refused requests are finished with NOT_DONE. */
void redis_pipeline_lose(struct redis_pipeline *p);
/* Finishes all requests: those that were sent with UNKNOWN, the refused ones with NOT_DONE. */
void redis_pipeline_give_back(struct redis_pipeline *p);

/* Gives up requests whose deadlines have passed. Their callbacks may send more, but must not drop
 * the connection. Returns when to check again, REDIS_PIPELINE_IDLE if nothing waits, or a time that
 * is not after now: the oldest request has timed out. */
uint64_t redis_pipeline_check(struct redis_pipeline *p, uint64_t now);

#endif
