/* config_conflicts.h - options that conflict. config_redis.h has the rules for options about Redis.
 * Thread:  main; pure.
 */
#ifndef EH_APP_CONFIG_CONFLICTS_H
#define EH_APP_CONFIG_CONFLICTS_H

#include "app/config/config.h"
#include "base/buf.h"
#include "base/err.h"

/* EH_EINVAL: `why` says which options conflict, and what to do. */
int config_find_conflict(const struct config *c, struct buf *why) EH_MUST_USE;

#endif
