/* api_log.h - DELETE /api/log/<topic>: removes all messages of a topic from the log.
 * Thread:  the connection's worker.
 * All:     the broker removes them, and then all workers of all nodes are asked a question, which
 *          is behind that in order. When all have answered, none has a page with these messages
 *          left that it has not handed to its client's connection.
 */
#ifndef EH_APP_API_LOG_H
#define EH_APP_API_LOG_H

#include "app/conn/conn.h"

void api_log_purge(struct conn *c); /* as api_call.h says */

#endif
