/* worker_state.h - the data of one worker that its rooms share: connections, subscriptions, HTTP.
 * Thread:  the worker's.
 * Owns:    what app/worker.c creates and frees along with it. That file also keeps what only the
 *          thread itself needs (its inbox, the progress of a drain).
 */
#ifndef EH_APP_WORKER_STATE_H
#define EH_APP_WORKER_STATE_H

#include <time.h>

#include "app/conn/conn_table.h"
#include "app/conn/context.h"
#include "base/list.h"
#include "hub/msgid.h"
#include "net/loop.h"

struct broker_port;
struct compression;
struct shared;
struct trie;
struct wants;

/* New connections (newcomers.h). */
struct newcomers {
    struct list waiting;   /* those with input that will be read in a later turn */
    unsigned n_read;       /* in this turn */
    uint64_t from_us;      /* when the first of them was */
    struct loop_task next; /* reads more of them */
    struct loop_task end;  /* of this turn */
};

struct worker {
    const struct context *context;
    unsigned index;
    struct loop *loop;
    struct broker_port *port;
    struct metrics_cell *metrics;
    struct auth *everybody;          /* the rights of every client, with DISABLE_AUTH */
    struct compression *compression; /* NULL: ENABLE_COMPRESSION is false */

    /* connections */
    struct conn_table conns;
    uint32_t n_internal;   /* connections of the internal listener */
    size_t pending_bytes;  /* of requests that the broker has not answered */
    struct list throttled; /* connections that are not read until answers come */
    struct newcomers newcomers;
    struct list held;             /* requests that wait behind a subscription (order.h) */
    struct timer held_timer;      /* the deadline of the first of them */
    struct shared *ping;          /* one Ping frame for all */
    struct loop_task output_task; /* checks the output of all connections (output_limit.h) */
    uint64_t drain_until_ms;      /* loop_now; when connections must have ended */
    bool draining;

    /* subscriptions (app/sub) */
    struct trie *trie;
    struct wants *wants; /* filters that the broker was asked for (wants.h) */
    struct msgid newest; /* highest id that was delivered here; zero: none yet */
    struct list live;    /* of struct live_batch: messages that are not delivered yet */
    size_t live_next;    /* index of the next message in the first batch */
    struct loop_task live_task;
    uint32_t n_counts;   /* how often subscribers were counted (sub_presence.c) */
    uint64_t author_id;  /* a random number that no other worker has (echo.h) */
    uint64_t n_authored; /* publishes with an author */

    struct list walks;  /* over its connections, for the control API (app/http/api_worker.h) */
    uint32_t n_revoked; /* revoked_changes when the last walk for revoked tokens began */

    /* HTTP: the Date line, made once a second */
    time_t date_s;
    char date[40];
};

/* Has the total output checked at the end of this turn. Called after output was queued or sent. */
static inline void worker_output_changed(struct worker *w)
{
    if (!list_linked(&w->output_task.link))
        loop_reap_later(w->loop, &w->output_task);
}

#endif
