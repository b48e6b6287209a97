/* node.h - a broker and two workers, as in the daemon, driven by a test.
 * Thread:  the test's main thread calls all of this. Each worker has its own thread with a loop and
 *          an inbox, and calls the broker only from there.
 * Waits:   for conditions, at most NODE_PATIENCE_MS; then the test fails.
 */
#ifndef EH_TESTS_NODE_H
#define EH_TESTS_NODE_H

#include "broker/broker.h"
#include "hub/metrics.h"

#define NODE_WORKERS     2
#define NODE_PATIENCE_MS 20000

struct json_t; /* jansson's */
struct node;

/* Starts broker and workers; returns before the broker is ready. The node sets config->metrics. The
 * workers want all messages (`#`), or nothing yet. */
struct node *node_start(const struct broker_config *config);
struct node *node_start_idle(const struct broker_config *config);
void node_await_ready(struct node *n, bool ready);
/* Waits until everything posted has reached the broker, then stops it. Mail that node_hold keeps
 * back is delivered after that. */
void node_stop(struct node *n);
/* Stops the node, ends the threads, checks that every call was answered as often as it was posted,
 * and frees everything. Accepts NULL. */
void node_free(struct node *n);

/* A call and its answer; lives until node_free. */
struct asked {
    struct broker_call call;
    struct list link; /* in the node's list */
    size_t posts;
    size_t answers; /* under the node's lock */
    char topic[64];
    struct str text; /* a copy of the message's JSON or of the value */
    struct mail post;
};

/* When the broker counts, each worker answers with 3 connections, the sub `both`, and a sub of its
 * own, `worker 0` or `worker 1`. */

/* Prepares a call without posting it; history has no deadline, the others have the config's. */
struct asked *node_publish_call(struct node *n, const char *topic, struct str json);
struct asked *node_kv_call(struct node *n, enum broker_op op, const char *key, struct str value);
struct asked *node_revoke_call(struct node *n, const struct revocation *entry);
struct asked *node_purge_call(struct node *n, const char *topic);
struct asked *node_history_call(struct node *n, const struct broker_history *question);
struct asked *node_presence_call(struct node *n, const char *topic, bool wants_subs);
struct asked *node_ask_call(struct node *n, struct json_t *question); /* takes the reference */
struct asked *node_list_call(struct node *n, const struct broker_list *list);

struct revoked *node_revoked(struct node *n); /* the table that its broker fills */

void node_post(struct node *n, unsigned worker, struct asked *a);
void node_await(struct node *n, struct asked *a);
bool node_is_answered(struct node *n, const struct asked *a);

void node_ask(struct node *n, struct asked *a); /* posts and awaits */
/* The same, from worker 0. node_publish fails the test unless the answer is DONE. */
struct msgid node_publish(struct node *n, const char *topic, const char *json);
void node_history(struct node *n, struct asked *a);

/* A want and its answer; lives until node_free, which checks that it was answered once. */
struct wanted {
    struct broker_want want;
    struct list link;       /* in the node's list */
    size_t answers;         /* under the node's lock */
    struct msgid last_live; /* of the messages that the worker received before the answer */
    char filter[64];
    struct mail post;
    struct mail post_unwant;
};

struct wanted *node_want(struct node *n, unsigned worker, const char *filter, bool reads_history);
void node_await_want(struct node *n, struct wanted *wanted);
void node_unwant(struct node *n, unsigned worker, struct wanted *wanted); /* once */

/* The live messages that a worker has received so far, oldest first. */
size_t node_live_count(struct node *n, unsigned worker);
void node_await_live(struct node *n, unsigned worker, size_t count);
const struct message *node_live(struct node *n, unsigned worker, size_t i);

/* Waits until a worker was told of `count` gaps. Returns how many there are, and the last one. */
struct node_gap {
    size_t count;
    size_t at;      /* live messages before it */
    char gaps[128]; /* its topics, a space after each; empty: the topics are not known */
};
struct node_gap node_await_gap(struct node *n, unsigned worker, size_t count);

uint64_t node_metric(const struct node *n, enum metric metric); /* the broker's */

/* From now on its workers answer nothing to questions but those of presence. */
void node_mute(struct node *n);
/* Keeps the worker from reading its inbox until node_release. */
void node_hold(struct node *n, unsigned worker);
void node_release(struct node *n, unsigned worker);

#endif
