/* call.h - one request to the broker and its answer, in the same struct. Types only; broker.h says
 * who owns a call, and when.
 */
#ifndef EH_BROKER_CALL_H
#define EH_BROKER_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shared.h"
#include "base/str.h"
#include "hub/author.h"
#include "hub/message.h"
#include "hub/msgid.h"
#include "hub/presence.h"
#include "hub/ratelimit.h"
#include "hub/revoked.h"
#include "net/mailbox.h"

/* Bounds of one page of history. */
#define BROKER_PAGE_ENTRIES 256
#define BROKER_PAGE_BYTES   (256u * 1024)
/* Topics that the memory engine reads for one request, and both engines for one with `latest`;
 * beyond: ret_complete is false. */
#define BROKER_MAX_TOPICS 10000

/* Bounds of one page of topics: topics in it, and names that are looked at for it. */
#define BROKER_LIST_TOPICS 100
#define BROKER_LIST_NAMES  10000

/* The idempotency key of a publish. */
#define BROKER_KEY_MAX 64  /* bytes */
#define BROKER_KEY_S   300 /* how long a key is remembered */

/* How often a node that has joined Redis reads which tokens were revoked. */
#define BROKER_REVOKED_S 2

struct broker_port;
struct gaps;
struct json_t; /* jansson's */
struct topic_page;

enum broker_op {
    BROKER_OP_PUBLISH,
    BROKER_OP_HISTORY,
    BROKER_OP_GET,
    BROKER_OP_SET,
    BROKER_OP_DELETE,
    BROKER_OP_PURGE,
    BROKER_OP_PRESENCE,
    BROKER_OP_ASK,
    BROKER_OP_LIST,
    BROKER_OP_REVOKE,
};

enum broker_status {
    BROKER_DONE,
    BROKER_NOT_DONE, /* certain: nothing was stored or read */
    BROKER_FULL,     /* certain: nothing was stored, because there is no room left for it */
    BROKER_LIMITED,  /* certain: the publish exceeded its limit; it was not done or counted */
    BROKER_UNKNOWN,  /* a write or an ASK was sent but not answered: it may have been done */
};

struct broker_publish {
    struct str topic;        /* valid */
    struct str message_json; /* JSON strings with their quotes, see hub/message.h */
    struct str origin_json;  /* or empty */
    uint64_t ttl_s;          /* 0: the default */
    uint64_t max_length;     /* entries that the log keeps of the topic; 0: the default */
    int64_t timestamp; /* ms; 0: none. Ignored unless eventlog_timestamp_is_usable accepts it */
    struct str key;    /* not empty: the publish is done once for this topic and key within
                          BROKER_KEY_S; repeats get the first id, even above the limit */
    struct rate_rule limit; /* counted for origin_json over all nodes; topic empty: no limit */
    struct author author;   /* the connection that does not want it back; n 0: none */
    struct msgid ret_id;    /* DONE */
    bool ret_repeated;      /* DONE: the key was known; nothing was stored or sent */
    uint64_t ret_retry_ms;  /* LIMITED: how long until a publish may pass; at least 1 */
};

/* Asks for one page. The answer turns the struct into the request for the next page: it updates
 * filter, snapshot_end, since and after, so the same call can be sent again while ret_more is set.
 * Entries come oldest first, in id order over all topics of the filter, without expired ones. */
struct broker_history {
    struct str filter;          /* a valid topic or pattern */
    struct msgid after;         /* only entries with a greater id */
    struct msgid snapshot_end;  /* only entries up to this id; zero: the broker sets it to the last
                                   id that was issued, or, if the call has no timeout, to an earlier
                                   one above which everything is still to come live */
    int64_t since;              /* > 0: only entries whose time is at least this; < 0: at least this
                                   many ms before now. The broker then sets `after`, and turns
                                   `since` into ms since the epoch. 0: any time */
    bool latest;                /* only the newest entry of each topic up to snapshot_end, of at
                                   most BROKER_MAX_TOPICS topics, the first ones by name. Not with
                                   since or newest; `after` of the first page is zero */
    uint32_t newest;            /* not 0: only this many entries, the newest that match; the answer
                                   sets it to 0 */
    uint32_t max_entries;       /* of this page; 0: BROKER_PAGE_ENTRIES */
    uint32_t max_bytes;         /* the page ends once it holds this many, after at least one entry;
                                   0: BROKER_PAGE_BYTES */
    struct message **ret_items; /* ret_n references, the receiver's; free() the array */
    size_t ret_n;
    bool ret_more;         /* there are entries between the last one here and snapshot_end */
    bool ret_complete;     /* nothing published after the start of this page is missing (of what
                              matches and has not expired by its own ttl), and `newest` dropped
                              nothing; for the first page this is the protocol's `recovered`. With
                              `latest`: there are not more topics, and the log, as long as it has
                              existed, has lost no message that may be one of those */
    struct gaps *ret_gaps; /* not complete: all missing messages were of these topics (gaps.h);
                              NULL: the topics are not known. The receiver's; free() it */
};

