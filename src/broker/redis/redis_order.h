/* redis_order.h - remembers which calls of a link have run, so that a refused call is not sent
 * after a later call of the same client.
 * Thread:  the broker's.
 * Owns:    only itself; it is plain data in its user's struct.
 * Use:     calls get rising numbers in the order in which they are sent first. A call that Redis
 *          refused is sent again only if redis_order_permits it.
 * Bounds:  clients share REDIS_ORDER_LANES entries. Two clients that share an entry may refuse a
 *          call unnecessarily, but never allow a wrong order.
 */
#ifndef EH_BROKER_REDIS_ORDER_H
#define EH_BROKER_REDIS_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#define REDIS_ORDER_LANES 256

struct redis_order {
    uint64_t last; /* number given */
    uint64_t ran[REDIS_ORDER_LANES];
};

uint64_t redis_order_next(struct redis_order *o);
/* The call ran, or may have. */
void redis_order_on_ran(struct redis_order *o, uint32_t lane, uint64_t number);
/* Reports whether no call of the lane with a higher number ran. */
bool redis_order_permits(const struct redis_order *o, uint32_t lane, uint64_t number);

#endif
