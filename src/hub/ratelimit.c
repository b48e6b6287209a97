#include "hub/ratelimit.h"

#include "hub/topic.h"
#include "proto/json.h"

static bool read_integer(const json_t *v, json_int_t min, json_int_t max, uint64_t *ret)
{
    int64_t n;

    if (!json_whole_number(v, &n) || n < min || n > max)
        return false;
    *ret = (uint64_t)n;
    return true;
}

static const char *read_rule(const json_t *entry, struct rate_rule *ret)
{
    struct str topic = json_text(json_object_get(entry, "topic"));
    uint64_t interval_s, max;

    if (!json_is_object(entry))
        return "a rule of the claim rlimit must be an object";
    if (!filter_is_valid(topic))
        return "the topic of a rule of the claim rlimit must be a valid topic or pattern";
    if (!read_integer(json_object_get(entry, "interval"), 1, RATELIMIT_MAX_INTERVAL, &interval_s))
        return "the interval of a rule of the claim rlimit must be an integer from 1 to 31536000";
    if (!read_integer(json_object_get(entry, "max"), 0, RATELIMIT_MAX_COUNT, &max))
        return "the max of a rule of the claim rlimit must be an integer from 0 to "
               "9007199254740992";
    *ret = (struct rate_rule){ .topic = topic, .max = max, .interval_s = (uint32_t)interval_s };
    return NULL;
}

_Static_assert(RATELIMIT_MAX_RULES == 64 && RATELIMIT_MAX_INTERVAL == 31536000 &&
                   RATELIMIT_MAX_COUNT == INT64_C(9007199254740992),
               "as the texts say");

const char *ratelimit_read(const json_t *claim, struct rate_rule ret[RATELIMIT_MAX_RULES],
                           size_t *ret_n)
{
    const char *why = NULL;

    *ret_n = 0;
    if (!claim || json_is_null(claim))
        return NULL;
    if (!json_is_array(claim))
        return "the claim rlimit must be an array";
    if (json_array_size(claim) > RATELIMIT_MAX_RULES)
        return "the claim rlimit must not have more than 64 rules";
    for (size_t i = 0; i < json_array_size(claim) && !why; i++)
        why = read_rule(json_array_get(claim, i), &ret[i]);
    if (!why)
        *ret_n = json_array_size(claim);
    return why;
}

const struct rate_rule *ratelimit_pick(const struct rate_rule *rules, size_t n, struct str topic)
{
    const struct rate_rule *best = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct rate_rule *r = &rules[i];

        if (str_eq(r->topic, topic))
            return r;
        if (filter_matches(r->topic, topic) && (!best || r->topic.n > best->topic.n))
            best = r;
    }
    return best;
}
