/* worker.h - one worker thread: its loop, its connections, its subscriptions, its inbox.
 * Thread:  worker_create, worker_start, worker_join and worker_free from main; worker_drain and
 *          worker_stop post to it from main; everything else on the worker's own thread.
 * Owns:    its connections (by slot), the trie, the counters. Across threads travels a ticket
 *          (struct conn_ref), never a pointer to a connection.
 * Never:   blocks.
 */
#ifndef EH_APP_WORKER_H
#define EH_APP_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "app/config/config.h"
#include "app/listeners.h"
#include "broker/broker.h"
#include "hub/auth.h"
#include "hub/metrics.h"
#include "hub/trie.h"
#include "net/loop.h"
#include "net/mailbox.h"

#define WORKER_MAX_INTERNAL 64 /* connections of the internal listener, beside MAX_CONNECTIONS */

struct compression;
struct conn;
struct per_ip;
struct ws_service;

/* What all workers share: immutable once they run, but for the flag. */
struct context {
    const struct config *config;
    const struct ws_service *service; /* app/conn.h: what clients talk to */
    struct auth_policy tokens;
    const struct listeners *listeners;
    struct broker *broker;
    struct metrics_source metrics;
    struct metrics_cell *const *workers; /* the workers' cells, for MAX_CONNECTIONS */
    size_t n_workers;
    struct per_ip *per_ip;      /* MAX_CONNECTIONS_PER_IP; NULL: no limit */
    uint64_t max_output_memory; /* of all workers together */
    uint64_t max_connections;   /* of all workers together */
    atomic_bool draining;       /* set by main: not ready any more */
};

/* A ticket: finds the connection again, or finds that it hung up meanwhile. */
struct conn_ref {
    uint32_t slot;
    uint32_t generation;
};

struct conn_slot {
    struct conn *conn; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

/* How the end is spread over time. The workers take turns, those without clients do not count. */
struct drain_plan {
    uint64_t spread_ms;
    uint32_t turn; /* of this worker */
    uint32_t turns;
};

struct worker {
    const struct context *context;
    unsigned index;
    struct loop *loop;
    struct mailbox *inbox;
    struct broker_port *port;
    struct metrics_cell *metrics;
    struct trie *trie;
    uint32_t n_counts;   /* how often its connections were counted (sub_presence.c) */
    struct msgid newest; /* highest id that came to this worker: where a new subscription starts */
    struct auth *everybody;          /* the rights of all, with DISABLE_AUTH */
    struct shared *ping;             /* one Ping frame for all */
    time_t date_s;                   /* the second of `date` */
    char date[40];                   /* HTTP: the header line */
    struct compression *compression; /* NULL: ENABLE_COMPRESSION is false */
    struct conn_slot *slots;
    uint32_t n_slots;   /* ever used */
    uint32_t free_slot; /* head of the free list, or UINT32_MAX */
    uint32_t n_conns;
    uint32_t n_internal;  /* of them, from the internal listener: no clients */
    size_t pending_bytes; /* of requests that the broker has not answered */
    struct list live;     /* of struct live_batch: not yet delivered */
    size_t live_next;     /* place in the first of them */
    struct loop_task live_task;
    struct loop_task output_task; /* looks at what waits for clients */
    struct list throttled;        /* connections that are not read until answers come */
    struct timer chores;          /* once a second: gauges */
    struct timer drain;
    struct drain_plan drain_plan; /* set by main, read with drain_mail */
    uint64_t drain_from_ms;       /* monotonic; closes are spread over [from, until] */
    uint64_t drain_until_ms;
    uint32_t drain_slot; /* next slot to look at */
    uint32_t n_to_tell;  /* connections when it began, but for those that were idle */
    uint32_t n_told;
    struct mail drain_mail;
    struct mail stop_mail;
    struct mail drained_mail; /* to main, once: no connection is left */
    struct mailbox *main_box;
    bool draining;
    bool drained;
    bool stopped;
    pthread_t thread;
};

int worker_create(const struct context *context, unsigned index, struct metrics_cell *metrics,
                  struct worker **ret_worker) EH_MUST_USE;
int worker_start(struct worker *w) EH_MUST_USE;
/* Ends all connections, WebSockets with 1001, spread as planned; posts drained (fn on_drained) to
 * main_box when none is left and every request was answered. Call it once. */
void worker_drain(struct worker *w, const struct drain_plan *plan, struct mailbox *main_box,
                  mail_fn *on_drained);
void worker_stop(struct worker *w); /* resets what is left and ends the thread */
void worker_join(struct worker *w); /* then its inbox is drained by whoever calls worker_free */
void worker_free(struct worker *w);

mail_fn worker_on_accepted; /* a struct accepted */

/* output.c: what waits for clients may have become more, or less. */
void output_init(struct worker *w);
void output_changed(struct worker *w);
void output_check(struct worker *w); /* now; not in the middle of a delivery or an answer */

/* For conn.c */
struct conn_ref worker_add(struct worker *w, struct conn *c);
void worker_remove(struct worker *w, struct conn_ref ref);
struct conn *worker_find(const struct worker *w, struct conn_ref ref); /* NULL: it hung up */

#endif
