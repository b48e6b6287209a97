/* rpc_kv.h - the methods get, set and del: the key/value store.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_RPC_KV_H
#define EH_APP_RPC_KV_H

#include "app/rpc/rpc_call.h"

rpc_fn rpc_kv_get, rpc_kv_set, rpc_kv_del;

#endif
