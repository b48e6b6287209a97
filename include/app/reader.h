/* reader.h - reads the log for one connection, page by page.
 * Thread:  the connection's worker.
 * Rule:    a connection has one page under way at a time, asked for when its output queue is under
 *          half, so that what comes back always has room; its readers take turns. A reader that
 *          collects its pages (eventlog) keeps the turn until it is done, so that one connection
 *          holds one collection at most.
 * Owns:    a struct reader lives at the start of its user's block, which its on_page frees.
 */
#ifndef EH_APP_READER_H
#define EH_APP_READER_H

#include "app/conn.h"

struct reader {
    struct broker_call call; /* the user fills in the question */
    struct list link;        /* in conn->readers while it waits for its turn */
    struct worker *worker;
    struct conn_ref conn;
    uint64_t timeout_ms; /* of each page; 0: waits until the broker is there */
    bool keeps_turn;
    /* A page came, or c is NULL: the connection is gone. Takes the page's items; returns whether it
     * wants the next page (never with c NULL), else it has freed itself. */
    bool (*on_page)(struct reader *r, struct conn *c);
};

/* How many bytes a page may have. */
uint32_t reader_page_bytes(const struct conn *c);

void reader_start(struct reader *r, struct conn *c);
bool reader_is_waiting(const struct reader *r);
void reader_cancel(struct reader *r); /* one that is waiting; the caller frees it */

/* For conn.c: asks for the next page if it may; ends all that wait. */
void readers_pump(struct conn *c);
void readers_end(struct conn *c);

/* The items of a page, handed out and released one by one. */
typedef void reader_item_fn(struct reader *r, struct message *m);
void reader_take_items(struct reader *r, reader_item_fn *fn); /* fn NULL: thrown away */

#endif
