/* ratelimit.h - the claim `rlimit`: finds the rule of a token that limits publishing to a topic.
 * Thread:  any; pure. The broker does the counting.
 * Fails:   closed: a rule that cannot be read limits nothing, so its token must be refused.
 */
#ifndef EH_HUB_RATELIMIT_H
#define EH_HUB_RATELIMIT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define RATELIMIT_MAX_RULES    64 /* of one token */
#define RATELIMIT_MAX_INTERVAL 31536000
#define RATELIMIT_MAX_COUNT    (INT64_C(1) << 53)

struct rate_rule {
    struct str topic; /* or pattern that the rule applies to; the broker counts under this name */
    uint64_t max;     /* publishes allowed in one interval; 0: none */
    uint32_t interval_s;
};

/* Reads the rules of the claim, in order; their topics are views into it. NULL, as JSON null, is a
 * claim without rules. Returns NULL, or why the token must be refused (static text). */
const char *ratelimit_read(const json_t *claim, struct rate_rule ret[RATELIMIT_MAX_RULES],
                           size_t *ret_n) EH_MUST_USE;

/* Returns the rule that applies to a valid topic, or NULL: the rule for exactly that topic,
 * otherwise the one with the longest pattern that matches; of several equal ones the first. */
const struct rate_rule *ratelimit_pick(const struct rate_rule *rules, size_t n, struct str topic);

#endif
