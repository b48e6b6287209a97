/* broker.h - the one way to the messages: publish, read the log, the live feed; and who listens.
 * Two implementations (broker/mem.c, broker/redis.c) keep this contract; tests/contract checks it.
 * Thread:  broker_create .. broker_start and broker_stop, broker_free: main. broker_call,
 *          broker_counted and live_batch_free: any worker. broker_is_ready: any. Everything else
 *          happens on the broker's own thread.
 * Owns:    a call belongs to the broker from broker_call until its mail is delivered to the inbox
 *          of its port; then to its fn. Every call is answered exactly once, also at broker_stop.
 * Never:   blocks a caller.
 * Order:   publishes and key/value calls with the same `lane` run in the order in which they were
 *          called.
 */
#ifndef EH_BROKER_BROKER_H
#define EH_BROKER_BROKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/shared.h"
#include "hub/message.h"
#include "hub/metrics.h"
#include "hub/msgid.h"
#include "hub/presence.h"
#include "hub/ratelimit.h"
#include "net/mailbox.h"

/* Bounds of live messages that wait for one worker (docs/ARCHITECTURE.md). */
#define BROKER_LIVE_MAX_MESSAGES 65536
#define BROKER_LIVE_MAX_BYTES    (32u * 1024 * 1024)

/* One page of history. */
#define BROKER_PAGE_ENTRIES 256
#define BROKER_PAGE_BYTES   (256u * 1024)
#define BROKER_MAX_TOPICS   10000 /* read for one request; more: recovered is false */

/* The key of a publish. */
#define BROKER_KEY_MAX 64  /* bytes */
#define BROKER_KEY_S   300 /* how long it is remembered */

struct broker;
struct broker_port;
struct headcount;
struct gaps;
struct tls;

struct broker_config {
    enum { BROKER_REDIS, BROKER_MEMORY } kind;
    bool cache;                /* ENABLE_CACHE: keep the log */
    uint64_t max_cache_length; /* entries a topic; 0: no limit */
    uint64_t default_ttl_s;    /* 0: for ever */
    uint64_t timeout_ms;       /* BROKER_TIMEOUT */
    uint64_t memory_limit;     /* memory: bytes that log and key/value store may hold together */
    const char *redis_host;    /* a name, an address, or the path of a socket */
    uint16_t redis_port;
    const char *redis_username; /* "" for none: the default user */
    const char *redis_password; /* "" for none */
    unsigned redis_db;
    struct tls *redis_tls; /* NULL: plain */
    const char *redis_prefix;
    unsigned redis_pool_size;     /* command connections; at least 2 are used */
    struct metrics_cell *metrics; /* the broker thread's own */
};

enum broker_op {
    BROKER_OP_PUBLISH,
    BROKER_OP_HISTORY,
    BROKER_OP_GET,
    BROKER_OP_SET,
    BROKER_OP_DELETE,
    BROKER_OP_PRESENCE,
};

enum broker_status {
    BROKER_DONE,
    BROKER_NOT_DONE, /* certain: nothing was stored or read */
    BROKER_FULL,     /* certain: nothing was stored, there is no memory left for it */
    BROKER_LIMITED,  /* certain: a publish over its limit was not done and does not count */
    BROKER_UNKNOWN,  /* a write was sent and no answer came: it may have been done */
};

struct broker_publish {
    struct str topic;        /* valid */
    struct str message_json; /* JSON strings with their quotes, see hub/message.h */
    struct str origin_json;  /* or empty */
    uint64_t ttl_s;          /* 0: the default */
    int64_t timestamp;       /* ms; 0: none. Ignored where eventlog_timestamp_is_usable says no */
    struct str key;          /* not empty: done once for the same topic and key within BROKER_KEY_S;
                                then answered with the first id, whatever the limit */
    struct rate_rule limit;  /* counted for origin_json, in all nodes together; topic empty: none */
    struct msgid ret_id;     /* DONE */
    bool ret_repeated;       /* DONE: the key was known, nothing was stored or sent */
    uint64_t ret_retry_ms;   /* LIMITED: until another one may pass; at least 1 */
};

/* A question for one page, which comes back as the question for the next page: filter, cut, since
 * and after are updated, so that the same call can be sent again while ret_more. Entries come
 * oldest first, in id order over all topics of the filter; expired ones are left out. */
