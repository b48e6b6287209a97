/* sub_ws.h - subscriptions over WebSocket: each message is a result under the id of the request.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_SUB_WS_H
#define EH_APP_SUB_WS_H

#include "app/sub/sub_data.h"

/* Returns the writer with or without permessage-deflate, as negotiated. */
const struct sub_writer *sub_ws_writer_for(const struct conn *c);

#endif
