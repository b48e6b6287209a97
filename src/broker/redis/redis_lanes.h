/* redis_lanes.h - sends publishes and key/value calls, in the order in which each client made them.
 * Thread:  the broker's.
 * Order:   the lane of a call picks its link, always the same one. Each link has its own queue, so
 *          a link that is down holds up only the clients whose lanes lead to it.
 * Batches: the publishes that a link has at the end of a turn of the loop go in one command, within
 *          the bounds of redis_publish.h, and up to the next key/value call.
 * Ok:      with REDIS_WAIT a write is answered ok only when enough replicas have it
 *          (redis_confirm.h).
 * Owns:    a call until it is answered, by its deadline at the latest. Every call must have one.
 */
#ifndef EH_BROKER_REDIS_LANES_H
#define EH_BROKER_REDIS_LANES_H

#include "broker/call.h"

struct redis_lanes;
struct redis_pool;

struct redis_lanes *redis_lanes_create(struct redis_pool *pool);
/* After redis_pool_close. Answers calls that were never sent with NOT_DONE. */
void redis_lanes_free(struct redis_lanes *l);

void redis_lanes_take(struct redis_lanes *l, struct broker_call *call);
void redis_lanes_pump(struct redis_lanes *l); /* sends all calls that can be sent now */

#endif
