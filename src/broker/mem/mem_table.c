#include "broker/mem/mem_table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"

#define MIN_CHAINS 64

/* Bytes of an item besides its text: the block, the overhead of malloc, two chains (half
 * of them may be empty) and its slot in the heap. */
#define MALLOC_COST 16
#define ITEM_COST                                                                                  \
    (sizeof(struct mem_item) + MALLOC_COST + 2 * sizeof(struct mem_item *) +                       \
     2 * sizeof(struct mem_expiry *))

static uint64_t item_cost(size_t key_n, size_t value_n)
{
    return ITEM_COST + key_n + value_n;
}

static struct mem_item **chain_of(const struct mem_table *t, struct str key)
{
    return &t->chains[siphash(&t->hash_key, 0, key) & (t->n_chains - 1)];
}

/* Returns the link that points to the item, or NULL. */
static struct mem_item **find(const struct mem_table *t, struct str key)
{
    struct mem_item **link;

    if (t->n_chains == 0)
        return NULL;
    link = chain_of(t, key);
    while (*link && !str_eq((*link)->key, key))
        link = &(*link)->next;
    return *link ? link : NULL;
}

static void remove_at(struct mem_table *t, struct mem_item **link)
{
    struct mem_item *item;

    assert(link);
    item = *link;
    *link = item->next;
    mem_heap_remove(&t->expiring, &item->expiry);
    t->bytes -= item_cost(item->key.n, item->value.n);
    t->n--;
    free(item);
}

static void grow(struct mem_table *t)
{
    struct mem_item **old = t->chains;
    size_t n_old = t->n_chains;

    t->n_chains = n_old ? 2 * n_old : MIN_CHAINS;
    t->chains = mem_zalloc(t->n_chains * sizeof(t->chains[0]));
    for (size_t i = 0; i < n_old; i++) {
        struct mem_item *next;

        for (struct mem_item *item = old[i]; item; item = next) {
            struct mem_item **chain = chain_of(t, item->key);

            next = item->next;
            item->next = *chain;
            *chain = item;
        }
    }
    free(old);
}

static struct mem_item *item_create(struct str key, struct str value)
{
    struct mem_item *item = mem_alloc(sizeof(*item) + key.n + value.n);
    char *text = (char *)(item + 1);

    item->key = str_make(text, key.n);
    item->value = str_make(text + key.n, value.n);
    memcpy(text, key.p, key.n);
    if (value.n)
        memcpy(text + key.n, value.p, value.n);
    return item;
}

const struct mem_item *mem_table_get(const struct mem_table *t, struct str key, uint64_t now_ms)
{
    struct mem_item **link = find(t, key);

    return link && (*link)->expiry.at > now_ms ? *link : NULL;
}

static bool fits(const struct mem_table *t, struct str key, size_t value_n)
{
    struct mem_item **link = find(t, key);
    uint64_t replaced = link ? item_cost(key.n, (*link)->value.n) : 0;

    return t->bytes - replaced + item_cost(key.n, value_n) <= t->memory;
}

bool mem_table_has_room(struct mem_table *t, struct str key, size_t value_n, uint64_t now_ms)
{
    while (!fits(t, key, value_n)) {
        if (!mem_heap_due(&t->expiring, now_ms))
            return false;
        mem_table_expire(t, now_ms, 1);
    }
    return true;
}

void mem_table_set(struct mem_table *t, struct str key, struct str value, uint64_t expires)
{
    struct mem_item **link = find(t, key);
    struct mem_item *item = item_create(key, value);
    struct mem_item **chain;

    if (link)
        remove_at(t, link);
    if (t->n == t->n_chains)
        grow(t);
    chain = chain_of(t, item->key);
    item->next = *chain;
    *chain = item;
    item->expiry.at = expires;
    mem_heap_add(&t->expiring, &item->expiry);
    t->bytes += item_cost(key.n, value.n);
    t->n++;
    assert(t->bytes <= t->memory);
}

bool mem_table_delete(struct mem_table *t, struct str key, uint64_t now_ms)
{
    struct mem_item **link = find(t, key);
    bool was_there = link && (*link)->expiry.at > now_ms;

    if (link)
        remove_at(t, link);
    return was_there;
}

bool mem_table_expire(struct mem_table *t, uint64_t now_ms, size_t max)
{
    struct mem_expiry *x;

    while ((x = mem_heap_due(&t->expiring, now_ms))) {
        if (max-- == 0)
            return true;
        remove_at(t, find(t, container_of(x, struct mem_item, expiry)->key));
    }
    return false;
}

void mem_table_init(struct mem_table *t, uint64_t memory)
{
    *t = (struct mem_table){ .memory = memory, .hash_key = siphash_key_random() };
}

void mem_table_done(struct mem_table *t)
{
    for (size_t i = 0; i < t->n_chains; i++) {
        struct mem_item *next;

        for (struct mem_item *item = t->chains[i]; item; item = next) {
            next = item->next;
            free(item);
        }
    }
    free(t->chains);
    mem_heap_done(&t->expiring);
    *t = (struct mem_table){ 0 };
}
