/* console.h - the console (ENABLE_CONSOLE): a page at /console/ that is part of the program.
 * Thread:  the connection's worker.
 * Rule:    served where health and metrics are served (routes.h), to pages of its own origin: the
 *          answers have no CORS lines.
 */
#ifndef EH_APP_CONSOLE_H
#define EH_APP_CONSOLE_H

#include "app/conn/conn.h"

/* Answers the request if its path is /console or below it and the console is served here. False: it
 * is for another handler. */
bool console_handle(struct conn *c, const struct http_request *rq);

#endif
