/* config_redis.h - the rules that concern more than one option about Redis, and the endpoints that
 * the options name.
 * Thread:  main.
 */
#ifndef EH_APP_CONFIG_REDIS_H
#define EH_APP_CONFIG_REDIS_H

#include "app/config/config.h"
#include "base/buf.h"
#include "base/err.h"

/* Fills redis_hosts and redis_sentinel_hosts, and takes REDIS_URL apart. config_load calls it, and
 * config_read_secrets if the URL comes from a file: the first call then checks only the rest. Fails
 * as config_load does. */
int config_settle_redis(struct config *c, struct buf *why) EH_MUST_USE;

#endif
