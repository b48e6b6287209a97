/* redis_check.h - checks whether Eventhub can use a Redis, and reports what it finds.
 * Thread:  any without a loop of its own: it blocks, and runs a loop meanwhile.
 * How:     with the same connections, commands and scripts as the server. They run on keys and
 *          channels of a scratch area inside those of REDIS_PREFIX, so that the rights of the
 *          server are sufficient, and no server and no client notices. The keys are deleted at the
 *          end.
 * Bounds:  timeout_ms of the configuration, and REDIS_CHECK_SPARE_MS.
 */
#ifndef EH_BROKER_REDIS_CHECK_H
#define EH_BROKER_REDIS_CHECK_H

#include <stdbool.h>

#include "broker/config.h"
#include "broker/finding.h"

#define REDIS_CHECK_SPARE_MS 3000

/* Reports each finding as soon as it is known. Returns whether none of them was a failure. */
bool redis_check(const struct broker_config *config, finding_fn *report, void *owner);

#endif
