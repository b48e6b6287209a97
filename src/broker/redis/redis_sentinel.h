/* redis_sentinel.h - finds the master by asking Sentinels (redis_finder.h).
 * Thread:  the broker's.
 * Owns:    two connections to each Sentinel.
 */
#ifndef EH_BROKER_REDIS_SENTINEL_H
#define EH_BROKER_REDIS_SENTINEL_H

#include "broker/redis/redis_finder.h"

extern const struct redis_finder_ops redis_sentinel_finder;

#endif
