/* conn.h - one client's connection, plain or over TLS: how it begins, waits and ends, whatever
 * protocol it speaks (struct conn_protocol). It begins with HTTP (app/http/conn_http.h), reads the
 * body of a POST (http_post.h), or becomes a WebSocket (conn_ws.h) or an event stream (conn_sse.h).
 * Thread:  its worker's; a pointer to it never leaves that thread.
 * Owns:    its stream, its rights, its input and what the protocol keeps in struct conn.
 * Life:    from conn_open to conn_close; the memory is freed at the end of the turn.
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
/* Ends it now. The reason counts unless an earlier one was noted. */
void conn_close(struct conn *c, enum metric reason);
/* Sends what is queued, then FIN, and waits a moment for the peer's FIN. */
void conn_linger(struct conn *c, enum metric reason);
/* Ends a connection whose client does not read: drops its output, and it in turn. */
void conn_drop_output(struct conn *c, enum metric reason);

/* The server goes away: ends a connection that waits for nothing; false: it waits. */
bool conn_end_idle(struct conn *c);
/* The server goes away and this connection's turn has come. Called again when the drain's time is
 * over (worker->drain_until_ms). */
void conn_drain(struct conn *c);

void conn_set_timer(struct conn *c, timer_fn *fn, uint64_t after_ms); /* in place of the present */
/* Restarts the present timer: the next request must come within WEBSOCKET_HANDSHAKE_TIMEOUT. */
void conn_await_request(struct conn *c);

void conn_forget_auth(struct conn *c); /* the request is answered */

#endif
