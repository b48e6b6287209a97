/* mem_ring.h - places in the embedded log, in id order: one ring for each topic, one over all.
 * Thread:  the broker's; pure data.
 * Owns:    its slots, not the entries. A ring is embedded in its user's struct; {0} is empty.
 * Costs:   pushing and removing at the front O(1) amortized, finding and removing inside O(log n).
 *          A removed place stays as a hole until the ring is built anew, which keeps at most four
 *          slots for each entry.
 */
#ifndef EH_BROKER_MEM_RING_H
#define EH_BROKER_MEM_RING_H

#include <stddef.h>

#include "hub/msgid.h"

struct mem_entry;

struct mem_slot {
    struct msgid id;
    struct mem_entry *entry; /* NULL: a hole */
};

struct mem_ring {
    struct mem_slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t start;
    size_t n;    /* places in use, holes included; the first one is never a hole */
    size_t live; /* without the holes */
};

/* i < r->n, counted from the oldest. */
static inline const struct mem_slot *mem_ring_at(const struct mem_ring *r, size_t i)
{
    return &r->slots[(r->start + i) & (r->cap - 1)];
}

/* How many places have an id <= id: the index of the first one above it. */
size_t mem_ring_upto(const struct mem_ring *r, struct msgid id);
void mem_ring_push(struct mem_ring *r, struct msgid id, struct mem_entry *e); /* id above all */
void mem_ring_remove(struct mem_ring *r, struct msgid id);                    /* id is in it */
void mem_ring_done(struct mem_ring *r);

#endif
