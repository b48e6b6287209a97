/* redis_plans.h - plans between two pages. A plan is found by the question for its next page. One
 * that is not found is made anew from that question.
 * Thread:  the broker's; pure.
 * Owns:    the plans that it keeps.
 * Bounds:  REDIS_PLANS_BYTES for all plans, and REDIS_PLANS_MS for each: a client that reads slowly
 *          does not hold names and entries.
 */
#ifndef EH_BROKER_REDIS_PLANS_H
#define EH_BROKER_REDIS_PLANS_H

#include "base/list.h"
#include "broker/redis/redis_plan.h"

#define REDIS_PLANS_BYTES ((size_t)64 * 1024 * 1024)
#define REDIS_PLANS_MS    2000

struct redis_plans {
    struct list kept; /* the oldest first */
    size_t bytes;
};

void redis_plans_init(struct redis_plans *ps);
void redis_plans_done(struct redis_plans *ps);

void redis_plans_keep(struct redis_plans *ps, struct redis_plan *p, uint64_t now_ms);
/* Removes the plan to which this question for the next page belongs. The caller owns it. Returns
 * NULL if no such plan is kept. */
struct redis_plan *redis_plans_take(struct redis_plans *ps, const struct broker_history *h,
                                    const struct interest *wanted);
void redis_plans_expire(struct redis_plans *ps, uint64_t now_ms); /* called now and then */

#endif
