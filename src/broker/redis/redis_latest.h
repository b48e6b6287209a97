/* redis_latest.h - the newest entries of many topics, one of each, in the order of their ids.
 * Thread:  the broker's; pure.
 * Owns:    its array: 24 bytes for each topic that has an entry.
 */
#ifndef EH_BROKER_REDIS_LATEST_H
#define EH_BROKER_REDIS_LATEST_H

#include <stddef.h>

#include "hub/msgid.h"

struct redis_latest {
    struct redis_latest_entry {
        struct msgid id;
        size_t topic; /* its number */
    } * entries;
    size_t n, cap;
};

void redis_latest_done(struct redis_latest *l);
void redis_latest_add(struct redis_latest *l, struct msgid id, size_t topic);
void redis_latest_sort(struct redis_latest *l); /* by id; after the last add */
/* Returns the index of the first entry at or above the id. */
size_t redis_latest_from(const struct redis_latest *l, struct msgid id);

#endif
