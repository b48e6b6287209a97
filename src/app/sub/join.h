/* join.h - a subscription that waits for its filter, or reads history, before it goes live (join.c
 * explains how).
 * Thread:  the connection's worker.
 * Owns:    the struct join, which sub->join points to until the subscription is live or closed.
 * Answers: the request, when the filter is live (wants.h), and with history when the first page of
 *          the log has arrived. In a batch all messages follow the array of answers.
 * Bounds:  the backlog counts towards MAX_OUTPUT_QUEUE.
 */
#ifndef EH_APP_JOIN_H
#define EH_APP_JOIN_H

#include "app/sub/sub_data.h"

struct batch;
struct order;

/* Waits until the filter is live, and reads the log if reads_history is set. Takes the reply. */
void join_start(struct sub *s, const struct sub_request *rq, bool reads_history,
                struct reply *reply);
/* For a live subscription without history: buffers messages until the batch's array was sent. */
void join_after(struct sub *s, struct str filter, struct batch *batch);

/* These are called only while s->join is set. */
bool join_is_waiting(const struct sub *s);          /* for its filter: it gets no messages */
void join_buffer(struct sub *s, struct message *m); /* takes a live message into the backlog */
void join_gap(struct sub *s);                       /* notes that live messages were lost */
/* Returns its place in the client's queue (order.h), where later requests wait for it. It has one
 * while it waits for its filter, over WebSocket. */
struct order *join_order(const struct sub *s);
/* Ends the join with its subscription. `has_failed`: if the request is not answered yet, it stays
 * without an answer. */
void join_abandon(struct sub *s, bool has_failed);

#endif
