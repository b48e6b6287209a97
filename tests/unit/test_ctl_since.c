/* test_ctl_since.c - points in time as people write them, and the options that take them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/array.h"
#include "ctl/pubsub/since.h"
#include "ctl/pubsub/start.h"

static void use_zone(const char *zone)
{
    (void)setenv("TZ", zone, 1);
    tzset();
}

static int set_up(void **state)
{
    (void)state;
    use_zone("Europe/Berlin");
    return 0;
}

static void reads_points_in_time(void **state)
{
    static const struct {
        const char *text;
        int64_t since;
    } cases[] = {
        { "10m", -600000 },
        { "-10m", -600000 },
        { "2h", -7200000 },
        { "-90s", -90000 },
        { "500ms", -500 },
        { "7d", -7 * INT64_C(86400000) },
        { "0s", -1 },
        { "1796040000", INT64_C(1796040000000) },
        { "1796040000123", INT64_C(1796040000123) },
        { "100000000", INT64_C(100000000000) },     /* the least number of seconds */
        { "99999999999", INT64_C(99999999999000) }, /* and the greatest */
        { "100000000000", INT64_C(100000000000) },  /* the least number of ms */
        { "2026-11-30T12:30:05Z", INT64_C(1796041805000) },
        { "2026-11-30T12:30:05z", INT64_C(1796041805000) },
        { "2026-11-30t12:30:05Z", INT64_C(1796041805000) },
        { "2026-11-30 12:30:05Z", INT64_C(1796041805000) },
        { "2026-11-30T12:30Z", INT64_C(1796041800000) },
        { "2026-11-30T12:30:05.5Z", INT64_C(1796041805500) },
        { "2026-11-30T12:30:05.123456Z", INT64_C(1796041805123) },
        { "2026-11-30T12:30:05+02:00", INT64_C(1796034605000) },
        { "2026-11-30T12:30:05-0530", INT64_C(1796061605000) },
        { "2026-11-30T12:30:05+02", INT64_C(1796034605000) },
        { "2026-11-30T12:30:05", INT64_C(1796038205000) }, /* local: an hour east of UTC */
        { "2026-11-30", INT64_C(1795993200000) },
        { "2026-07-01T12:00", INT64_C(1782900000000) }, /* two hours in summer */
        { "2024-02-29", INT64_C(1709161200000) },
        { "1970-01-01T00:00:00.001Z", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t since = 0;

        if (!since_parse(str_of(cases[i].text), &since) || since != cases[i].since)
            fail_msg("%s: %lld", cases[i].text, (long long)since);
    }
}

static void refuses_what_is_no_point_in_time(void **state)
{
    static const char *const cases[] = {
        "",
        "-",
        "yesterday",
        "10",
        "600",
        "-600",
        "99999999",
        "10x",
        "10 m",
        "--10m",
        "1.5h",
        "99999999999999999999",
        "9223372036854775808",
        "999999999999999d",
        "2026",
        "2026-11",
        "2026-02-30",
        "2026-13-01",
        "2026-00-01",
        "2025-02-29",
        "26-11-30",
        "2026-11-30T",
        "2026-11-30T12",
        "2026-11-30T24:00",
        "2026-11-30T12:60",
        "2026-11-30T12:30:60",
        "2026-11-30T12:30:05.",
        "2026-11-30T12:30:05.Z",
        "2026-11-30T12:30:05+2",
        "2026-11-30T12:30:05+15:00",
        "2026-11-30T12:30:05+02:60",
        "2026-11-30T12:30:05Zx",
        "2026-11-30x12:30",
        "2026-11-30T12:30:05+02:",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2026-11-3a",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t since = 7;

        if (since_parse(str_of(cases[i]), &since))
            fail_msg("\"%s\" was read as %lld", cases[i], (long long)since);
        assert_int_equal(since, 7);
    }
}

static void reads_the_options_of_the_start(void **state)
{
    struct start start;

    (void)state;
    assert_null(start_read(&(struct start_options){ .all = false }, &start));
    assert_false(start.has_id);
    assert_int_equal(start.since, 0);
    assert_null(start_read(&(struct start_options){ .all = true }, &start));
    assert_true(start.has_id);
    assert_true(msgid_is_zero(start.after));
    assert_null(start_read(&(struct start_options){ .since_id = "5-7" }, &start));
    assert_true(start.has_id);
    assert_int_equal(start.after.ms, 5);
    assert_int_equal(start.after.seq, 7);
    assert_null(start_read(&(struct start_options){ .since = "-10m" }, &start));
    assert_false(start.has_id);
    assert_int_equal(start.since, -600000);
}

static void refuses_a_start_that_is_wrong_or_given_twice(void **state)
{
    static const struct start_options cases[] = {
        { .since = "soon" },
        { .since_id = "5" },
        { .since_id = "" },
        { .since = "10m", .since_id = "5-7" },
        { .since = "10m", .all = true },
        { .since_id = "5-7", .all = true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct start start = { .since = 7 };

        assert_non_null(start_read(&cases[i], &start));
        assert_int_equal(start.since, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_points_in_time),
        cmocka_unit_test(refuses_what_is_no_point_in_time),
        cmocka_unit_test(reads_the_options_of_the_start),
        cmocka_unit_test(refuses_a_start_that_is_wrong_or_given_twice),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
