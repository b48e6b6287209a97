/* mem_heap.h - a binary heap of expiries, the next one first.
 * Thread:  the broker's; pure data.
 * Owns:    its array, not the items: a struct mem_expiry is embedded in the struct that expires and
 *          must be removed before that is freed. {0} is an empty heap.
 * Costs:   adding and removing O(log n), looking at the first O(1).
 */
#ifndef EH_BROKER_MEM_HEAP_H
#define EH_BROKER_MEM_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define MEM_FOR_EVER UINT64_MAX /* never expires: kept out of the heap */

struct mem_expiry {
    uint64_t at;  /* ms */
    size_t index; /* in the heap */
};

struct mem_heap {
    struct mem_expiry **items;
    size_t n;
    size_t cap;
};

/* Both do nothing for an item that never expires. */
void mem_heap_add(struct mem_heap *h, struct mem_expiry *x);
void mem_heap_remove(struct mem_heap *h, struct mem_expiry *x);
void mem_heap_done(struct mem_heap *h);

/* Returns the first item if it has expired at now_ms, else NULL. */
struct mem_expiry *mem_heap_due(const struct mem_heap *h, uint64_t now_ms);

/* Returns now_ms + ttl_s; MEM_FOR_EVER if ttl_s is 0 or the sum does not fit. */
uint64_t mem_expiry_after(uint64_t now_ms, uint64_t ttl_s);

#endif
