/* reader.h - reads the log for one connection, page by page.
 * Thread:  the connection's worker.
 * Owns:    nothing: a struct reader is at the start of its user's block, which on_page frees.
 * Bounds:  a page is asked for only while the output queue is less than half full, and each kind
 *          of reader has one page under way, of at most a quarter of MAX_OUTPUT_QUEUE. So the
 *          pages that come back always have room (reader.c).
 */
#ifndef EH_APP_READER_H
#define EH_APP_READER_H

#include "app/conn/conn.h"
#include "app/conn/order.h"
#include "broker/broker.h"

struct reader {
    struct broker_call call; /* the user fills in call.history */
    struct list link;        /* in a queue of the connection while it waits for its turn */
    struct order order;      /* READER_QUERY: waits before that for subscriptions to be live */
    struct worker *worker;
    struct conn_ref conn;
    enum reader_kind kind;
    uint64_t deadline; /* loop_now of the worker; 0: waits until the broker is available */
    /* Called when a page has arrived, or (c NULL) the connection is gone. Takes the page's items.
     * Returns true if it wants the next page, never with c NULL; otherwise it has freed the reader,
     * or keeps it for another reader_start. */
    bool (*on_page)(struct reader *r, struct conn *c);
};

/* Bounds the pages of a request, so that one costs at most a quarter of the output queue. */
void reader_bound_page(const struct conn *c, struct broker_history *h);

void reader_start(struct reader *r, struct conn *c);
bool reader_is_waiting(const struct reader *r);
void reader_cancel(struct reader *r); /* r must be waiting; the caller frees it */

/* Asks for the next pages of a connection's readers as far as the bounds allow. The connection
 * calls it again when readers still wait and the output queue has room (conn->wants_room). */
void readers_pump(struct conn *c);
void readers_end(struct conn *c); /* ends the readers that wait */

/* Hands out the items of a page one by one and releases them. */
typedef void reader_item_fn(struct reader *r, struct message *m);
void reader_take_items(struct reader *r, reader_item_fn *fn); /* fn NULL: only releases them */

#endif
