/* presence.h - who is subscribed: how many connections, and the distinct `sub`s of their tokens.
 * Thread:  any; pure.
 * Owns:    copies of the subs, until presence_done. {0} is empty.
 * Bounds:  PRESENCE_SUBS subs; if there are more, it keeps those that sort first by their bytes.
 */
#ifndef EH_HUB_PRESENCE_H
#define EH_HUB_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/shared.h"
#include "base/str.h"

#define PRESENCE_SUBS 1000

struct presence {
    uint64_t count; /* connections; the user counts them */
    bool more;      /* some subs are not in the list */
    size_t n_subs;
    struct bytes **subs; /* sorted by bytes, each once */
};

void presence_add_sub(struct presence *p, struct str sub); /* ignores an empty one */
void presence_merge(struct presence *p, const struct presence *other);
void presence_done(struct presence *p);

/* Appends the subs as a JSON array of at most max_bytes. False: not all of them fitted. */
bool presence_add_json(const struct presence *p, size_t max_bytes, struct buf *out);

#endif
