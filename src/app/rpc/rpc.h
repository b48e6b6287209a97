/* rpc.h - JSON-RPC: what a whole text message of a client is for, a request or a batch.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_RPC_H
#define EH_APP_RPC_H

#include "app/conn/conn_ws.h"

extern const struct ws_service rpc_service;

#endif
