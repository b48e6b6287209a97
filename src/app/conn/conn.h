/* conn.h - one client, plain or over TLS: HTTP first, then WebSocket or an event stream, then
 * closing.
 * Thread:  its worker's; a pointer to it never leaves that thread.
 * Owns:    its stream, its subscriptions (app/sub.h), its rights, what is half-read.
 * Life:    conn_open .. conn_close; the memory goes at the end of the turn.
 * Bounds:  a head of MAX_HEADER_SIZE, a message of MAX_MESSAGE_SIZE, an output queue of
 *          MAX_OUTPUT_QUEUE, CONN_MAX_PENDING unanswered requests. Idle it holds this struct alone.
 */
#ifndef EH_APP_CONN_H
#define EH_APP_CONN_H

#include "app/worker.h"
#include "base/buf.h"
#include "net/sock.h"
#include "net/stream.h"
#include "proto/http.h"
#include "proto/ws.h"

#define CONN_MAX_PENDING       256                 /* unanswered requests of one connection */
#define CONN_MAX_PENDING_BYTES (64u * 1024 * 1024) /* of all of a worker */
#define CONN_LINGER_MS         2000                /* for the peer to take something, or to close */

struct conn;

/* What whole WebSocket messages are for: rpc_service (app/rpc.h), or what a test puts there. */
struct ws_service {
    void (*on_message)(struct conn *c, enum ws_opcode op, struct str message);
    /* Goes on with conn->batch, or ends it where the state is not WS any more. */
    void (*go_on)(struct conn *c);
    bool binary; /* takes binary messages too; else they end the connection with 1003 */
};

/* What reads the log for a connection (app/sub/reader.h). */
enum reader_kind { READER_JOIN, READER_QUERY, READER_KINDS };

enum conn_state {
    CONN_HTTP,    /* reads requests */
    CONN_BODY,    /* reads the body of a POST */
    CONN_WAITING, /* HTTP: the broker has the POST; what is behind it waits, too */
    CONN_WS,      /* reads frames */
    CONN_SSE,     /* sends events; what the client sends is ignored */
    CONN_LEAVING, /* WebSocket: waits for answers to earlier requests, then sends Close; ignores
                     messages */
    CONN_CLOSING, /* WebSocket: our Close is sent, the peer's has not come */
    CONN_LINGER,  /* everything said: waits for the peer to close the socket, reads nothing */
    CONN_DEAD,
};

struct conn {
    struct stream stream;
    struct worker *worker;
    const struct listener *listener; /* that it came from */
    const struct sub_writer *writer; /* of its subscriptions; NULL before the first */
    struct timer timer;              /* by state: handshake, ping, end of closing */
    struct loop_task task;           /* settling at the end of the turn, then the reaping */
    struct list subs;                /* of struct sub */
    struct reader_queue {
        struct list waiting; /* struct reader */
        bool is_page_under_way;
    } reader_queues[READER_KINDS];
    struct list throttled; /* in worker->throttled while it is not read */
    struct conn_ref ref;
    uint64_t last_heard_ms; /* LINGER: when that began */
    struct auth *auth;      /* worker->everybody, or its own; NULL: nobody said yet */
    struct bytes *cors;     /* HTTP: header lines for the page that asks (app/origin.h), or NULL */
    struct buf in;          /* bytes not yet understood */
    struct buf message;     /* of a WebSocket message that came in pieces; the body of a POST */
    struct http_post *post; /* BODY and WAITING; else NULL */
    struct batch *batch;    /* of requests that wait until the bounds allow them, or NULL */
    union {
        struct http_parser http; /* HTTP */
        struct ws_decoder ws;    /* afterwards */
    };
    uint32_t n_subs;
    uint32_t n_pending;    /* calls that the broker has not answered */
    uint32_t count;        /* the last of worker->n_counts that it was counted in */
    enum metric closed_as; /* the reason of disconnects_total, once known */
    size_t backlog_bytes;  /* of live messages that its joins have buffered */
    size_t collected;      /* bytes of answers that wait for others of their batch */
    size_t expected;       /* bytes that answers under way may have */
    struct sock_addr link; /* the other end of the TCP connection, or who it says it speaks for */
    struct sock_addr peer; /* the client: link, or whom a trusted proxy names */
    uint16_t close_code;   /* LEAVING: what Close will say */
    enum conn_state state : 8;
    bool overflowed;
    bool peer_closed;    /* its Close came */
    bool is_counted;     /* in context->per_ip, as a connection of `peer` */
    uint8_t unfinished;  /* WS: pings since the message that is being read began */
    bool sse_json;       /* SSE: events are objects (?format=json) */
    uint8_t window_bits; /* WebSocket: compresses with this window; 0: does not */
};

/* Takes the fd, which came from that listener. A connection that cannot be served is closed and
 * counted. */
