/* reader.h - reads the log for one connection, page by page.
 * Thread:  the connection's worker.
 * Rule:    a page is asked for when the output queue is under half, and each of a connection's two
 *          lanes has one page under way: what comes back (at most a quarter a lane) always has
 *          room. Joins take turns in theirs; eventlog requests, which collect their pages, follow
 *          one after the other in the other, where no join that waits for the broker holds them up.
 * Owns:    a struct reader lives at the start of its user's block, which its on_page frees.
 */
#ifndef EH_APP_READER_H
#define EH_APP_READER_H

#include "app/conn/conn.h"

struct reader {
    struct broker_call call; /* the user fills in the question */
    struct list link;        /* in conn->readers while it waits for its turn */
    struct worker *worker;
    struct conn_ref conn;
    enum reader_lane lane;
    uint64_t deadline; /* monotonic ms; 0: waits until the broker is there */
    /* A page came, or c is NULL: the connection is gone. Takes the page's items; returns whether it
     * wants the next page (never with c NULL), else it has freed itself, or will be started anew.
     */
    bool (*on_page)(struct reader *r, struct conn *c);
};

/* Bounds the pages of a question so that one costs the output queue an eighth at most. */
void reader_bound_page(const struct conn *c, struct broker_history *h);

void reader_start(struct reader *r, struct conn *c);
bool reader_is_waiting(const struct reader *r);
void reader_cancel(struct reader *r); /* one that is waiting; the caller frees it */

/* For conn.c: asks for the next pages if it may; ends all that wait; tells whether any do. */
void readers_init(struct conn *c);
void readers_pump(struct conn *c);
void readers_end(struct conn *c);
bool readers_wait(const struct conn *c);

/* The items of a page, handed out and released one by one. */
typedef void reader_item_fn(struct reader *r, struct message *m);
void reader_take_items(struct reader *r, reader_item_fn *fn); /* fn NULL: thrown away */

#endif
