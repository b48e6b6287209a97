/* console.h - the console (ENABLE_CONSOLE): a page at /console/ that is part of the program, and
 * /console/socket, the WebSocket of that page.
 * Thread:  the connection's worker.
 * Rule:    served where health and metrics are served (routes.h), to pages of the server's own
 *          origin: ALLOWED_ORIGINS does not apply, and the answers have no CORS lines.
 */
#ifndef EH_APP_CONSOLE_H
#define EH_APP_CONSOLE_H

#include "app/conn/conn.h"

/* Answers the request if its path is /console or below it and the console is served here. False: it
 * is for another handler, or for the socket. */
bool console_handle(struct conn *c, const struct http_request *rq);

/* Reports whether the request is for the socket: a handshake, GET or HEAD. */
bool console_is_socket(const struct conn *c, const struct http_request *rq);
/* Answers a GET for the socket with the error that a handshake with the same token would get, or
 * with 426 if it would succeed. Browsers do not tell a page why a handshake failed, so the
 * page asks again. */
void console_explain(struct conn *c, const struct http_request *rq);
/* Reports whether a page that this server serves sent the request. */
bool console_is_own_page(const struct conn *c, const struct http_request *rq);

#endif
