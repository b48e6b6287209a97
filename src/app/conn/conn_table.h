/* conn_table.h - the connections of one worker by slot, and the tickets that find them.
 * Thread:  the worker's. A ticket may travel between threads; a pointer to a connection may not.
 * Owns:    the slots; not the connections.
 * Rule:    a slot gets a new generation whenever its connection leaves, so a ticket never finds
 *          another connection in the same place.
 */
#ifndef EH_APP_CONN_TABLE_H
#define EH_APP_CONN_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct conn;

/* A ticket: it finds the connection again, or shows that the connection is gone. */
struct conn_ref {
    uint32_t slot;
    uint32_t generation;
};

struct conn_slot {
    struct conn *conn; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct conn_table {
    struct conn_slot *slots;
    uint32_t n_slots;   /* slots that were ever used */
    uint32_t free_slot; /* head of the free list, or UINT32_MAX */
    uint32_t n_conns;
    void (*on_empty)(struct conn_table *t); /* the last connection left */
};

void conn_table_init(struct conn_table *t, void (*on_empty)(struct conn_table *t));
void conn_table_done(struct conn_table *t);
struct conn_ref conn_table_add(struct conn_table *t, struct conn *c);
void conn_table_remove(struct conn_table *t, struct conn_ref ref);
/* Returns the connection of this ticket; NULL: it is gone. */
struct conn *conn_table_find(const struct conn_table *t, struct conn_ref ref);

/* Returns the next connection; *slot is 0 at the start. NULL: there are no more. Connections may be
 * removed between the calls. */
struct conn *conn_table_next(const struct conn_table *t, uint32_t *slot);

#endif
