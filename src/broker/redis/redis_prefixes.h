/* redis_prefixes.h - the prefixes of topics that patterns need, and a few that cover them all.
 * Thread:  the broker's; pure.
 * Words:   a *prefix* is empty, or it ends in a slash: `a/` begins `a/b` and `a/b/c`, but not `a`.
 *          It *covers* each prefix and topic that begins with it.
 * Owns:    a tree of levels. A level is freed when no prefix needs it.
 * Bounds:  a prefix is cut to PREFIX_LEVELS levels, so it takes less than 1 KiB.
 * Costs:   adding and removing walk the levels. Choosing walks at most a few hundred levels.
 */
#ifndef EH_BROKER_REDIS_PREFIXES_H
#define EH_BROKER_REDIS_PREFIXES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "hub/topic.h"

#define PREFIX_LEVELS 8 /* deeper patterns share the glob of a shorter prefix */

struct prefixes;

struct prefix_text {
    size_t n;
    char p[TOPIC_MAX];
};

struct prefixes *prefixes_create(void);
void prefixes_free(struct prefixes *p); /* with the prefixes that are left */

/* A prefix that was added n times must be removed n times. */
void prefixes_add(struct prefixes *p, struct str prefix);
void prefixes_remove(struct prefixes *p, struct str prefix);

/* Chooses at most max (>= 1) prefixes, none of which covers another, that cover all added ones. It
 * splits a prefix where that brings the fewest new ones, as long as there is room. */
size_t prefixes_choose(const struct prefixes *p, size_t max, struct prefix_text *ret);
/* Reports whether an added prefix is covered by this one. */
bool prefixes_any_below(const struct prefixes *p, struct str prefix);

/* Returns the prefix of a pattern, cut to PREFIX_LEVELS levels, as a view into it. `a/#` and
 * `a/+/c` have `a/`; `#` and `+/a` have the empty prefix. */
struct str prefix_of(struct str pattern);
/* Returns the longest prefix that covers both, as a view into a. */
struct str prefix_common(struct str a, struct str b);

#endif
