/* sub_data.h - the data of one subscription of one connection, and the writer that speaks for it.
 * Thread:  the connection's worker.
 * Owns:    the text of its JSON-RPC id; its join while history is being read.
 * Rule:    as long as the subscription exists, a message of ours is delivered only if its id is
 *          greater than `last`, so nothing arrives twice. Without history `last` starts at the
 *          highest id that the node knows when the messages of the filter come (wants.h), so that
 *          nothing arrives that was published before; with history it becomes the end of the
 *          snapshot that was read. The subscriptions of an event stream with several filters
 *          share the mark of the first one (conn_sse.c).
 */
#ifndef EH_APP_SUB_DATA_H
#define EH_APP_SUB_DATA_H

#include "app/conn/conn.h"
#include "hub/eventlog.h"
#include "hub/message.h"
#include "hub/msgid.h"
#include "hub/trie.h"

struct delivery;
struct join;
struct reply;
struct sub;

struct sub_request {
    struct str filter;
    const struct str *more; /* further filters, none twice; only for an event stream, which has no
                               other subscriptions */
    size_t n_more;
    struct str id;               /* JSON text of the request's id; empty for SSE */
    bool gaps;                   /* report gaps */
    struct eventlog_request log; /* the history that it asks for */
};

struct sub_joined {
    struct str filter;
    bool has_history; /* history was asked for */
    bool recovered;
    bool gaps;         /* gaps were asked for */
    struct msgid from; /* where it begins */
};

/* How the subscriptions of a connection speak to its client: over WebSocket (sub_ws.c) or as
 * server-sent events (conn_sse.c). Everything else about them is the same. */
struct sub_writer {
    /* Answers the request, when the subscription is live; with history, when the first page of the
     * log has arrived. */
    void (*joined)(struct conn *c, struct reply *reply, const struct sub_joined *joined);
    /* Called when the whole snapshot of the log was sent and it ends above the last message that
     * was sent. Optional. */
    void (*caught_up)(struct conn *c, struct msgid snapshot_end);
    /* Returns false if the message was not queued. */
    bool (*message)(const struct sub *s, struct delivery *d);
    /* Encodes a run of messages once for all subscriptions with this id; the caller owns the
     * result. Optional; without it messages are delivered one by one. */
    struct bytes *(*run)(const struct sub *s, struct message *const *messages, size_t n);
    /* Reports that messages of this topic were lost. If the topics are not known, it gets the
     * subscription's own filter. Called only for subscriptions that asked for gaps. */
    void (*gap)(const struct sub *s, struct str topic);
};

struct sub {
    struct trie_sub trie;
    struct list link; /* in conn->subs */
    struct conn *conn;
    struct join *join; /* NULL: gets live messages */
    struct msgid last;
    uint16_t id_n;
    bool gaps; /* reports gaps */
    char id[]; /* JSON text of the request's id; empty for SSE */
};

/* Returns the next subscription of its connection; NULL: it is the last one. */
static inline struct sub *sub_next(const struct sub *s)
{
    return s->link.next == &s->conn->subs ? NULL : container_of(s->link.next, struct sub, link);
}

static inline struct str sub_id(const struct sub *s)
{
    return str_make(s->id, s->id_n);
}

#endif
