/* check_broker.h - eventhub --check-broker: prints whether a server with the same options could use
 * its Redis.
 * Thread:  main of a process of its own: it blocks, for a few seconds longer than BROKER_TIMEOUT at
 *          most.
 */
#ifndef EH_APP_CHECK_BROKER_H
#define EH_APP_CHECK_BROKER_H

#include <stdbool.h>

#include "app/config/config.h"

struct tls;

/* Prints one line for each finding, and the verdict. False: a server could not work with this
 * Redis. redis_tls comes from redis_tls_load. */
bool check_broker(const struct config *config, struct tls *redis_tls);

#endif
