/* conn_ping.h - the timer of a connection that stays: for the next ping (PING_INTERVAL), or for the
 * end of its token if that comes first.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_CONN_PING_H
#define EH_APP_CONN_PING_H

#include "app/conn/conn.h"

void conn_ping_timer(struct conn *c, timer_fn *fn); /* in place of the present timer */
bool conn_ping_token_expired(const struct conn *c);

#endif
