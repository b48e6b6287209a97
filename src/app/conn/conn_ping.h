/* conn_ping.h - the timer of a WebSocket or an event stream: it fires for the next ping
 * (PING_INTERVAL), or when the token expires if that comes first.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_CONN_PING_H
#define EH_APP_CONN_PING_H

#include "app/conn/conn.h"

void conn_ping_timer(struct conn *c, timer_fn *fn); /* replaces the connection's timer */
bool conn_ping_token_expired(const struct conn *c);

#endif
