/* redis_pipeline.h - the commands under way on one connection, in the order of writing, which is
 * that of the answers; and for how long they may be.
 * Thread:  the broker's; takes the time as a parameter, monotonic ms.
 * Owns:    its requests, until they are popped or finished. It is embedded in its user's struct.
 * Time:    a request with a deadline of its own that passes is finished at once (LOST, or NOT_RUN
 *          where Redis refused it); its place is kept, and the answer that still comes is nobody's.
 *          The connection is dead when the oldest has waited for timeout_ms.
 */
#ifndef EH_BROKER_REDIS_PIPELINE_H
#define EH_BROKER_REDIS_PIPELINE_H

#include <stddef.h>

#include "broker/redis/redis_request.h"

#define REDIS_PIPELINE_IDLE UINT64_MAX

struct redis_pipeline {
    struct list sent;
    size_t n_sent;
    struct list refused; /* Redis did not know the script: to be sent again */
    uint64_t timeout_ms;
};

void redis_pipeline_init(struct redis_pipeline *p, uint64_t timeout_ms);

/* It is written now. Returns when to look at it, in ms: its deadline, or when it has timed out. */
uint64_t redis_pipeline_push(struct redis_pipeline *p, struct redis_request *rq, uint64_t now);
struct redis_request *redis_pipeline_pop(struct redis_pipeline *p); /* the oldest; NULL: none */
/* It was popped. Is kept to be sent again, unless nobody waits for it any more. */
void redis_pipeline_refuse(struct redis_pipeline *p, struct redis_request *rq);
struct redis_request *redis_pipeline_pop_refused(struct redis_pipeline *p);

/* Finishes all: what was sent is LOST, what was refused NOT_RUN. */
void redis_pipeline_give_back(struct redis_pipeline *p);

/* Finishes those whose deadlines have passed, which must not use the connection in turn. Returns
 * when to look again, REDIS_PIPELINE_IDLE where nothing waits, or a time that is not after now: the
 * oldest has timed out. */
uint64_t redis_pipeline_check(struct redis_pipeline *p, uint64_t now);

#endif
