/* mem_ring.h - entries of the log in id order: one ring for each topic, and one over all topics.
 * Thread:  the broker's; pure data.
 * Owns:    its slots, not the entries. A ring is embedded in its user's struct; {0} is empty.
 * Costs:   pushing, and removing at the front: O(1) amortized. Finding, and removing elsewhere:
 *          O(log n). A removed slot stays as an empty slot until the ring is rebuilt; there are at
 *          most four slots for each entry.
 */
#ifndef EH_BROKER_MEM_RING_H
#define EH_BROKER_MEM_RING_H

#include <stddef.h>

#include "hub/msgid.h"

struct mem_entry;

struct mem_slot {
    struct msgid id;
    struct mem_entry *entry; /* NULL: removed */
};

struct mem_ring {
    struct mem_slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t start;
    size_t n;    /* slots in use, empty ones included; the first is never empty */
    size_t live; /* entries: n without the empty slots */
};

/* Returns slot i, counted from the oldest; i < r->n. */
static inline const struct mem_slot *mem_ring_at(const struct mem_ring *r, size_t i)
{
    return &r->slots[(r->start + i) & (r->cap - 1)];
}

/* Returns how many slots have an id <= id, which is the index of the first slot above it. */
size_t mem_ring_upto(const struct mem_ring *r, struct msgid id);
struct msgid mem_ring_last(const struct mem_ring *r); /* the highest id; there is an entry */
void mem_ring_push(struct mem_ring *r, struct msgid id, struct mem_entry *e); /* above all ids */
void mem_ring_remove(struct mem_ring *r, struct msgid id);                    /* must be there */
void mem_ring_done(struct mem_ring *r);

#endif
