/* rpc.h - JSON-RPC requests of one connection: the method table and what its handlers share.
 * Thread:  the connection's worker.
 * Fails:   a handler returns EH_OK (it answered, or a broker call will, to which it gave the reply)
 *          or a jsonrpc_error code with one sentence in call->params.why; rpc.c answers that.
 */
#ifndef EH_APP_RPC_H
#define EH_APP_RPC_H

#include "app/conn/conn.h"
#include "app/conn/reply.h"
#include "app/rpc/params.h"
#include "app/sub/sub.h"
#include "proto/jsonrpc.h"

struct rpc_call {
    struct conn *conn;
    struct reply reply;
    struct params params;
};

typedef int rpc_fn(struct rpc_call *call);

/* A text message is a request or a batch. */
extern const struct ws_service rpc_service;

/* rpc_pubsub.c, rpc_eventlog.c, rpc_kv.c, rpc_presence.c, rpc_auth.c */
rpc_fn rpc_subscribe, rpc_publish, rpc_unsubscribe, rpc_unsubscribe_all, rpc_list, rpc_eventlog;
rpc_fn rpc_get, rpc_set, rpc_del, rpc_presence, rpc_auth;

/* Shared steps. */
void rpc_answer(struct rpc_call *call, json_t *result); /* takes the reference */

/* One call to the broker on behalf of a request. `done` runs on the worker with the connection, or
 * NULL if that hung up; after it the reply, if it was not sent, is dropped, and the pending freed.
 */
struct pending {
    struct broker_call call;
    struct worker *worker;
    struct conn_ref conn;
    size_t bytes;    /* counted against the bounds of conn.h */
    size_t expected; /* that the answer may have; counted in conn->expected meanwhile */
    void (*done)(struct pending *p, struct conn *c);
    struct reply reply; /* its id is a copy that lives as long as the pending */
};

void pending_start(struct pending *p, struct conn *c, enum broker_op op);

#endif
