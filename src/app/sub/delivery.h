/* delivery.h - one message on its way to one or many subscriptions of a worker.
 * Thread:  the worker's.
 * Owns:    what subscriptions can share: the head for equal JSON-RPC ids, the text of events, the
 *          deflated message. A writer makes each when the first subscription needs it.
 * Borrows: the message and the worker.
 */
#ifndef EH_APP_DELIVERY_H
#define EH_APP_DELIVERY_H

#include "app/sub/sub_data.h"
#include "proto/ws_deflate.h"

struct delivery {
    struct message *message;
    struct worker *worker;
    struct bytes *event[4]; /* SSE: one for each form (conn_sse.c); NULL: it cannot be made */
    uint32_t n_sent;
    uint32_t deflated_for; /* a bit for each window whose `deflated` was made */
    uint32_t event_for;    /* a bit for each form whose `event` was made */
    uint16_t head_n;       /* WebSocket: `head` serves all subscriptions with the id `id` */
    uint16_t id_n;
    char id[256];
    char head[320];
    /* By bits of the window: the part after the id; NULL: not worth deflating. */
    struct bytes *deflated[WS_DEFLATE_MAX_BITS + 1];
};

void delivery_init(struct delivery *d, struct worker *w, struct message *m);
void delivery_done(struct delivery *d); /* counts what was sent */

/* Sends the message if it is new to the subscription. */
static inline void delivery_send(struct delivery *d, struct sub *s)
{
    struct message *m = d->message;

    if (!m->legacy) {
        if (msgid_cmp(m->id, s->last) <= 0)
            return;
        s->last = m->id;
    }
    if (s->conn->writer->message(s, d))
        d->n_sent++;
}

/* Returns what the deliveries so far have cost, in deliveries: deflating counts as many of them. */
uint64_t delivery_cost(const struct delivery *d);

/* Records the age of a message that was just delivered n times. */
void delivery_observe(struct worker *w, const struct message *m, uint64_t n);

#endif