struct broker_history {
    struct str filter;  /* a valid topic or pattern */
    struct msgid after; /* entries with a greater id */
    struct msgid
        snapshot_end;     /* and not above this one; zero: the last id given, which is set here */
    int64_t since;        /* not 0: only entries whose time is >= since (< 0: that many ms before
                             now); `after` is then set by the broker. Comes back as ms since the
                             epoch */
    uint32_t newest;      /* not 0: of all these only the newest so many; comes back 0 */
    uint32_t max_entries; /* of this page; 0: BROKER_PAGE_ENTRIES */
    uint32_t max_bytes;   /* stop when reached; at least one entry comes; 0: BROKER_PAGE_BYTES */
    struct message **ret_items; /* ret_n references, the receiver's; free() the array */
    size_t ret_n;
    bool ret_more;     /* there are entries between the last one here and the cut */
    bool ret_complete; /* nothing that was published after the point of this page (and matches, and
                          did not expire by its own ttl) is missing, and `newest` cut nothing off:
                          of the first page `recovered` in the protocol's words */
    struct gaps *ret_gaps; /* not complete, and all that is missing was of these topics (lost.h);
                              NULL: nobody knows of which. The receiver's; free() it */
};

/* The key/value store. Values are any bytes. */
struct broker_kv {
    struct str key;          /* a valid topic */
    struct str value;        /* SET */
    uint64_t ttl_s;          /* SET; 0: for ever */
    bool ret_found;          /* GET, DELETE: there was one */
    struct bytes *ret_value; /* GET, found: a reference, the receiver's; else NULL */
};

/* Who is subscribed, on all nodes: connections of which at least one subscription matches the
 * topic; for a pattern those that have subscribed to this very pattern. */
struct broker_presence {
    struct str filter; /* a valid topic or pattern */
    bool wants_subs;
    struct presence ret_presence; /* DONE: the receiver's */
    bool ret_complete;            /* every node has answered in time */
};

struct broker_call {
    struct mail mail;         /* mail.fn is set by broker_call, then to `answer` */
    mail_fn *answer;          /* runs on the caller's thread, owner of the port's inbox */
    struct broker_port *port; /* who asks */
    uint32_t lane;            /* the connection's slot: what has the same lane, history apart,
                                 runs in the order in which it was called */
    enum broker_op op;
    uint64_t deadline;   /* monotonic ms; 0: wait until the broker is there (history) */
    uint64_t started_us; /* set by broker_call */
    enum broker_status status;
    union {
        struct broker_publish publish;
        struct broker_history history;
        struct broker_kv kv;
        struct broker_presence presence;
    };
};

/* Live messages for one worker, in the order of the feed. Free it with live_batch_free, which gives
 * the port its room back. */
struct live_batch {
    struct mail mail;
    struct broker_port *port;
    bool has_gap;            /* before the first of them some were lost on the way to this worker */
    struct gaps *gaps;       /* of these topics; NULL: nobody knows of which */
    size_t n;                /* 0: only a gap, or a new mark */
    size_t bytes;            /* of the bodies */
    struct msgid high_water; /* the highest id of ours that was posted to this port */
    struct message *items[];
};
void live_batch_free(struct live_batch *batch);

/* The same question to one worker, which fills in `presence` and gives it back. */
struct broker_count {
    struct mail mail;
    struct headcount *headcount; /* the broker's */
    struct str filter;
    bool wants_subs;
    struct presence presence;
};
void broker_counted(struct broker_count *part);

int broker_create(const struct broker_config *config, struct broker **ret_broker) EH_MUST_USE;
/* One port for each worker, before broker_start: where its answers, live batches and counts go.
 * They run on the worker: on_live with a struct live_batch, on_count with a struct broker_count. */
struct broker_port *broker_port_open(struct broker *b, struct mailbox *inbox, mail_fn *on_live,
                                     mail_fn *on_count);
int broker_start(struct broker *b) EH_MUST_USE; /* starts the thread; returns before it is ready */

void broker_call(struct broker *b, struct broker_call *call);

bool broker_is_ready(const struct broker *b); /* connected, feed joined: publishes are taken */

/* Mail for its thread, beside calls; what the thread does not read broker_free delivers. */
struct mailbox *broker_inbox(struct broker *b);

/* Fails what cannot be answered any more, posts all answers, joins the thread. The inboxes must
 * live on until they are drained; then broker_free. */
void broker_stop(struct broker *b);
void broker_free(struct broker *b);

#endif
