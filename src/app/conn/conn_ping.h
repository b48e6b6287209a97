/* conn_ping.h - the timer of a WebSocket or an event stream: it fires for the next ping
 * (PING_INTERVAL) and the like, or when the token expires if that comes first.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_CONN_PING_H
#define EH_APP_CONN_PING_H

#include "app/conn/conn.h"

uint64_t conn_ping_interval_ms(const struct conn *c);
/* Replaces the connection's timer: fn is called after_ms from now, or when the token expires. */
void conn_ping_timer(struct conn *c, timer_fn *fn, uint64_t after_ms);
bool conn_ping_token_expired(const struct conn *c);

/* Runs the timers of all connections whose tokens have expired. Needed after the wall clock, by
 * which tokens expire, has moved ahead of the loop's clock: because it was set, or because the loop
 * was stopped, which is time that its timers do not count. */
void conn_ping_check_tokens(struct worker *w);

#endif
