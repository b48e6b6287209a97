/* redis_eviction.h - watches whether Redis may delete messages before they expire, because of its
 * maxmemory-policy. Logs it once for each policy, and sets the metric redis_evicts.
 * Thread:  the broker's.
 * Rights:  without the right to run INFO the policy is not known, and the metric stays 0.
 */
#ifndef EH_BROKER_REDIS_EVICTION_H
#define EH_BROKER_REDIS_EVICTION_H

#include "hub/metrics.h"

struct redis_link;

struct redis_eviction {
    struct metrics_cell *metrics;
    const struct redis_link *asked; /* the link asked last; only compared */
    char policy[24];                /* the last one that was logged; "": Redis does not evict */
};

/* Asks when a link has come up, and again from time to time: the policy may be changed while Redis
 * runs. Needs redis_link_can_send. */
void redis_eviction_ask(struct redis_eviction *e, struct redis_link *link);

#endif
