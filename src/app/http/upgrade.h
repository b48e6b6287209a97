/* upgrade.h - the opening handshake of a WebSocket (RFC 6455 4.2).
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_UPGRADE_H
#define EH_APP_UPGRADE_H

#include "app/conn/conn.h"

bool upgrade_is_wanted(const struct http_request *rq);
/* Answers the request. If it is accepted, the connection is a WebSocket from then on. */
void upgrade_handle(struct conn *c, const struct http_request *rq);

#endif
