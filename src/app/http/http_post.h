/* http_post.h - POST /<topic>: publishes the body as it is.
 * Thread:  the connection's worker.
 * Bounds:  those of http_later.h. The broker then has BROKER_TIMEOUT.
 */
#ifndef EH_APP_HTTP_POST_H
#define EH_APP_HTTP_POST_H

#include "app/conn/conn.h"

/* Handles the head. If it is accepted, the connection reads the body, publishes it, answers, and
 * then returns to its current protocol. */
void http_post_handle(struct conn *c, const struct http_request *rq);

#endif
