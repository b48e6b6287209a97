/* api_topics.h - GET /api/topics: the topics of the event log, and how many clients of all nodes
 * are subscribed to each.
 * Thread:  the connection's worker.
 * How:     the broker lists a page of topics, and then all workers are asked for the subscribers of
 *          these (api_ask.h).
 * Bounds:  a page of BROKER_LIST_TOPICS topics, for which the broker looks at BROKER_LIST_NAMES
 *          names. If it has found fewer by then, the answer says where the next page begins.
 */
#ifndef EH_APP_API_TOPICS_H
#define EH_APP_API_TOPICS_H

struct conn;

void api_topics_list(struct conn *c); /* as api_call.h says */

#endif
