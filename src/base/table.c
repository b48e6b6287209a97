/* table.c - open addressing with linear probing, and deletion by shifting back.
 *
 * An item's hash names its home slot; the item is there or in the next free slot after it. A search
 * starts at home and ends at the first free slot, so this invariant must hold: no slot between an
 * item's home and the item is free. Emptying a slot would break it for the items behind. Leaving a
 * tombstone there would keep it, but every removal would make searches longer. So removal closes
 * the gap: it walks on to the next free slot and moves each item back into the gap, unless the gap
 * is before the item's home. For example, a and b have their home in slot 3, c in 5 and d in 4:
 *
 *     slot          3  4  5  6  7
 *     before        a  b  c  d  -
 *     a removed     -  b  c  d  -      b moves to the gap, its home
 *                   b  -  c  d  -      c stays: the gap in 4 is before its home
 *                   b  d  c  -  -      d moves to the gap, its home; 7 is free, so this is the end
 *
 * Slots keep the hash. A search compares keys only where the whole hash is equal, and neither
 * growing nor shifting back looks at the items, which may be cold in the cache.
 */
#include "base/table.h"

#include <stdlib.h>

#include "base/mem.h"

#define CAP_MIN 16

static void put(struct table *t, struct table_slot s)
{
    size_t i = s.hash & (t->cap - 1);

    while (t->slots[i].item)
        i = (i + 1) & (t->cap - 1);
    t->slots[i] = s;
}

static void resize(struct table *t, size_t cap)
{
    struct table_slot *old = t->slots;
    size_t old_cap = t->cap;

    t->slots = mem_zalloc(cap * sizeof(t->slots[0]));
    t->cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].item)
            put(t, old[i]);
    }
    free(old);
}

void table_add(struct table *t, void *item, uint32_t hash)
{
    if (t->count + 1 > t->cap / 4 * 3)
        resize(t, t->cap ? t->cap * 2 : CAP_MIN);
    put(t, (struct table_slot){ item, hash });
    t->count++;
}

void table_remove(struct table *t, const void *item, uint32_t hash)
{
    size_t mask = t->cap - 1;
    size_t i = hash & mask;

    while (t->slots[i].item != item)
        i = (i + 1) & mask;
    for (size_t j = (i + 1) & mask; t->slots[j].item; j = (j + 1) & mask) {
        size_t from_home = (j - t->slots[j].hash) & mask;

        if (from_home < ((j - i) & mask))
            continue; /* its home is behind the gap */
        t->slots[i] = t->slots[j];
        i = j;
    }
    t->slots[i].item = NULL;
    t->count--;
    if (t->cap > CAP_MIN && t->count < t->cap / 8)
        resize(t, t->cap / 2); /* now a quarter full, so it does not soon grow again */
}

void table_done(struct table *t)
{
    free(t->slots);
    *t = (struct table){ 0 };
}
