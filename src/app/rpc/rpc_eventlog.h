/* rpc_eventlog.h - the method eventlog: reads the log.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_RPC_EVENTLOG_H
#define EH_APP_RPC_EVENTLOG_H

#include "app/rpc/rpc_call.h"

rpc_fn rpc_eventlog;

#endif
