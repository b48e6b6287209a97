/* api.h - the control API: requests of backends and operators under /api/ (docs/control.md).
 * Thread:  the connection's worker.
 * Rights:  the token in the Authorization field must list the right in its claim `admin`. No other
 *          place for a token counts, so that no browser sends one by itself. With DISABLE_AUTH,
 *          only programs on the server's own machine have the rights: the request comes from
 *          loopback, and neither a page of a browser nor a proxy made it.
 * Order:   an unknown path (404), another method (405), the token (401), its right (403), the body.
 * Log:     one line for each request, executed (event=control) or refused (control_refused).
 */
#ifndef EH_APP_API_H
#define EH_APP_API_H

#include "app/conn/conn.h"
#include "proto/http.h"

/* Handles the request if the API is served here and its path is /api/ or below it. False: it is for
 * another handler. */
bool api_handle(struct conn *c, const struct http_request *rq);

#endif
