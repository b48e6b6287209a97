/* redis_slots.h - the hash slots of a Redis Cluster: which slot a key has, and who owns it
 * according to the answer to CLUSTER SLOTS.
 * Thread:  any; pure.
 * Trusts:  nothing: an entry or a node of the answer that is malformed is skipped, and elements
 *          that are not known are ignored.
 * Bounds:  at most REDIS_NODES_MAX nodes are kept, those of our slot first.
 */
#ifndef EH_BROKER_REDIS_SLOTS_H
#define EH_BROKER_REDIS_SLOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "broker/config.h"
#include "broker/redis/redis_redirect.h"

#define REDIS_NODES_MAX 64

struct redisReply;

/* Returns the slot of the text between the first { and the next }, if there is any, else of the
 * whole key. */
unsigned redis_slot_of(struct str key);

struct redis_slots {
    bool has_owner; /* a master owns the slot */
    bool is_named;  /* its endpoint is known; a cluster may answer "?" */
    struct redis_endpoint owner;
    struct redis_endpoint nodes[REDIS_NODES_MAX]; /* masters and replicas, each once */
    size_t n_nodes;
};

/* Reads the answer to CLUSTER SLOTS. `from` is the node that gave it: a node without a host is at
 * from's host. EH_EINVAL: this is not such an answer. */
int redis_slots_read(const struct redisReply *r, unsigned slot, const struct redis_endpoint *from,
                     struct redis_slots *ret) EH_MUST_USE;

#endif
