/* worker_mail.h - what the broker posts to a worker besides answers: batches of live messages, and
 * headcount questions. Types only; broker.h has the functions.
 */
#ifndef EH_BROKER_WORKER_MAIL_H
#define EH_BROKER_WORKER_MAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "hub/msgid.h"
#include "hub/presence.h"
#include "net/mailbox.h"

/* Bounds of the live messages that wait for one worker (docs/ARCHITECTURE.md). */
#define BROKER_LIVE_MAX_MESSAGES 65536
#define BROKER_LIVE_MAX_BYTES    (32u * 1024 * 1024)

struct gaps;
struct headcount;
struct json_t; /* jansson's */
struct message;
struct outbox;

/* Live messages for one worker, in the order of the feed. The worker frees it with live_batch_free,
 * which gives the room back to the outbox. */
struct live_batch {
    struct mail mail;
    struct outbox *outbox;
    bool has_gap;            /* messages are missing before the first one here */
    struct gaps *gaps;       /* ... only of these topics; NULL: the topics are not known */
    size_t n;                /* 0: only a gap, or a new high-water mark */
    size_t bytes;            /* of the bodies */
    struct msgid high_water; /* the highest id of ours posted to this worker, this batch included */
    struct message *items[];
};

/* Asks one worker who is subscribed, or a question that the broker only passes on. The worker fills
 * in `presence` or `answer`, now or later, and returns the struct with broker_counted. */
struct broker_count {
    struct mail mail;
    struct headcount *headcount; /* the broker's */
    struct str filter;
    bool wants_subs;
    struct presence presence;
    const struct json_t *question; /* NULL: who is subscribed to the filter; valid until the worker
                                      returns the struct */
    struct json_t *answer;         /* a reference, then the broker's; NULL: none */
};

#endif
