#include "hub/topic.h"

static bool is_level_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static bool is_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_level_char(s.p[i]))
            return false;
    }
    return true;
}

static bool is_plus(struct str level)
{
    return level.n == 1 && level.p[0] == '+';
}

static bool is_hash(struct str level)
{
    return level.n == 1 && level.p[0] == '#';
}

static bool is_bounded(struct str s)
{
    return s.n > 0 && s.n <= TOPIC_MAX && s.p[0] != '/' && s.p[s.n - 1] != '/';
}

bool topic_is_valid(struct str s)
{
    struct str level;

    if (!is_bounded(s))
        return false;
    while (str_cut(&s, '/', &level)) {
        if (!is_text(level))
            return false;
    }
    return true;
}

bool pattern_is_valid(struct str s)
{
    bool has_wildcard = false;
    struct str level;

    if (!is_bounded(s))
        return false;
    while (str_cut(&s, '/', &level)) {
        bool is_last = !s.p;
        bool is_wildcard = is_plus(level) || (is_hash(level) && is_last);

        if (!is_wildcard && !is_text(level))
            return false;
        has_wildcard |= is_wildcard;
    }
    return has_wildcard;
}

bool filter_is_pattern(struct str valid_filter)
{
    return valid_filter.p[valid_filter.n - 1] == '#' ||
           memchr(valid_filter.p, '+', valid_filter.n) != NULL;
}

bool filter_matches(struct str filter, struct str topic)
{
    struct str want, have;

    while (str_cut(&filter, '/', &want)) {
        if (is_hash(want))
            return true;
        if (!str_cut(&topic, '/', &have))
            return false;
        if (!is_plus(want) && !str_eq(want, have))
            return false;
    }
    return !topic.p;
}

/* Reports whether the rest of `wide`, from the level `first` on, matches everything that a `#` in
 * `narrow` can stand for there: any number of levels, or at least one if zero levels would not
 * leave a topic (but nothing at all, or a text that ends in '/'). So `+/#` covers `#`, and `a//+/#`
 * covers `a//#`. */
static bool rest_covers_hash(struct str wide, struct str first, bool is_one_needed)
{
    struct str next;

    if (is_hash(first))
        return true;
    return is_one_needed && is_plus(first) && str_cut(&wide, '/', &next) && is_hash(next);
}

bool filter_covers(struct str wide, struct str narrow)
{
    bool is_one_needed = true; /* by a `#` in narrow: after no level, or after an empty one */
    struct str w, n;

    while (str_cut(&wide, '/', &w)) {
        if (!str_cut(&narrow, '/', &n))
            return is_hash(w);
        if (is_hash(n))
            return rest_covers_hash(wide, w, is_one_needed);
        if (is_hash(w))
            return true;
        if (!is_plus(w) && !str_eq(w, n))
            return false;
        is_one_needed = n.n == 0;
    }
    return !narrow.p;
}

static bool is_slash_before(struct str s, size_t at)
{
    return at > 0 && s.p[at - 1] == '/';
}

struct str filter_fixed_prefix(struct str filter)
{
    size_t n = 0;

    while (n < filter.n && filter.p[n] != '+' && filter.p[n] != '#')
        n++;
    /* `a/#` matches `a` too, but `a//#` does not match `a/`, which is not a topic. */
    if (n < filter.n && filter.p[n] == '#' && is_slash_before(filter, n) &&
        !is_slash_before(filter, n - 1))
        n--;
    return str_make(filter.p, n);
}

/* The fixed prefix of `a/#` is `a`, but no name from `a0` on matches. */
bool pattern_is_past(struct str pattern, struct str prefix, struct str name)
{
    if (!str_starts_with(name, prefix))
        return true;
    return pattern.p[prefix.n] == '/' && name.n > prefix.n && name.p[prefix.n] > '/';
}
