/* rpc_presence.h - the method presence: who is subscribed.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_RPC_PRESENCE_H
#define EH_APP_RPC_PRESENCE_H

#include "app/rpc/rpc_call.h"

rpc_fn rpc_presence;

#endif
