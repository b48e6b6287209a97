/* table.h - a hash table of pointers, by open addressing.
 * Thread:  its owner's.
 * Owns:    its slots; an empty table that never held an item has no memory.
 * Borrows: the items. Their user hashes and compares the keys, and removes an item before freeing
 *          it. Where peers choose the keys, the hash is a keyed one (base/siphash.h).
 * Costs:   16 bytes a slot, so 21 to 43 bytes an item while it grows. The table doubles at three
 *          quarters full and halves below one eighth, each in a single step.
 * Fails:   never (base/mem aborts).
 */
#ifndef EH_BASE_TABLE_H
#define EH_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
    void *item; /* NULL: free */
    uint32_t hash;
};

struct table { /* {0} is empty */
    struct table_slot *slots;
    size_t cap; /* 0, or a power of two */
    size_t count;
};

typedef bool table_equal_fn(const void *item, const void *key);

/* Returns the item with this hash and key, or NULL. Inline, so that the comparison is inlined
 * too. */
static inline void *table_find(const struct table *t, uint32_t hash, table_equal_fn *is_equal,
                               const void *key)
{
    if (t->count == 0)
        return NULL;
    for (size_t i = hash & (t->cap - 1); t->slots[i].item; i = (i + 1) & (t->cap - 1)) {
        if (t->slots[i].hash == hash && is_equal(t->slots[i].item, key))
            return t->slots[i].item;
    }
    return NULL;
}

void table_add(struct table *t, void *item, uint32_t hash); /* its key must not be in the table */
void table_remove(struct table *t, const void *item, uint32_t hash); /* which must be in it */
void table_done(struct table *t); /* frees the slots, not the items; the table is empty again */

#endif
