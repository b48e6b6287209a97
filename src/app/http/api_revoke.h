/* api_revoke.h - POST /api/revoke: ends one token, or all tokens of a sub that were issued before a
 * time, on all nodes.
 * Thread:  the connection's worker.
 * Order:   the broker keeps the entry first: from then on each node learns of it, whatever happens
 *          to this request. Then all workers are asked to disconnect clients (api_worker.h).
 * Bounds:  a body of API_BODY_MAX bytes; an end at most API_REVOKE_MAX_S ahead.
 */
#ifndef EH_APP_API_REVOKE_H
#define EH_APP_API_REVOKE_H

#include "app/conn/conn.h"

#define API_REVOKE_MAX_S     31536000 /* a year */
#define API_REVOKE_DEFAULT_S 2592000  /* 30 days */
/* An entry is kept this much longer than its tokens, because a clock may be behind, and JWT_LEEWAY
 * lengthens tokens. */
#define API_REVOKE_SPARE_S 600

void api_revoke_run(struct conn *c); /* as api_call.h says */

#endif
