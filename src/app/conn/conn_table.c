#include "app/conn/conn_table.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"

#define NO_SLOT UINT32_MAX

void conn_table_init(struct conn_table *t, void (*on_empty)(struct conn_table *t))
{
    *t = (struct conn_table){ .free_slot = NO_SLOT, .on_empty = on_empty };
}

void conn_table_done(struct conn_table *t)
{
    free(t->slots);
    t->slots = NULL;
}

struct conn_ref conn_table_add(struct conn_table *t, struct conn *c)
{
    struct conn_slot *slot;
    uint32_t i = t->free_slot;

    if (i == NO_SLOT) {
        i = t->n_slots++;
        if ((i & (i - 1)) == 0) /* full at each power of two */
            t->slots = mem_array(t->slots, i ? (size_t)i * 2 : 1, sizeof(t->slots[0]));
        t->slots[i] = (struct conn_slot){ .generation = 1, .next_free = NO_SLOT };
    }
    slot = &t->slots[i];
    t->free_slot = slot->next_free;
    slot->conn = c;
    t->n_conns++;
    return (struct conn_ref){ .slot = i, .generation = slot->generation };
}

void conn_table_remove(struct conn_table *t, struct conn_ref ref)
{
    struct conn_slot *slot = &t->slots[ref.slot];

    assert(slot->conn && slot->generation == ref.generation);
    slot->conn = NULL;
    slot->generation++;
    slot->next_free = t->free_slot;
    t->free_slot = ref.slot;
    if (--t->n_conns == 0)
        t->on_empty(t);
}

struct conn *conn_table_find(const struct conn_table *t, struct conn_ref ref)
{
    const struct conn_slot *slot = &t->slots[ref.slot];

    return slot->generation == ref.generation ? slot->conn : NULL;
}

struct conn *conn_table_next(const struct conn_table *t, uint32_t *slot)
{
    while (*slot < t->n_slots) {
        struct conn *c = t->slots[(*slot)++].conn;

        if (c)
            return c;
    }
    return NULL;
}
