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

static bool read_rule(const json_t *entry, struct rate_rule *ret)
{
    struct str topic = json_text(json_object_get(entry, "topic"));
    uint64_t interval_s, max;

    if (!filter_is_valid(topic) ||
        !read_integer(json_object_get(entry, "interval"), 1, RATELIMIT_MAX_INTERVAL, &interval_s) ||
        !read_integer(json_object_get(entry, "max"), 0, RATELIMIT_MAX_COUNT, &max))
        return false;
    *ret = (struct rate_rule){ .topic = topic, .max = max, .interval_s = (uint32_t)interval_s };
    return true;
}

size_t ratelimit_read(const json_t *claim, struct rate_rule ret[RATELIMIT_MAX_RULES])
{
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(claim) && n < RATELIMIT_MAX_RULES; i++)
        n += read_rule(json_array_get(claim, i), &ret[n]);
    return n;
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
