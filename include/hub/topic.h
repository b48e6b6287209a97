/* topic.h - the rules of topic names and patterns (docs/protocol.md, section 1).
 * Thread:  any; pure.
 * Words:   a *topic* has no wildcard; a *pattern* has at least one; a *filter* is either.
 */
#ifndef EH_HUB_TOPIC_H
#define EH_HUB_TOPIC_H

#include <stdbool.h>

#include "base/str.h"

#define TOPIC_MAX 256 /* bytes of a topic or pattern */

bool topic_is_valid(struct str s);   /* a topic */
bool pattern_is_valid(struct str s); /* a pattern */

static inline bool filter_is_valid(struct str s)
{
    return topic_is_valid(s) || pattern_is_valid(s);
}

bool filter_is_pattern(struct str valid_filter);

/* Reports whether the valid filter matches the valid topic: `+` matches one level, `#` any number,
 * including none. */
bool filter_matches(struct str filter, struct str topic);

/* Reports whether `wide` matches everything that `narrow` can match; both are valid filters. This
 * is set inclusion: `a/#` covers `a/+`, `a/b/#` and `a`; `a/+` does not cover `a/#`; `+/#` covers
 * `#`. It ignores that topics are at most TOPIC_MAX long. */
bool filter_covers(struct str wide, struct str narrow);

/* Returns the longest text that begins every topic which the filter matches, as a view into filter.
 * For a topic it is the whole topic; for `a/#` it is `a`, for `a/+/c` and `a/+/#` `a/`, for `#`
 * empty. */
struct str filter_fixed_prefix(struct str filter);

/* Reports whether the pattern matches neither this name nor any behind it, in the order of bytes.
 * The name is not before the pattern's fixed prefix. */
bool pattern_is_past(struct str pattern, struct str prefix, struct str name);

#endif
