/* redis_cluster.h - finds the owner of our slot by asking the nodes of a cluster (redis_finder.h).
 * Thread:  the broker's.
 * Owns:    one connection, to the node that answered last.
 */
#ifndef EH_BROKER_REDIS_CLUSTER_H
#define EH_BROKER_REDIS_CLUSTER_H

#include "broker/redis/redis_finder.h"

extern const struct redis_finder_ops redis_cluster_finder;

#endif
