/* http_post.h - POST /<topic>: publishes the body as it is.
 * Thread:  the connection's worker.
 * Bounds:  a body of MAX_MESSAGE_SIZE, which must arrive within WEBSOCKET_HANDSHAKE_TIMEOUT after
 *          the head (408). The broker then has BROKER_TIMEOUT. One request at a time: later input
 *          waits until the request is answered.
 */
#ifndef EH_APP_HTTP_POST_H
#define EH_APP_HTTP_POST_H

#include "app/conn/conn.h"

/* Handles the head. If it is accepted, the connection reads the body, publishes it, answers, and
 * then returns to its current protocol. */
void http_post_handle(struct conn *c, const struct http_request *rq);

#endif
