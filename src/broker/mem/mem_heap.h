/* mem_heap.h - what will expire, the next to expire first: a binary heap.
 * Thread:  the broker's; pure data.
 * Owns:    its array, not the things: a struct mem_expiry lives in the struct that it is about and
 *          must be removed before that is freed. {0} is an empty heap.
 * Costs:   adding and removing O(log n), looking at the first O(1).
 */
#ifndef EH_BROKER_MEM_HEAP_H
#define EH_BROKER_MEM_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define MEM_FOR_EVER UINT64_MAX /* an expiry that never comes: such things are in no heap */

struct mem_expiry {
    uint64_t at;  /* ms */
    size_t index; /* in the heap */
};

struct mem_heap {
    struct mem_expiry **items;
    size_t n;
    size_t cap;
};

void mem_heap_add(struct mem_heap *h, struct mem_expiry *x);    /* does nothing for MEM_FOR_EVER */
void mem_heap_remove(struct mem_heap *h, struct mem_expiry *x); /* ... also */
void mem_heap_done(struct mem_heap *h);

/* The next to expire, if it has expired at now_ms; else NULL. */
struct mem_expiry *mem_heap_due(const struct mem_heap *h, uint64_t now_ms);

/* now_ms and ttl_s later; MEM_FOR_EVER for 0 and for what lies beyond time. */
uint64_t mem_expiry_after(uint64_t now_ms, uint64_t ttl_s);

#endif
