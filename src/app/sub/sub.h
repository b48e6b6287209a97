/* sub.h - one subscription of one connection, and how it joins history and live.
 * Thread:  its worker's.
 * Owns:    the text of its JSON-RPC id; its join while history is being read.
 * Rule:    a message of ours is delivered only if its id > last, for the whole life of the
 *          subscription. Without history `last` starts at the worker's newest id; with history it
 *          becomes the cut that the history answer carries. So nothing comes twice.
 */
#ifndef EH_APP_SUB_H
#define EH_APP_SUB_H

#include "app/conn/conn.h"
#include "hub/eventlog.h"
#include "hub/message.h"
#include "hub/trie.h"
#include "proto/ws_deflate.h"

struct batch;
struct delivery;
struct join;
struct reply;
struct sub;

struct sub_joined {
    struct str filter;
    bool has_history; /* was asked for */
    bool recovered;
    const struct msgid *from; /* where it begins, for those that asked for gaps; else NULL */
};

/* How the subscriptions of a connection speak to its client: over WebSocket (sub_ws.c) or as
 * server-sent events (conn_sse.c). All else about them is the same. */
struct sub_writer {
    /* The answer to the request; with history the log's first page is there. */
    void (*joined)(struct conn *c, struct reply *reply, const struct sub_joined *joined);
    /* All of the log was sent, and all that it held up to `cut`, which is above the last message's
     * id. NULL: not of interest. */
    void (*caught_up)(struct conn *c, struct msgid snapshot_end);
    bool (*message)(const struct sub *s, struct delivery *d); /* false: it was not queued */
    /* All that it sends of these messages, alike for all subscriptions with its id; the caller's.
     * NULL: it has them one by one. */
    struct bytes *(*run)(const struct sub *s, struct message *const *messages, size_t n);
    /* Messages of this topic (or, where nobody knows of which, of the subscription's own filter)
     * were lost and come no more; for those that asked. */
    void (*gap)(const struct sub *s, struct str topic);
};
extern const struct sub_writer sub_ws_writer, sub_ws_deflate_writer, sub_sse_writer;

struct sub {
    struct trie_sub trie;
    struct list link; /* in conn->subs */
    struct conn *conn;
    struct join *join; /* NULL: live */
    struct msgid last;
    uint16_t id_n;
    bool gaps; /* wants to be told of messages that were lost */
    char id[]; /* JSON text of the request's id; none with SSE */
};

/* Subscribes; one of the same filter on this connection is replaced. */
struct sub *sub_open(struct conn *c, struct str filter, struct str id, bool gaps);
void sub_close(struct sub *s); /* a join under way is answered with recovered: false */
void sub_close_all(struct conn *c);
struct sub *sub_find(struct conn *c, struct str filter); /* NULL: there is none */

/* A live message goes to all subscriptions of the worker that match; returns what that cost,
 * counted in deliveries. */
uint64_t delivery_to_all(struct worker *w, struct message *m);
void delivery_observe(struct worker *w, const struct message *m, uint64_t n); /* how long it took */

/* run.c: live messages that follow each other, of one topic and in the order of their ids. The same
 * for them. */
uint64_t run_to_all(struct worker *w, struct message *const *messages, size_t n);
/* May `next`, which follows, be in one run with `first`? */
bool run_goes_on(const struct message *first, const struct message *next);

/* gap.c: messages of these topics, or (NULL) of whatever topics, were lost on the way to this
 * worker.
 */
struct gaps;
void gap_to_all(struct worker *w, struct gaps *gaps);
void sub_gap(struct sub *s); /* tells one, if it asked: nobody knows of which topics */

/* One message on its way to one or many subscriptions: what they send alike is made once, when the
 * first needs it. */
struct delivery {
    struct message *message;
    struct worker *worker;
    struct bytes *event[2]; /* SSE: the text, and the object (?format=json); or NULL */
    uint32_t n_sent;
    uint32_t deflated_for; /* a bit for each window whose `deflated` was made */
    uint16_t head_n;       /* WebSocket: the same for equal ids */
    uint16_t id_n;
    char id[256];
    char head[320];
    /* By bits of the window: what follows the id; NULL: not worth it. */
    struct bytes *deflated[WS_DEFLATE_MAX_BITS + 1];
};
void delivery_init(struct delivery *d, struct worker *w, struct message *m);
void sub_deliver(struct sub *s, struct delivery *d); /* sends it if it is new to the subscription */
void delivery_done(struct delivery *d);              /* counts it */

struct str sub_id(const struct sub *s);

/* join.c: reads the log from the point on, page by page, while live messages are set aside. The
 * request is answered when the first page is there; in a batch all messages follow its array. */
void join_start(struct sub *s, struct str filter, const struct eventlog_request *rq,
                struct reply *reply);
/* Without history: live messages are set aside until the batch's array was sent. */
void join_after(struct sub *s, struct str filter, struct batch *batch);
void join_aside(struct sub *s, struct message *m);
/* Live messages were lost: what was set aside does not follow on the cut. The log is read to a new
 * one, and says what is missing. */
void join_gap(struct sub *s);
void join_abandon(struct sub *s); /* the subscription ends */

#endif
