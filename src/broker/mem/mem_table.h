/* mem_table.h - what the embedded broker keeps by name until it expires: a hash table of texts.
 * Thread:  the broker's; takes the time as a parameter, ms of any clock that never steps back.
 * Owns:    copies of keys and values.
 * Bounds:  `memory` bytes, bookkeeping included. Nothing is pushed out: what does not fit is
 *          refused, and has_room says so beforehand.
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
    struct str key; /* both behind the struct, in the same block */
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

/* NULL: there is none, or it has expired. It lives until the table is changed. */
const struct mem_item *mem_table_get(const struct mem_table *t, struct str key, uint64_t now_ms);

/* Would a set fit? What has expired makes room. */
bool mem_table_has_room(struct mem_table *t, struct str key, size_t value_n, uint64_t now_ms);
/* Adds or replaces; needs has_room. `expires` may be MEM_FOR_EVER. */
void mem_table_set(struct mem_table *t, struct str key, struct str value, uint64_t expires);

bool mem_table_delete(struct mem_table *t, struct str key, uint64_t now_ms); /* was there one? */

/* Removes at most max items that have expired; true: there are more. */
bool mem_table_expire(struct mem_table *t, uint64_t now_ms, size_t max);

#endif