/* The key/value store. Values are any bytes. */
struct broker_kv {
    struct str key;          /* a valid topic */
    struct str value;        /* SET */
    uint64_t ttl_s;          /* SET; 0: never expires */
    bool ret_found;          /* GET, DELETE: the key existed */
    struct bytes *ret_value; /* GET, found: a reference, the receiver's; else NULL */
};

/* Removes all messages of one topic from the log, and moves its log start, so that readers from
 * before are told that messages are missing. Pages under way may still have them, but those that
 * reach a worker after a question that was asked after the answer (BROKER_OP_ASK) do not. Live
 * messages that are on their way still arrive. */
struct broker_purge {
    struct str topic;     /* a valid topic */
    uint64_t ret_removed; /* messages; some may have expired already */
};

/* Asks who is subscribed, on all nodes. Counts the connections with at least one subscription that
 * matches the topic; for a pattern, those that subscribed to exactly this pattern. */
struct broker_presence {
    struct str filter; /* a valid topic or pattern */
    bool wants_subs;
    struct presence ret_presence; /* DONE: the receiver's */
    bool ret_complete;            /* every node answered in time, and not with nothing */
};

/* Asks every worker of all nodes, or has them do something. The broker passes the question and the
 * answers on, and does not look into them. */
struct broker_ask {
    const struct json_t *question; /* an object */
    struct json_t *ret_answers;    /* DONE: an array with one element of each worker that answered;
                                      the receiver's reference */
    bool ret_complete;             /* every node answered in time, and not with nothing */
};

/* Lists topics that have a log, page by page, in the byte order of their names. A page may have
 * fewer topics than `limit`, or none, although there are more. */
struct broker_list {
    struct str filter;           /* a valid topic or pattern */
    struct str after;            /* only topics behind this text, of at most TOPIC_MAX bytes */
    size_t limit;                /* 1 to BROKER_LIST_TOPICS */
    struct topic_page *ret_page; /* DONE: the receiver's; free() it (topic_page.h) */
};

/* Keeps revoked tokens, until they end, for all nodes. DONE: this node knows them, too; the others
 * learn of them within BROKER_REVOKED_S. */
struct broker_revoke {
    struct revocation entry; /* valid */
    bool ret_full;           /* FULL: because there are REVOKED_MAX entries */
};

struct broker_call {
    struct mail mail;         /* mail.fn is set by broker_call, then to `answer` */
    mail_fn *answer;          /* runs on the caller's thread, owner of the port's inbox */
    struct broker_port *port; /* the caller's; NULL: the broker's own call, from a replay */
    struct mailbox *inbox;    /* where the answer is posted; set by broker_call */
    uint32_t lane;            /* the connection's slot: calls of one lane, except history, run in
                                 the order in which they were made */
    enum broker_op op;
    uint64_t timeout_ms; /* counts from when the broker takes the call; 0: the config's, but
                            history waits until the broker is ready, live messages included */
    uint64_t deadline;   /* set by the broker: loop_now of its loop; 0: none */
    uint64_t started_us; /* set by broker_call */
    enum broker_status status;
    union {
        struct broker_publish publish;
        struct broker_history history;
        struct broker_kv kv;
        struct broker_purge purge;
        struct broker_presence presence;
        struct broker_ask ask;
        struct broker_list list;
        struct broker_revoke revoke;
    };
};

#endif
