/* redis_queue.h - calls that wait until they can be written, oldest first.
 * Thread:  the broker's.
 * Owns:    a call from push to pop. One whose deadline passes meanwhile is answered NOT_DONE; the
 *          calls of one queue all have a deadline, about equally far ahead of their arrival (so the
 *          first is the first to expire), or none has.
 */
#ifndef EH_BROKER_REDIS_QUEUE_H
#define EH_BROKER_REDIS_QUEUE_H

#include "broker/core.h"

struct redis_queue {
    struct core *core;
    struct list calls;
    struct timer expiry;
};

void redis_queue_init(struct redis_queue *q, struct core *core);
void redis_queue_done(struct redis_queue *q); /* answers what is left NOT_DONE */

void redis_queue_push(struct redis_queue *q, struct broker_call *call);
void redis_queue_push_front(struct redis_queue *q, struct broker_call *call);

/* The first that has not expired, still in the queue; NULL: none. */
struct broker_call *redis_queue_first(struct redis_queue *q);
struct broker_call *redis_queue_pop(struct redis_queue *q);

#endif
