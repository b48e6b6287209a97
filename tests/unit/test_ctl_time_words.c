#include "ctl/term/time_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

#define MINUTE UINT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void uses_the_largest_suitable_unit(void **state)
{
    static const struct {
        uint64_t ms;
        const char *want;
    } cases[] = {
        { 0, "0 seconds" },
        { 499, "0 seconds" },
        { 1499, "1 second" },
        { 1500, "2 seconds" },
        { 59000, "59 seconds" },
        { 90000, "90 seconds" },
        { MINUTE, "1 minute" },
        { 3 * MINUTE, "3 minutes" },
        { HOUR - 1000, "1 hour" },
        { 119 * MINUTE, "119 minutes" },
        { 2 * HOUR - 1, "2 hours" },
        { HOUR, "1 hour" },
        { 2 * HOUR, "2 hours" },
        { DAY, "1 day" },
        { 47 * HOUR, "47 hours" },
        { 700 * DAY, "700 days" },
        { 365 * DAY, "1 year" },
        { 3650 * DAY, "10 years" },
        { UINT64_MAX, "584942417 years" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        time_words_add(&out, cases[i].ms);
        assert_str(buf_str(&out), cases[i].want);
        buf_done(&out);
    }
}

static void tells_past_from_future(void **state)
{
    static const struct {
        uint64_t when, now;
        const char *want;
    } cases[] = {
        { 5 * MINUTE, 2 * MINUTE, "in 3 minutes" },
        { 2 * MINUTE, 5 * MINUTE, "3 minutes ago" },
        { 1000, 1999, "now" },
        { 1999, 1000, "now" },
        { 1000, 2000, "1 second ago" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        time_words_add_distance(&out, cases[i].when, cases[i].now);
        assert_str(buf_str(&out), cases[i].want);
        buf_done(&out);
    }
}

static void writes_dates_in_utc(void **state)
{
    static const struct {
        uint64_t ms;
        const char *want;
    } cases[] = {
        { 0, "1970-01-01 00:00:00 UTC" },
        { UINT64_C(1796042822999), "2026-11-30 12:47:02 UTC" },
        { UINT64_C(253402300799999), "9999-12-31 23:59:59 UTC" },
        { UINT64_C(253402300800000), "after the year 9999" },
        { UINT64_MAX, "after the year 9999" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        time_words_add_utc(&out, cases[i].ms);
        assert_str(buf_str(&out), cases[i].want);
        buf_done(&out);
    }
}

static void writes_iso_dates(void **state)
{
    static const struct {
        uint64_t ms;
        const char *want;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { UINT64_C(1796042822007), "2026-11-30T12:47:02.007Z" },
        { UINT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
        { UINT64_C(253402300800000), "253402300800000" },
        { UINT64_MAX, "18446744073709551615" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        time_words_add_iso(&out, cases[i].ms);
        assert_str(buf_str(&out), cases[i].want);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_the_largest_suitable_unit),
        cmocka_unit_test(tells_past_from_future),
        cmocka_unit_test(writes_dates_in_utc),
        cmocka_unit_test(writes_iso_dates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
