/* redis_queue.h - calls that wait until they can be sent, oldest first.
 * Thread:  the broker's.
 * Owns:    a call from push to pop. A call whose deadline passes meanwhile is answered NOT_DONE.
 * Needs:   either no call of a queue has a deadline, or all have one about equally long after they
 *          arrived: the first call is then the first to expire.
 */
#ifndef EH_BROKER_REDIS_QUEUE_H
#define EH_BROKER_REDIS_QUEUE_H

#include "broker/core.h"

struct redis_queue {
    struct core *core;
    struct list calls;
    struct timer expiry;
};

static inline struct broker_call *redis_queue_call(struct list *link)
{
    return container_of(link, struct broker_call, mail.link);
}

void redis_queue_init(struct redis_queue *q, struct core *core);
void redis_queue_done(struct redis_queue *q); /* answers the remaining calls with NOT_DONE */

void redis_queue_push(struct redis_queue *q, struct broker_call *call);
void redis_queue_push_front(struct redis_queue *q, struct broker_call *call);

/* Returns the first call that has not expired and leaves it in the queue; NULL: no call is left. */
struct broker_call *redis_queue_first(struct redis_queue *q);
struct broker_call *redis_queue_pop(struct redis_queue *q);

#endif
