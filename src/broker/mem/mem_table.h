/* mem_table.h - a hash table from text to text whose items expire.
 * Thread:  the broker's; the time is a parameter, in ms of any clock that never steps back.
 * Owns:    copies of keys and values.
 * Bounds:  `memory` bytes, bookkeeping included. Nothing is evicted before it expires: ask
 *          mem_table_has_room before a set.
 */
#ifndef EH_BROKER_MEM_TABLE_H
#define EH_BROKER_MEM_TABLE_H

#include <stdbool.h>

#include "base/siphash.h"
#include "base/str.h"
#include "broker/mem/mem_heap.h"

struct mem_item {
    struct mem_item *next; /* in its chain */
    struct mem_expiry expiry;
    struct str key; /* key and value follow the struct in the same block */
    struct str value;
};

struct mem_table {
    struct siphash_key hash_key;
    struct mem_item **chains;
    size_t n_chains; /* a power of two, or 0 */
    size_t n;
    uint64_t bytes;
    uint64_t memory;
    struct mem_heap expiring;
};

void mem_table_init(struct mem_table *t, uint64_t memory);
void mem_table_done(struct mem_table *t);

/* Returns NULL if the key is unknown or has expired. The item is valid until the table changes. */
const struct mem_item *mem_table_get(const struct mem_table *t, struct str key, uint64_t now_ms);

/* True if a set would fit. Removes expired items to make room. */
bool mem_table_has_room(struct mem_table *t, struct str key, size_t value_n, uint64_t now_ms);
/* Adds or replaces the item, for which there must be room. `expires` may be MEM_FOR_EVER. */
void mem_table_set(struct mem_table *t, struct str key, struct str value, uint64_t expires);

bool mem_table_delete(struct mem_table *t, struct str key, uint64_t now_ms); /* true: it existed */

/* Removes at most max expired items; true: there are more. */
bool mem_table_expire(struct mem_table *t, uint64_t now_ms, size_t max);

#endif
