/* ratelimit.h - the claim `rlimit`: which rule of a token limits publishing to a topic.
 * Thread:  any; pure. Counting is the broker's.
 * Fails:   never; what is not a complete, valid rule is no rule.
 */
#ifndef EH_HUB_RATELIMIT_H
#define EH_HUB_RATELIMIT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define RATELIMIT_MAX_RULES    64 /* of one token; what follows is ignored */
#define RATELIMIT_MAX_INTERVAL 31536000
#define RATELIMIT_MAX_COUNT    (INT64_C(1) << 53)

struct rate_rule {
    struct str topic; /* or pattern: what it is about, and its name when counting */
    uint64_t max;     /* publishes that pass in one interval; 0: none */
    uint32_t interval_s;
};

/* The claim's valid rules, in its order; their topics are views into it. Returns how many. */
size_t ratelimit_read(const json_t *claim, struct rate_rule ret[RATELIMIT_MAX_RULES]);

/* The one rule that applies to a valid topic, or NULL: the one of that very topic, else the longest
 * pattern that matches; of equals the first. */
const struct rate_rule *ratelimit_pick(const struct rate_rule *rules, size_t n, struct str topic);

#endif
