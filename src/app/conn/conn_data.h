/* conn_data.h - the data of one connection, and the protocol that it speaks.
 * Thread:  its worker's.
 * Rule:    a field that names a protocol or a room, in its comment or above its group, is used only
 *          there.
 * Bounds:  an idle connection holds this struct and a descriptor, nothing else. On 64-bit systems
 *          it is 472 bytes; a larger one would fall into the next size class of malloc.
 */
#ifndef EH_APP_CONN_DATA_H
#define EH_APP_CONN_DATA_H

#include "app/conn/conn_client.h"
#include "app/conn/worker_state.h"
#include "base/buf.h"
#include "net/stream.h"
#include "proto/http.h"
#include "proto/ws.h"

struct batch;
struct conn;
struct http_later;
struct sub_writer;

/* The protocol that a connection currently speaks. All functions but on_drain may be NULL. */
struct conn_protocol {
    const char *name; /* for the control API; NULL: its connections are not clients */
    /* Handles the beginning of the input, which it may change in place. Returns the bytes used, or
     * 0 if it needs more. NULL: the input is ignored. */
    size_t (*step)(struct conn *c, char *p, size_t n);
    /* Called at the end of a turn when every request has been answered. */
    void (*on_idle)(struct conn *c);
    /* Called at the end of a turn when the output queue may have room for more (see wants_room). */
    void (*on_writable)(struct conn *c);
    /* Continues with c->batch, or drops it if the connection is no longer open. */
    void (*resume)(struct conn *c);
    /* Called when the request does not come in time (conn_await_request). NULL: the connection is
     * closed. */
    void (*on_timeout)(struct conn *c);
    /* Called when a client does not read and its queue was emptied. NULL: the connection is
     * closed. */
    void (*on_overflow)(struct conn *c, enum metric reason);
    /* Reports whether the connection may end without notice when the server goes away. NULL: it may
     * not. */
    bool (*may_end)(const struct conn *c);
    /* Ends the connection, because the server is going away, once its requests are answered. Called
     * again with is_late set when the time of the drain is over: it then answers what it can and
     * ends the connection. */
    void (*on_drain)(struct conn *c, bool is_late);
    /* Ends the connection now, because an operator disconnects the client. `why` is for the client.
     * NULL: it is not a client that stays. */
    void (*on_disconnect)(struct conn *c, const char *why);
    /* Ends everything that produces output for the connection, since nothing more can be sent.
     * Called when the connection begins to linger, and again when it is dead. */
    void (*on_close)(struct conn *c);
    /* Requests may overlap, so the unanswered ones limit how many more are read. */
    bool is_bounded;
    /* While it is CONN_OPEN, the timer is that of conn_ping.h: the connection ends with its
     * token. */
    bool ends_with_token;
};

enum conn_state {
    CONN_OPEN,    /* reads requests and sends */
    CONN_BUSY,    /* waits for the broker's answer to a request; later input waits, too */
    CONN_LEAVING, /* waits for answers to earlier requests, and ignores new ones */
    CONN_CLOSING, /* has queued its Close, sends nothing more, and waits for the peer's Close */
    CONN_LINGER,  /* has shut down its side; waits for the peer to close, and ignores its input */
    CONN_DEAD,
};

/* The readers of the log for a connection (app/sub/reader.h). */
enum reader_kind { READER_JOIN, READER_QUERY, READER_KINDS };

struct conn {
    struct stream stream;
    const struct conn_protocol *protocol;
    struct worker *worker;
    struct timer timer;    /* the protocol's, or the end of lingering */
    struct loop_task task; /* conn_settle; later it frees the connection */
    struct list throttled; /* in worker->throttled or ->newcomers while it is not read */
    struct conn_ref ref;
    struct conn_client client;
    uint16_t close_code;    /* WebSocket: sent in Close, or to be sent; here it fills a hole */
    uint32_t since_s;       /* when it was opened, since the epoch; so does this */
    uint64_t last_heard_ms; /* 0: never; in CONN_LINGER: when that began */
    struct auth *auth;      /* worker->everybody, or its own; NULL: not known yet */
    struct buf in;          /* input that could not be handled yet */
    uint32_t n_pending;     /* calls that the broker has not answered */
    enum metric closed_as;  /* the reason of disconnects_total; METRIC_COUNT: not known yet */
    size_t held;            /* bytes of live messages that its joins hold back */
    size_t collected;       /* bytes of answers that wait for the rest of their batch */
    size_t expected;        /* bytes that the answers under way may have */
    enum conn_state state : 8;
    bool overflowed : 1;  /* a unit did not fit: the connection ends with this turn */
    bool peer_closed : 1; /* the peer sent its Close; anything after it is ignored */
    bool wants_room : 1;  /* calls on_writable when the output queue falls below half */
    bool is_kept : 1;     /* HTTP: a request was answered, and the next one has not begun */
    bool has_order : 1;   /* WebSocket: `order` is not empty */
    union {
        uint8_t unfinished;       /* WebSocket: pings since the message that is being read began */
        struct {                  /* SSE */
            bool sse_json : 1;    /* events are objects (?format=json) */
            bool sse_named : 1;   /* events are named after their topics (?event=topic) */
            bool sse_ping : 1;    /* pings are events (?ping=1) */
            bool sse_foreign : 1; /* the last event id is not one of ours */
        };
    };
    uint8_t window_bits; /* WebSocket: compresses with this window; 0: does not compress */
    uint32_t ping_at_ms; /* WebSocket: when to send the next ping; the low bits of loop_now */

    union {
        struct {                /* HTTP, and the body of a POST */
            struct bytes *cors; /* header lines for the page that asks (proto/origin.h), or NULL */
            struct http_later *later; /* of a request that is answered later; NULL: none */
        };
        struct list order; /* WebSocket, with has_order: of struct order (app/conn/order.h) */
    };

    /* WebSocket */
    struct buf message;  /* a message of several frames; also the body of a POST, and the beginning
                            of a stream whose head was not sent yet */
    struct batch *batch; /* requests that wait until the bounds allow them, or NULL */
    union {
        size_t to_skip;          /* of the PROXY header, before the first request */
        struct http_parser http; /* until the upgrade */
        struct ws_decoder ws;    /* from then on */
    };

    /* subscriptions (app/sub), over WebSocket or as events */
    const struct sub_writer *writer; /* NULL before the first */
    struct list subs;                /* of struct sub */
    struct reader_queue {
        struct list waiting; /* of struct reader */
        bool is_page_under_way;
    } reader_queues[READER_KINDS];
    uint32_t n_subs;
    uint32_t count; /* the last of worker->n_counts in which it was counted */
};

/* Reports whether reading from the connection is paused. */
static inline bool conn_is_throttled(const struct conn *c)
{
    return list_linked(&c->throttled);
}

/* Has conn.c close the connection, read on or ask for more, whatever is due, at the end of this
 * turn. None of this may happen in the middle of a delivery or an answer, where the caller may
 * be. */
static inline void conn_settle(struct conn *c)
{
    if (c->state != CONN_DEAD)
        loop_at_end(c->worker->loop, &c->task);
}

#endif
