/* rpc_call.h - one JSON-RPC request, as its handler gets it.
 * Thread:  the connection's worker.
 * Owns:    the reply. A handler that answers later takes it along (reply_take).
 * Borrows: the connection and the params, both only while the handler runs.
 * Fails:   a handler returns EH_OK if it answered or something else will answer later. Otherwise
 *          it returns the code from params_fail, and rpc.c sends the error.
 */
#ifndef EH_APP_RPC_CALL_H
#define EH_APP_RPC_CALL_H

#include "app/conn/conn.h"
#include "app/conn/reply.h"
#include "app/rpc/params.h"

struct rpc_call {
    struct conn *conn;
    struct reply reply;
    struct params params;
};

typedef int rpc_fn(struct rpc_call *call);

/* Answers the call and takes the reference to result. A request without an id is not answered. */
static inline void rpc_call_answer(struct rpc_call *call, json_t *result)
{
    reply_result_tree(&call->reply, call->conn, result);
}

#endif
