/* conn.h - one client's connection, plain or over TLS, whatever it speaks: its input and output,
 * back-pressure, and how it ends. What it speaks is a conn_protocol: HTTP (app/http/conn_http.h),
 * the body of a POST (http_post.h), then WebSocket (conn_ws.h) or an event stream (conn_sse.h).
 * Thread:  its worker's; a pointer to it never leaves that thread.
 * Owns:    its stream, its rights, its input and what the protocol keeps here.
 * Life:    from conn_open to conn_close; the memory is freed at the end of the turn.
 * Bounds:  a head of MAX_HEADER_SIZE, a message of MAX_MESSAGE_SIZE, an output queue of
 *          MAX_OUTPUT_QUEUE, CONN_MAX_PENDING unanswered requests. An idle connection holds this
 *          struct only.
 */
#ifndef EH_APP_CONN_H
#define EH_APP_CONN_H

#include "app/conn/conn_client.h"
#include "app/conn/worker_state.h"
#include "base/buf.h"
#include "net/stream.h"
#include "proto/http.h"
#include "proto/ws.h"

#define CONN_MAX_PENDING       256                 /* unanswered requests of one connection */
#define CONN_MAX_PENDING_BYTES (64u * 1024 * 1024) /* of all connections of a worker */
#define CONN_LINGER_MS         2000                /* for the peer to take something, or to close */

struct batch;
struct conn;
struct http_post;
struct sub_writer;

/* What a connection speaks. Every function runs on the worker; a NULL does nothing. */
struct conn_protocol {
    /* Handles the beginning of the input, which it may change in place. Returns the bytes used; 0:
     * it needs more. NULL: the input is ignored. */
    size_t (*step)(struct conn *c, char *p, size_t n);
    /* At the end of a turn: no request is unanswered. */
    void (*on_idle)(struct conn *c);
    /* At the end of a turn: the output queue may have room for more (see wants_room). */
    void (*on_writable)(struct conn *c);
    /* Goes on with c->batch, or drops it if the connection is no longer open. */
    void (*resume)(struct conn *c);
    /* The client does not read, and its queue was emptied. NULL: the connection is closed. */
    void (*on_overflow)(struct conn *c, enum metric reason);
    /* May the connection end without a word when the server goes away? NULL: no. */
    bool (*may_end)(const struct conn *c);
    /* The server goes away: ends the connection when what it asked for is answered. Called again,
     * with is_late set, when the time of the drain is over: answers what it can and ends it. */
    void (*on_drain)(struct conn *c, bool is_late);
    /* Nothing more can be sent: ends what works for the connection. Called when the connection
     * begins to linger, and again when it is dead. */
    void (*on_close)(struct conn *c);
    /* Requests overlap: how many of them are read is bounded by what is unanswered. */
    bool is_bounded;
};

enum conn_state {
    CONN_OPEN,    /* reads requests and sends */
    CONN_BUSY,    /* a request is with the broker; the input behind it waits */
    CONN_LEAVING, /* waits for answers to earlier requests, and ignores new ones */
    CONN_CLOSING, /* sends nothing more and waits for the peer's last word */
    CONN_LINGER,  /* has shut down its side; waits for the peer to close, and ignores its input */
    CONN_DEAD,
};

/* What reads the log for a connection (app/sub/reader.h). */
enum reader_kind { READER_JOIN, READER_QUERY, READER_KINDS };

struct conn {
    struct stream stream;
    const struct conn_protocol *protocol;
    struct worker *worker;
    const struct listener *listener; /* where it was accepted */
    struct timer timer;              /* the protocol's, or the end of lingering */
    struct loop_task task;           /* conn_settle; later it frees the connection */
    struct list throttled;           /* in worker->throttled while it is not read */
    struct conn_ref ref;
    struct conn_client client;
    uint64_t last_heard_ms; /* 0: never; LINGER: when that began */
    struct auth *auth;      /* worker->everybody, or its own; NULL: not known yet */
    struct buf in;          /* input that could not be handled yet */
    uint32_t n_pending;     /* calls that the broker has not answered */
    enum metric closed_as;  /* the reason of disconnects_total; METRIC_COUNT: not known yet */
    size_t backlog_bytes;   /* of live messages that its joins have buffered */
    size_t collected;       /* bytes of answers that wait for the rest of their batch */
    size_t expected;        /* bytes that the answers under way may have */
    enum conn_state state : 8;
    bool overflowed;  /* a unit did not fit: the connection ends with this turn */
    bool peer_closed; /* the peer said its last word; what follows is not read */
    bool wants_room;  /* calls on_writable when the output queue falls below half */

    /* HTTP, and the body of a POST */
    struct bytes *cors;     /* header lines for the page that asks (proto/origin.h), or NULL */
    struct http_post *post; /* NULL: none */

    /* WebSocket */
    struct buf message;  /* a message of several frames; also the body of a POST */
    struct batch *batch; /* requests that wait until the bounds allow them, or NULL */
    union {
        struct http_parser http; /* until the upgrade */
        struct ws_decoder ws;    /* from then on */
    };
    uint16_t close_code; /* sent in Close, or to be sent */
    uint8_t unfinished;  /* pings since the message that is being read began */
    uint8_t window_bits; /* messages are compressed with this window; 0: they are not */

    /* subscriptions (app/sub), over WebSocket or as events */
    const struct sub_writer *writer; /* NULL before the first */
    struct list subs;                /* of struct sub */
    struct reader_queue {
        struct list waiting; /* of struct reader */
        bool is_page_under_way;
    } reader_queues[READER_KINDS];
    uint32_t n_subs;
    uint32_t count; /* the last of worker->n_counts in which it was counted */
    bool sse_json;  /* events are objects (?format=json) */
};

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
/* The timer for the next ping, or for the end of the token if that comes first. */
void conn_set_ping_timer(struct conn *c, timer_fn *fn);
bool conn_token_expired(const struct conn *c);

void conn_forget_auth(struct conn *c); /* the request is answered; so are its rights */
void conn_forget_cors(struct conn *c);

/* At the end of this turn: closes the connection, reads on or asks for more, whatever is due. */
void conn_settle(struct conn *c);
/* Reads the rest of the input in a later turn: what was read cost much. */
void conn_yield(struct conn *c);
/* Must the next request of a batch wait? If so, the protocol's resume is called later. */
bool conn_must_wait(struct conn *c);
bool conn_is_half_full(const struct conn *c); /* the output queue */

/* A call to the broker begins, or was answered; `bytes` is the memory it holds. A caller that
 * expects a large answer also adds its size to c->expected, so that no more is asked for at a time
 * than the output queue can take. */
void conn_call_began(struct conn *c, size_t bytes);
void conn_call_ended(struct worker *w, struct conn *c, size_t bytes); /* c NULL: it is gone */

#endif
