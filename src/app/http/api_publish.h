/* api_publish.h - POST /api/publish: many messages to many topics in one request.
 * Thread:  the connection's worker.
 * Bounds:  API_PUBLISH_MAX messages; the body holds all of them (http_later.h). The messages go to
 *          the broker in one turn, so that they share its commands, and each has its own answer.
 */
#ifndef EH_APP_API_PUBLISH_H
#define EH_APP_API_PUBLISH_H

#include "app/conn/conn.h"

#define API_PUBLISH_MAX 1000

void api_publish_run(struct conn *c); /* as api_call.h says */

#endif
