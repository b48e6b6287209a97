/* rpc_auth.h - the method auth: replaces the connection's token.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_RPC_AUTH_H
#define EH_APP_RPC_AUTH_H

#include "app/rpc/rpc_call.h"

rpc_fn rpc_auth;

#endif
