/* redis_sentinel_text.h - parses what a Sentinel reports about a master: the answer to SENTINEL
 * MASTER, and the messages on the channel +switch-master.
 * Thread:  any; pure.
 * Trusts:  nothing that a Sentinel sends.
 */
#ifndef EH_BROKER_REDIS_SENTINEL_TEXT_H
#define EH_BROKER_REDIS_SENTINEL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "broker/config.h"

struct redisReply;

/* The flags are not read: a master that is down is still the master until another one is
 * promoted. */
struct redis_sentinel_master {
    struct redis_endpoint endpoint;
    uint64_t epoch; /* of this configuration: the higher one is newer; 0: not reported */
};

/* EH_ENOENT: the Sentinel does not know a master of that name. EH_EINVAL: the reply is another
 * error, or malformed. */
int redis_sentinel_read_master(const struct redisReply *r,
                               struct redis_sentinel_master *ret) EH_MUST_USE;

/* Reports whether a message of +switch-master (name, old host and port, new host and port) is about
 * this master. */
bool redis_sentinel_is_switch(struct str payload, struct str name);

#endif
