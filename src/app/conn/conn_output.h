/* conn_output.h - what a connection sends, within the bound of its output queue
 * (MAX_OUTPUT_QUEUE).
 * Thread:  the connection's worker.
 * Rule:    output that does not fit is not queued, and the connection ends with this turn: a
 *          WebSocket with Close 1013, any other without notice.
 */
#ifndef EH_APP_CONN_OUTPUT_H
#define EH_APP_CONN_OUTPUT_H

#include "app/conn/conn_data.h"

/* Queues one unit (net/stream.h). False: it was not queued, because there was no room or because
 * the connection may no longer send. */
bool conn_send(struct conn *c, struct str head, struct shared *owner, struct str body);
bool conn_is_half_full(const struct conn *c); /* the queue alone */
/* Reports whether the queue has room for that many bytes, besides the answers that a batch
 * collects. */
bool conn_has_room(const struct conn *c, size_t bytes);
/* Ends the connection as conn_send does when there is no room. */
void conn_overflow(struct conn *c);

/* Returns the bytes of everything that waits for the client: the output queue, collected answers,
 * and what is held back. */
size_t conn_waiting(const struct conn *c);

/* Blocks that are held back for the client, outside the queue. They count like the queue. Unlike
 * conn_has_room, conn_may_hold makes no exception for an empty queue. */
bool conn_may_hold(const struct conn *c, size_t more);
void conn_hold(struct conn *c, struct shared *owner, size_t bytes); /* counts; owns nothing */
void conn_release(struct conn *c, struct shared *owner, size_t bytes);

#endif
