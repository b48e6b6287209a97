/* api_cluster.h - the endpoints that ask all nodes: GET /api/nodes, GET /api/clients and
 * POST /api/disconnect. Each asks all workers (api_worker.h) through the broker, and merges what
 * they answer.
 * Thread:  the connection's worker.
 * Bounds:  a page of API_CLIENTS_MAX clients; a body of API_BODY_MAX bytes. A node that does not
 *          answer within a second is left out, and the answer has "complete":false.
 */
#ifndef EH_APP_API_CLUSTER_H
#define EH_APP_API_CLUSTER_H

#include "app/conn/conn.h"

#define API_REASON_MAX 100 /* bytes; a Close has room for 123 */

struct api_question;
struct json_t; /* jansson's */

/* A merge (api_ask.h): the sum of "disconnected". */
struct json_t *api_cluster_disconnected(const struct api_question *q, const struct json_t *answers);

/* As api_call.h says. */
void api_cluster_nodes(struct conn *c);
void api_cluster_clients(struct conn *c);
void api_cluster_disconnect(struct conn *c);

#endif