void conn_open(struct worker *w, int fd, const struct sock_addr *peer, const struct listener *from);
/* Ends it now; the reason counts unless one was noted before. */
void conn_close(struct conn *c, enum metric reason);
/* Everything was said: flush, FIN, and wait for the peer's FIN a moment. */
void conn_linger(struct conn *c, enum metric reason);
void conn_linger_on(struct conn *c); /* it took something of what is left */

/* conn_drain.c: the server goes away. Its turn has come: 1001 after the answers, or the end of the
 * stream. A request under way has until worker->drain_until_ms, when it is called again. */
void conn_drain(struct conn *c);
bool conn_drain_idle(struct conn *c); /* ends one that is between two requests; false: it is not */

void conn_set_timer(struct conn *c, timer_fn *fn,
                    uint64_t after_ms); /* instead of the present one */
/* Until the next ping, or the token's end if that comes first. */
void conn_set_ping_timer(struct conn *c, timer_fn *fn);
bool conn_token_expired(const struct conn *c);

void conn_forget_auth(struct conn *c); /* a request was answered */
void conn_forget_cors(struct conn *c);

/* conn_output.c: one unit of output; closes with 1013 (at the end of the turn) when the queue would
 * pass the limit. False: it was not queued. */
bool conn_send(struct conn *c, struct str head, struct shared *owner, struct str body);
bool conn_has_room(const struct conn *c,
                   size_t bytes);             /* in the output queue, collected included */
bool conn_is_half_full(const struct conn *c); /* the queue alone: it shrinks by itself */
void conn_overflow(struct conn *c);           /* there was no room: closes as conn_send does */
/* What else it has sent is read in a later turn: it cost much already. */
void conn_yield(struct conn *c);

/* Must the next request of a batch wait? Then the service's go_on will be called. */
bool conn_must_wait(struct conn *c);

/* At the end of this turn: what may close the connection, or read on. */
void conn_settle(struct conn *c);

/* Bytes that wait for the client: its output queue, answers of a batch, backlogs of joins. */
size_t conn_waiting(const struct conn *c);
/* conn_ws.c: the client does not read what it has: drops it, and the connection; a WebSocket with
 * 1013. */
void conn_drop_output(struct conn *c, enum metric reason);
bool conn_was_dropped(const struct conn *c); /* so */

/* A call to the broker is under way, or was answered: `bytes` is what it holds. Who asks for
 * something large adds what may come to c->expected, so that no more is asked for at a time than
 * the output queue can take. */
void conn_call_began(struct conn *c, size_t bytes);
void conn_call_ended(struct worker *w, struct conn *c, size_t bytes); /* c NULL: it hung up */

/* conn_client.c. False: the client has MAX_CONNECTIONS_PER_IP connections already; counted and
 * logged, to be refused. Entering twice counts once. */
bool conn_client_enter(struct conn *c) EH_MUST_USE;
void conn_client_leave(struct conn *c); /* fine when it is not counted */
/* Sets `peer`: each request may be another's. */
void conn_client_of_request(struct conn *c, const struct http_request *rq);
/* Between the requests of a proxy the connection is no client's. */
void conn_client_is_idle(struct conn *c);

/* conn_proxy.c: the PROXY header before all else, as stream_events wants it. */
int conn_proxy_step(struct conn *c, const char *p, size_t n);

/* conn_http.c: one step over the input; bytes used, 0 for more. */
size_t conn_http_step(struct conn *c, char *p, size_t n);

void conn_http_wait(struct conn *c); /* for the next request, so long as the timeout allows */

/* http_post.c: the head of a POST; one step over its body. */
void http_post_handle(struct conn *c, const struct http_request *rq);
size_t http_post_step(struct conn *c, char *p, size_t n);
void http_post_give_up(struct conn *c); /* BODY or WAITING: answers 503 and ends the connection */

/* conn_sse.c: a request that wants a topic's events, which http_accepts found. */
void conn_sse_handle(struct conn *c, const struct http_request *rq);

/* conn_ws.c */
/* After the 101 was queued; what it said of permessage-deflate (proto/ws_deflate.h). */
void conn_ws_begin(struct conn *c, struct auth *auth, uint8_t window_bits);
void conn_ws_set_auth(struct conn *c, struct auth *auth); /* takes it; its end is the timer's */
size_t conn_ws_step(struct conn *c, char *p, size_t n);
/* One message, deflated where that is worth it; takes the reference. */
void conn_ws_send(struct conn *c, enum ws_opcode op, struct bytes *message);
/* Sends Close at once, ends the subscriptions, and waits for the peer's Close a moment. */
void conn_ws_close(struct conn *c, int code, const char *why, enum metric reason);
/* The same after the answers to earlier requests, at most BROKER_TIMEOUT later. */
void conn_ws_leave(struct conn *c, int code, enum metric reason);
void conn_ws_on_idle(struct conn *c); /* the last answer came */

#endif
