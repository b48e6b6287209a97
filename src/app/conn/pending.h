/* pending.h - one request of a client that waits for the broker.
 * Thread:  the connection's worker.
 * Owns:    itself, in one block with copies of the texts that the call needs; it is freed when the
 *          answer was handled. Its reply holds a copy of the request's id.
 * Bounds:  it counts towards the connection's n_pending and the worker's pending_bytes.
 */
#ifndef EH_APP_PENDING_H
#define EH_APP_PENDING_H

#include "app/conn/order.h"
#include "app/conn/reply.h"
#include "broker/broker.h"

struct pending {
    struct broker_call call;
    struct order order;
    struct conn_ref conn;
    size_t bytes;    /* the size of the block */
    size_t expected; /* bytes that the answer may have; counted in conn->expected until then */
    /* Runs on the worker when the broker has answered; c is NULL if the connection is gone.
     * Afterwards the reply is dropped, unless it was sent, and the pending is freed. */
    void (*done)(struct pending *p, struct conn *c);
    void *owner; /* for `done`; NULL: the reply is all that it needs */
    struct reply reply;
    char *end; /* of the texts copied so far */
    char texts[];
};

/* Creates a pending with room for `text_bytes` of texts besides the request's id, and takes the
 * reply along. A notification's reply stays with the caller. */
struct pending *pending_create(struct reply *reply, size_t text_bytes);
/* Copies a text into the block, which must have room for it. */
struct str pending_copy(struct pending *p, struct str text);

/* Hands the call to the broker, behind the connection's subscriptions that are not live yet
 * (order.h). It is answered within BROKER_TIMEOUT: NOT_DONE if it still waits then. */
void pending_start(struct pending *p, struct conn *c, enum broker_op op);

uint64_t pending_timeout_ms(const struct worker *w); /* BROKER_TIMEOUT */

#endif
