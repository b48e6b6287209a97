/* conn_sse.h - server-sent events: GET /<topic> by a client that accepts them.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_CONN_SSE_H
#define EH_APP_CONN_SSE_H

#include "app/conn/conn.h"

bool conn_sse_is_wanted(const struct http_request *rq);
/* Refuses the request for a reason that will pass. EventSource gives up for good on every status
 * but 200, so that is the answer, with an event that says why, and the browser comes back. */
void conn_sse_refuse(struct conn *c, const struct http_request *rq, int status, const char *why);
/* Answers the request. If it is accepted, the connection sends events from then on. */
void conn_sse_handle(struct conn *c, const struct http_request *rq);

#endif
