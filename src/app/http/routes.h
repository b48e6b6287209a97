/* routes.h - the fixed paths (health and metrics), and the preflight requests of browsers.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_ROUTES_H
#define EH_APP_ROUTES_H

#include "app/conn/conn.h"

/* Reports whether the connection came to a listener that serves the fixed paths: the internal one
 * if there is one. On the others they are like any other path. */
bool routes_are_served(const struct conn *c);

/* Answers the request if its path is one of these, or its method is OPTIONS. False: it is for
 * another handler. */
bool routes_handle(struct conn *c, const struct http_request *rq);

#endif
