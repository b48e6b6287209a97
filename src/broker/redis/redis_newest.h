/* redis_newest.h - the ids of the newest entries of many topics, which are read chunk by chunk.
 * Thread:  the broker's; pure.
 * Owns:    its array of at most `most` ids, from redis_newest_init to redis_newest_done.
 */
#ifndef EH_BROKER_REDIS_NEWEST_H
#define EH_BROKER_REDIS_NEWEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/msgid.h"

struct redis_newest {
    uint32_t most;
    struct msgid *ids; /* the newest first */
    size_t n;
    bool has_older; /* there are entries that are older than all of them */
};

void redis_newest_init(struct redis_newest *n, uint32_t most);
void redis_newest_done(struct redis_newest *n);
/* Adds those of a chunk, the newest first; has_older: the chunk has older ones. */
void redis_newest_add(struct redis_newest *n, const struct msgid *ids, size_t n_ids,
                      bool has_older);
/* Returns the lowest id from which the next chunk must be read; `from`: everything must be. */
struct msgid redis_newest_from(const struct redis_newest *n, struct msgid from);

#endif
