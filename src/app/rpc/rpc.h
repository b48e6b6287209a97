/* rpc.h - JSON-RPC: executes the text messages of clients, each of them a request or a batch.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_RPC_H
#define EH_APP_RPC_H

#include "app/conn/conn_ws.h"

extern const struct ws_service rpc_service;

#endif
