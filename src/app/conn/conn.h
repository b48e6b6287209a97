/* conn.h - one client's connection, plain or over TLS: how it begins, waits and ends, whatever
 * protocol it speaks (struct conn_protocol). It begins with HTTP (app/http/conn_http.h), reads the
 * body of a POST (http_later.h), or becomes a WebSocket (conn_ws.h) or an event stream
 * (conn_sse.h).
 * Thread:  its worker's; a pointer to it never leaves that thread.
 * Owns:    its stream, its rights, its input and what the protocol keeps in struct conn.
 * Lives:   from conn_open to conn_close; the memory is freed at the end of the turn.
 * Bounds:  a head of MAX_HEADER_SIZE, a message of MAX_MESSAGE_SIZE, an output queue of
 *          MAX_OUTPUT_QUEUE (conn_output.h), unanswered requests (conn_input.h). An idle connection
 *          holds struct conn only.
 */
#ifndef EH_APP_CONN_H
#define EH_APP_CONN_H

#include "app/conn/conn_data.h"

#define CONN_LINGER_MS 2000 /* for the peer to take something, or to close */

/* Takes the fd, which was accepted from that listener, and begins with that protocol. A connection
 * that cannot be served is closed and counted. */
void conn_open(struct worker *w, int fd, const struct sock_addr *peer, const struct listener *from,
               const struct conn_protocol *protocol);
/* Closes the connection at once. Counts it under `reason`, unless an earlier reason was noted. */
void conn_close(struct conn *c, enum metric reason);
/* Sends the queued output, then FIN, and waits a moment for the peer's FIN. */
void conn_linger(struct conn *c, enum metric reason);
/* Drops the output of a client that does not read, and ends its connection. */
void conn_drop_output(struct conn *c, enum metric reason);

/* Ends the connection, because the server is going away, unless something is in progress on it.
 * False: something is. */
bool conn_end_idle(struct conn *c);
/* Begins to end the connection, whose turn in the drain of the server has come. Called again when
 * the time of the drain is over (worker->drain_until_ms). */
void conn_drain(struct conn *c);

void conn_set_timer(struct conn *c, timer_fn *fn, uint64_t after_ms); /* replaces the timer */
/* Restarts the current timer: the request, or its body, must come within
 * WEBSOCKET_HANDSHAKE_TIMEOUT. */
void conn_await_request(struct conn *c);
/* Restarts the current timer: the next request must begin within HTTP_KEEPALIVE_TIMEOUT and a
 * second more, so that a client that keeps to the time it was told finds the connection open. */
void conn_await_next(struct conn *c);

void conn_forget_auth(struct conn *c); /* releases the rights, once the request is answered */

#endif
