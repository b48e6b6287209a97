/* redis.h - the Redis engine: nodes that share one Redis form a cluster.
 * Thread:  the broker's.
 */
#ifndef EH_BROKER_REDIS_REDIS_H
#define EH_BROKER_REDIS_REDIS_H

#include "broker/core.h"

extern const struct engine_ops redis_engine;

#endif
