/* api_worker.h - one worker's answers to the questions that the control API asks all workers of all
 * nodes (docs/ARCHITECTURE.md).
 * Thread:  the worker's.
 * Questions, as JSON; the members with ? are optional:
 *   {"op":"nodes"}
 *   {"op":"clients","limit":n,"sub"?,"topic"?,"after"?}    after: the id of the last client seen
 *   {"op":"disconnect","reason":text,"client"?,"sub"?}     one of the two
 *   {"op":"revoke","until":ms,"jti"?,"sub"?,"before"?}     jti, or sub and before (ms)
 *   {"op":"subscribers","topics":[...]}                    topics without wildcards
 *   {"op":"purged"}                                        whether a purge was seen (api_log.h)
 * Answers:
 *   {"node","host","version","started","connections","subscriptions"}
 *   {"clients":[...],"more":bool}
 *   {"disconnected":n}                                     to disconnect and revoke
 *   {"subscribers":[n,...]}                                of each topic, as presence counts them
 *   {}                                                     to purged
 * Bounds:  a walk over the connections takes API_WALK_STEP steps in a turn and goes on in the next
 *          one, so that clients do not wait for it; one walk at a time. A connection is a step, and
 *          so is each of its subscriptions if they are compared or end. Disconnecting a client
 *          counts as API_DISCONNECT_STEPS, so at most 64 are disconnected in a turn, which takes a
 *          millisecond or two. A walk over topics takes a step for each, and one for each
 *          subscription to it; it pauses between two topics only.
 * Trusts:  nothing in the question: it came through Redis. An unknown one is answered with nothing,
 *          and so is one that could not be done. The answer to the operator is then not complete.
 */
#ifndef EH_APP_API_WORKER_H
#define EH_APP_API_WORKER_H

#include "app/conn/worker_state.h"
#include "broker/worker_mail.h"

#define API_WALK_STEP        4096
#define API_DISCONNECT_STEPS 64  /* closing costs as much as looking at so many connections */
#define API_CLIENTS_MAX      100 /* in one answer */

/* The id of a client: 39 characters that sort by node, worker and slot. */
#define API_CLIENT_ID 40 /* with the NUL */

void api_worker_ask(struct worker *w, struct broker_count *part);
/* Disconnects clients whose token was revoked since the last walk that did so. Once a second, for
 * what a node learns without being asked. */
void api_worker_end_revoked(struct worker *w);
/* Ends all walks and answers with what they have found, because the worker ends. */
void api_worker_end(struct worker *w);

/* Returns how many clients an answer may have, for the limit of a question. */
static inline size_t api_clients_limit(int64_t limit)
{
    return limit > 0 && limit < API_CLIENTS_MAX ? (size_t)limit : API_CLIENTS_MAX;
}

/* Reads an id; the name of the node is its first 16 characters. False: it is not one. */
bool api_client_id_is_valid(struct str id);

#endif
