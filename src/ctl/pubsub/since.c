#include "ctl/pubsub/since.h"

#include <time.h>

#include "ctl/term/units.h"

/* As ms it is 1973-03-03, as seconds the year 5138. */
#define FIRST_MS UINT64_C(100000000000)
#define FIRST_S  (FIRST_MS / 1000)

/* The parts of a date and time that have been read. */
struct moment {
    struct tm tm;
    unsigned ms;
    bool has_zone;
    int zone_minutes; /* east of UTC */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads exactly n digits off the front of *text. */
static bool take_digits(struct str *text, size_t n, int *ret)
{
    uint64_t v;

    if (text->n < n || str_parse_u64(str_make(text->p, n), &v) < 0)
        return false;
    *text = str_skip(*text, n);
    *ret = (int)v;
    return true;
}

static bool take_char(struct str *text, char c)
{
    if (text->n == 0 || text->p[0] != c)
        return false;
    *text = str_skip(*text, 1);
    return true;
}

static bool take_date(struct str *text, struct tm *tm)
{
    if (!take_digits(text, 4, &tm->tm_year) || !take_char(text, '-') ||
        !take_digits(text, 2, &tm->tm_mon) || !take_char(text, '-') ||
        !take_digits(text, 2, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return true;
}

/* Reads the digits after the dot: at least one, of which the first three count. */
static bool take_fraction(struct str *text, unsigned *ret_ms)
{
    unsigned ms = 0, n = 0;

    while (text->n > 0 && is_digit(text->p[0])) {
        if (n++ < 3)
            ms = ms * 10 + (unsigned)(text->p[0] - '0');
        *text = str_skip(*text, 1);
    }
    for (unsigned digits = n; digits < 3; digits++)
        ms *= 10;
    *ret_ms = ms;
    return n > 0;
}

static bool take_time(struct str *text, struct moment *m)
{
    if (!take_digits(text, 2, &m->tm.tm_hour) || !take_char(text, ':') ||
        !take_digits(text, 2, &m->tm.tm_min))
        return false;
    if (!take_char(text, ':'))
        return true;
    if (!take_digits(text, 2, &m->tm.tm_sec))
        return false;
    return !take_char(text, '.') || take_fraction(text, &m->ms);
}

/* Reads Z, +hh:mm, +hhmm or +hh. */
static bool take_zone(struct str *text, struct moment *m)
{
    int hours, minutes = 0;
    bool is_west;

    m->has_zone = true;
    if (take_char(text, 'Z') || take_char(text, 'z'))
        return true;
    is_west = take_char(text, '-');
    if ((!is_west && !take_char(text, '+')) || !take_digits(text, 2, &hours))
        return false;
    if (take_char(text, ':') || text->n > 0) {
        if (!take_digits(text, 2, &minutes))
            return false;
    }
    m->zone_minutes = (is_west ? -1 : 1) * (hours * 60 + minutes);
    return hours <= 14 && minutes < 60;
}

static bool take_moment(struct str *text, struct moment *m)
{
    if (!take_date(text, &m->tm))
        return false;
    if (text->n == 0)
        return true;
    if (!take_char(text, 'T') && !take_char(text, 't') && !take_char(text, ' '))
        return false;
    return take_time(text, m) && (text->n == 0 || take_zone(text, m)) && text->n == 0;
}

/* Converts the moment to ms since the epoch. timegm corrects what does not exist (February 30,
 * 25:00), so a date that changes on the way was not one. */
static bool moment_ms(const struct moment *m, int64_t *ret_ms)
{
    struct tm utc = m->tm, local = m->tm;
    int64_t s = timegm(&utc);

    if (utc.tm_mon != m->tm.tm_mon || utc.tm_mday != m->tm.tm_mday ||
        utc.tm_hour != m->tm.tm_hour || utc.tm_min != m->tm.tm_min || utc.tm_sec != m->tm.tm_sec)
        return false;
    local.tm_isdst = -1; /* mktime finds out whether summer time is in force */
    s = m->has_zone ? s - m->zone_minutes * 60 : mktime(&local);
    if (s < 0 || s * 1000 + m->ms == 0)
        return false;
    *ret_ms = s * 1000 + m->ms;
    return true;
}

/* Reads seconds or ms since the epoch. False: it is neither. */
static bool parse_number(struct str text, int64_t *ret_ms)
{
    uint64_t v;

    if (str_parse_u64(text, &v) < 0 || v < FIRST_S || v > INT64_MAX)
        return false;
    *ret_ms = (int64_t)(v < FIRST_MS ? v * 1000 : v);
    return true;
}

/* Reads a duration with its unit: 10m, or -10m. */
static bool parse_ago(struct str text, int64_t *ret_since)
{
    uint64_t ms;

    if (str_starts_with(text, STR("-")))
        text = str_skip(text, 1);
    if (text.n == 0 || is_digit(text.p[text.n - 1]) || !duration_parse(text, &ms) || ms > INT64_MAX)
        return false;
    *ret_since = ms > 0 ? -(int64_t)ms : -1; /* 0 would mean no history */
    return true;
}

static bool parse_moment(struct str text, int64_t *ret_ms)
{
    struct moment m = { .ms = 0 };

    return take_moment(&text, &m) && moment_ms(&m, ret_ms);
}

bool since_parse(struct str text, int64_t *ret_since)
{
    return parse_number(text, ret_since) || parse_ago(text, ret_since) ||
           parse_moment(text, ret_since);
}
