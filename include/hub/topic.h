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

/* Does the valid filter match the valid topic? `+` one level, `#` any number including none. */
bool filter_matches(struct str filter, struct str topic);

/* Does `wide` match everything that `narrow` can match? Both valid filters. Set inclusion:
 * `a/#` covers `a/+`, `a/b/#` and `a`; `a/+` does not cover `a/#`; `+/#` covers `#`. That topics
 * are at most TOPIC_MAX long is not made use of. */
bool filter_covers(struct str wide, struct str narrow);

/* The longest text with which every topic that the filter matches must begin (whole topic if it
 * is one); `a/#` gives `a`, `a/+/c` and `a/+/#` give `a/`, `#` nothing. A view into filter. */
struct str filter_fixed_prefix(struct str filter);

#endif
