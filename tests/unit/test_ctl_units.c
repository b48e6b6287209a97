#include "ctl/term/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

typedef bool parse_fn(struct str text, uint64_t *ret);

static void reads_numbers_with_a_unit(void **state)
{
    static const struct {
        parse_fn *parse;
        const char *text;
        uint64_t want;
    } cases[] = {
        { duration_parse, "500ms", 500 },
        { duration_parse, "30", 30 * SECOND_MS },
        { duration_parse, "30s", 30 * SECOND_MS },
        { duration_parse, "10M", 10 * MINUTE_MS },
        { duration_parse, "2h", 2 * HOUR_MS },
        { duration_parse, "365d", YEAR_MS },
        { rate_parse, "10", 10 },
        { rate_parse, "10/s", 10 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value = 0;

        assert_true(cases[i].parse(str_of(cases[i].text), &value));
        assert_int_equal(value, cases[i].want);
    }
}

static void refuses_other_texts(void **state)
{
    static const struct {
        parse_fn *parse;
        const char *text;
    } cases[] = {
        { duration_parse, "" },
        { duration_parse, "s" },
        { duration_parse, "-1s" },
        { duration_parse, "1 s" },
        { duration_parse, "1w" },
        { duration_parse, "1.5h" },
        { duration_parse, "1h1m" },
        { rate_parse, "10/m" },
        { rate_parse, "/s" },
        { rate_parse, "10/" },
        /* beyond 64 bits: the number, and the product */
        { rate_parse, "18446744073709551616" },
        { duration_parse, "18446744073709551615" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value;

        assert_false(cases[i].parse(str_of(cases[i].text), &value));
    }
}

static void writes_durations(void **state)
{
    static const struct {
        uint64_t ms;
        const char *want;
    } cases[] = {
        { 0, "0s" },        { 1, "1ms" },        { 999, "999ms" },   { 1000, "1s" },
        { 90000, "90s" },   { 60000, "1m" },     { 5400000, "90m" }, { 3600000, "1h" },
        { 1500, "1500ms" }, { 172800000, "2d" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        duration_add(&out, cases[i].ms);
        assert_str(buf_str(&out), cases[i].want);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers_with_a_unit),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(writes_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
