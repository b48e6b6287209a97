/* node.h - one broker and two workers, as a daemon would have them, driven by a test.
 * Thread:  the test's main thread calls all of this; each worker has a thread with a loop and an
 *          inbox, from which alone it calls the broker.
 * Waits:   for conditions, at most NODE_PATIENCE_MS; then the test fails.
 */
#ifndef EH_TESTS_NODE_H
#define EH_TESTS_NODE_H

#include "broker/broker.h"
#include "hub/metrics.h"

#define NODE_WORKERS     2
#define NODE_PATIENCE_MS 20000

struct node;

/* Broker, workers, threads; returns before the broker is ready. config->metrics is the node's. */
struct node *node_start(const struct broker_config *config);
void node_await_ready(struct node *n, bool ready);
/* All that was posted reaches the broker, then broker_stop. What waits behind node_hold comes after
 * that. */
void node_stop(struct node *n);
/* node_stop, ends the threads, checks that every call was answered as often as it was posted, frees
 * all. NULL is fine. */
void node_free(struct node *n);

/* A call and what became of it; lives until node_free. */
struct asked {
    struct broker_call call;
    struct list link; /* in its node */
    size_t posts;
    size_t answers; /* under the node's lock */
    char topic[64];
    struct str text; /* the message's JSON or the value, own copy */
    struct mail post;
};

/* What a worker says when the broker counts: 3 connections and the sub `both`, and each its own
 * sub, `worker 0` or `worker 1`. */

/* Fills a call in without posting it; history has no deadline, the others have the config's. */
struct asked *node_publish_call(struct node *n, const char *topic, struct str json);
struct asked *node_kv_call(struct node *n, enum broker_op op, const char *key, struct str value);
struct asked *node_history_call(struct node *n, const struct broker_history *question);
struct asked *node_presence_call(struct node *n, const char *topic, bool wants_subs);

void node_post(struct node *n, unsigned worker, struct asked *a);
void node_await(struct node *n, struct asked *a);
bool node_is_answered(struct node *n, const struct asked *a);

void node_ask(struct node *n, struct asked *a); /* post and await */
/* The same, of worker 0. node_publish fails the test unless it is DONE. */
struct msgid node_publish(struct node *n, const char *topic, const char *json);
void node_history(struct node *n, struct asked *a);

/* Live messages that a worker has received so far, oldest first. */
size_t node_live_count(struct node *n, unsigned worker);
void node_await_live(struct node *n, unsigned worker, size_t count);
const struct message *node_live(struct node *n, unsigned worker, size_t i);

/* Waits until so many gaps were told to a worker, and returns how many there are and the last. */
struct node_gap {
    size_t count;
    size_t at;      /* live messages before it */
    char gaps[128]; /* its topics, each with a space behind it; empty: nobody knows of which */
};
struct node_gap node_await_gap(struct node *n, unsigned worker, size_t count);

uint64_t node_metric(const struct node *n, enum metric metric); /* of the broker */

/* The worker does not look into its inbox until node_release. */
void node_hold(struct node *n, unsigned worker);
void node_release(struct node *n, unsigned worker);

#endif
