/* order.h - keeps the requests of a WebSocket behind the subscriptions that the client made before
 * them and that are not live yet (order.c explains why).
 * Thread:  the connection's worker.
 * Owns:    nothing: a struct order is part of the request or of the subscription.
 * Bounds:  what waits counts as an unanswered request of its connection (conn_input.h).
 */
#ifndef EH_APP_ORDER_H
#define EH_APP_ORDER_H

#include "app/conn/conn_data.h"

struct order {
    struct list link;  /* in conn->order */
    struct list timed; /* in worker->held, while a request waits */
    uint64_t deadline; /* loop_now */
    struct conn *conn;
    /* Lets the request go on. is_late: its deadline has passed, and nothing was done; the request
     * is answered with an error. NULL: a subscription. */
    void (*go)(struct order *o, bool is_late);
};

/* A subscription was made: later requests wait until order_end. */
void order_begin(struct conn *c, struct order *o);
/* The subscription is live or closed: the requests go on that waited for it alone. Does nothing
 * unless order_begin was called. */
void order_end(struct order *o);
/* `by` takes the place of `o` in the queue; both are subscriptions, or not in it. */
void order_replace(struct order *o, struct order *by);
/* Returns true if the request must wait; o->go is then called once, at the latest when its deadline
 * has passed (after_ms from now). The connection lives until then. */
bool order_must_wait(struct conn *c, struct order *o, uint64_t after_ms) EH_MUST_USE;

void order_init(struct worker *w);

#endif
