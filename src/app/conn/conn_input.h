/* conn_input.h - handles the input of a connection as far as its bounds allow, and counts what
 * bounds it: the calls to the broker that are not answered.
 * Thread:  the connection's worker.
 * Bounds:  CONN_MAX_PENDING unanswered requests of one connection, CONN_MAX_PENDING_BYTES of all,
 *          and the share of the output queue that conn_budget_requests allows.
 */
#ifndef EH_APP_CONN_INPUT_H
#define EH_APP_CONN_INPUT_H

#include "app/conn/conn_data.h"

#define CONN_MAX_PENDING       256                 /* unanswered requests of one connection */
#define CONN_MAX_PENDING_BYTES (64u * 1024 * 1024) /* of all connections of a worker */

/* Handles bytes that were read. Ignores them if the connection no longer reads. */
void conn_input(struct conn *c, char *p, size_t n);
/* Reads on if the connection is throttled and no longer needs to be. */
void conn_read_on(struct conn *c);
/* Leaves the rest of the input for a later turn, because the last step was expensive. */
void conn_yield(struct conn *c);
/* Reports whether the next request of a batch must wait. If so, the protocol's resume is called
 * later. */
bool conn_must_wait(struct conn *c);

/* Both count a call to the broker: it begins, or was answered. `bytes` is the memory that it holds.
 * A caller that expects a large answer also adds its size to c->expected, so that no more is asked
 * for at a time than the output queue can take. */
void conn_call_began(struct conn *c, size_t bytes);
void conn_call_ended(struct worker *w, struct conn *c, size_t bytes); /* c NULL: it is gone */

#endif
