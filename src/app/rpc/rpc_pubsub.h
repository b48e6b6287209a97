/* rpc_pubsub.h - the methods subscribe, unsubscribe, unsubscribeAll, list and publish.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_RPC_PUBSUB_H
#define EH_APP_RPC_PUBSUB_H

#include "app/rpc/rpc_call.h"

rpc_fn rpc_pubsub_subscribe, rpc_pubsub_unsubscribe, rpc_pubsub_unsubscribe_all, rpc_pubsub_list;
rpc_fn rpc_pubsub_publish;

#endif
