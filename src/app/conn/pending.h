/* pending.h - one request of a client that waits for the broker.
 * Thread:  the connection's worker.
 * Owns:    itself: one block, allocated by the caller together with copies of the texts that the
 *          call and the reply need; freed after `done`.
 * Bounds:  counted in the connection's and the worker's limits (conn.h) until it is answered.
 */
#ifndef EH_APP_PENDING_H
#define EH_APP_PENDING_H

#include "app/conn/conn.h"
#include "app/conn/reply.h"

struct pending {
    struct broker_call call;
    struct worker *worker;
    struct conn_ref conn;
    size_t bytes;    /* of the block */
    size_t expected; /* bytes that a large answer may have; counted in conn->expected */
    /* Runs on the worker. c is NULL if the client hung up. Whatever of the reply is not sent
     * here is dropped afterwards. */
    void (*done)(struct pending *p, struct conn *c);
    struct reply reply; /* its id lies in the block */
};

void pending_start(struct pending *p, struct conn *c, enum broker_op op);

#endif
