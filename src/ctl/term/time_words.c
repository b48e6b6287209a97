#include "ctl/term/time_words.h"

#include <time.h>

#include "base/array.h"
#include "ctl/term/units.h"

#define YEAR_9999 UINT64_C(253402300799999) /* its last ms */

/* A unit is used from twice its length on: 90 minutes are more precise than 1 hour. */
static const struct {
    uint64_t ms;
    const char *name;
} units[] = {
    { YEAR_MS, "year" },     { DAY_MS, "day" },       { HOUR_MS, "hour" },
    { MINUTE_MS, "minute" }, { SECOND_MS, "second" },
};

static size_t unit_for(uint64_t ms)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && ms < 2 * units[i].ms)
        i++;
    return i > 0 && ms == units[i - 1].ms ? i - 1 : i; /* exactly one */
}

static uint64_t nearest(uint64_t ms, uint64_t unit)
{
    return ms / unit + (ms % unit >= unit / 2);
}

void time_words_add(struct buf *out, uint64_t ms)
{
    size_t i = unit_for(ms);
    uint64_t n;

    if (i > 0) /* 3599 seconds are 60 minutes, and that is 1 hour */
        i = unit_for(nearest(ms, units[i].ms) * units[i].ms);
    n = nearest(ms, units[i].ms);
    buf_addf(out, "%llu %s%s", (unsigned long long)n, units[i].name, n == 1 ? "" : "s");
}

void time_words_add_distance(struct buf *out, uint64_t when_ms, uint64_t now_ms)
{
    bool is_past = when_ms < now_ms;
    uint64_t distance = is_past ? now_ms - when_ms : when_ms - now_ms;

    if (distance < SECOND_MS) {
        buf_add_str(out, STR("now"));
        return;
    }
    if (!is_past)
        buf_add_str(out, STR("in "));
    time_words_add(out, distance);
    if (is_past)
        buf_add_str(out, STR(" ago"));
}

void time_words_add_utc(struct buf *out, uint64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];

    if (ms > YEAR_9999 || !gmtime_r(&s, &tm)) {
        buf_add_str(out, STR("after the year 9999"));
        return;
    }
    buf_add(out, text, strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm));
}

void time_words_add_iso(struct buf *out, uint64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];

    if (ms > YEAR_9999 || !gmtime_r(&s, &tm)) {
        buf_addf(out, "%llu", (unsigned long long)ms);
        return;
    }
    buf_add(out, text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm));
    buf_addf(out, ".%03uZ", (unsigned)(ms % 1000));
}
