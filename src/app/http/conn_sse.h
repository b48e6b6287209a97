/* conn_sse.h - server-sent events: GET /<topic> by a client that accepts them.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_CONN_SSE_H
#define EH_APP_CONN_SSE_H

#include "app/conn/conn.h"

/* Answers the request. If it is accepted, the connection sends events from then on. */
void conn_sse_handle(struct conn *c, const struct http_request *rq);

#endif
