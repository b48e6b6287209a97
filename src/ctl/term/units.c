#include "ctl/term/units.h"

#include "base/array.h"

struct unit {
    struct str name;
    uint64_t factor;
};

/* The longest unit comes last, for duration_add. */
static const struct unit durations[] = {
    { { "ms", 2 }, 1 },        { { "", 0 }, SECOND_MS }, { { "s", 1 }, SECOND_MS },
    { { "m", 1 }, MINUTE_MS }, { { "h", 1 }, HOUR_MS },  { { "d", 1 }, DAY_MS },
};
static const struct unit rates[] = { { { "", 0 }, 1 }, { { "/s", 2 }, 1 } };

/* Parses digits and one of the n units, in upper or lower case. */
static bool parse(struct str text, const struct unit *units, size_t n, uint64_t *ret)
{
    size_t digits = 0;
    uint64_t value;

    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    if (str_parse_u64(str_make(text.p, digits), &value) < 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(str_skip(text, digits), units[i].name))
            return !__builtin_mul_overflow(value, units[i].factor, ret);
    }
    return false;
}

bool duration_parse(struct str text, uint64_t *ret_ms)
{
    return parse(text, durations, ARRAY_LEN(durations), ret_ms);
}

bool rate_parse(struct str text, uint64_t *ret_per_s)
{
    return parse(text, rates, ARRAY_LEN(rates), ret_per_s);
}

void duration_add(struct buf *out, uint64_t ms)
{
    const struct unit *best = &durations[0];

    for (size_t i = 0; i < ARRAY_LEN(durations) && ms; i++) {
        if (ms % durations[i].factor == 0 && durations[i].name.n)
            best = &durations[i];
    }
    if (ms == 0)
        best = &durations[2];
    buf_addf(out, "%llu%.*s", (unsigned long long)(ms / best->factor), STR_ARG(best->name));
}
