#include "app/jwks_schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

#define START 5000

static struct jwks_schedule schedule_of(uint64_t refresh_s)
{
    struct jwks_schedule s;

    jwks_schedule_init(&s, refresh_s, START);
    assert_int_equal(jwks_schedule_wait_ms(&s, START), 0); /* the first fetch is due at once */
    jwks_schedule_begin(&s, START);
    return s;
}

static void refreshes_or_waits_for_the_max_age(void **state)
{
    static const struct {
        uint64_t refresh_s, max_age_s, want_s;
    } cases[] = {
        { 300, 0, 300 },
        { 300, 60, 300 },
        { 300, 300, 300 },
        { 300, 3600, 3600 },
        { 300, 86400, 86400 },
        { 300, 86401, 86400 },
        { 300, UINT64_MAX, 86400 },
        { 86400, 7, 86400 },
        { 1, 0, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jwks_schedule s = schedule_of(cases[i].refresh_s);

        jwks_schedule_succeeded(&s, START + 200, cases[i].max_age_s);
        assert_int_equal(jwks_schedule_wait_ms(&s, START + 200), cases[i].want_s * 1000);
        assert_int_equal(jwks_schedule_wait_ms(&s, START + 200 + cases[i].want_s * 1000), 0);
        assert_int_equal(jwks_schedule_wait_ms(&s, UINT64_MAX), 0);
    }
}

static void tries_again_ever_later(void **state)
{
    static const uint64_t want_s[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
    struct jwks_schedule s = schedule_of(300), often = schedule_of(3);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want_s); i++) {
        jwks_schedule_failed(&s, START);
        assert_int_equal(jwks_schedule_wait_ms(&s, START), want_s[i] * 1000);
        jwks_schedule_failed(&often, START);
        assert_int_equal(jwks_schedule_wait_ms(&often, START),
                         (want_s[i] < 3 ? want_s[i] : 3) * 1000);
    }
    jwks_schedule_succeeded(&s, START, 0);
    jwks_schedule_failed(&s, START);
    assert_int_equal(jwks_schedule_wait_ms(&s, START), 1000); /* from the beginning */
}

static void fetches_for_an_unknown_kid_at_most_every_10_s(void **state)
{
    struct jwks_schedule s = schedule_of(300);

    (void)state;
    assert_true(jwks_schedule_ask(&s, START)); /* the first fetch is under way */
    jwks_schedule_succeeded(&s, START + 500, 0);
    assert_false(jwks_schedule_ask(&s, START + 500));
    assert_false(jwks_schedule_ask(&s, START + 9999));
    assert_true(jwks_schedule_wait_ms(&s, START + 9999) > 0);
    assert_true(jwks_schedule_ask(&s, START + 10000));
    assert_int_equal(jwks_schedule_wait_ms(&s, START + 10000), 0);
    assert_true(jwks_schedule_ask(&s, START + 10001)); /* due, not begun */
    jwks_schedule_begin(&s, START + 10002);
    assert_true(jwks_schedule_ask(&s, START + 10003)); /* under way */
    jwks_schedule_succeeded(&s, START + 11000, 0);
    assert_false(jwks_schedule_ask(&s, START + 20001));
    assert_true(jwks_schedule_ask(&s, START + 20002));
}

/* An unknown kid does not hurry a provider that fails, and nobody knows whether it has the key. */
static void does_not_hurry_a_provider_that_fails(void **state)
{
    struct jwks_schedule s = schedule_of(300);

    (void)state;
    for (int i = 0; i < 7; i++)
        jwks_schedule_failed(&s, START);
    assert_true(jwks_schedule_ask(&s, START + 20000));
    assert_int_equal(jwks_schedule_wait_ms(&s, START + 20000), 40000);
}

static void reads_max_age(void **state)
{
    static const struct {
        const char *field;
        uint64_t want;
    } cases[] = {
        { "max-age=3600", 3600 },
        { "public, max-age=21600, must-revalidate, no-transform", 21600 }, /* Google */
        { "Max-Age=7", 7 },
        { "max-age=\"7\"", 7 },
        { "private,max-age=5", 5 },
        { "max-age=5, max-age=9", 5 },
        { "max-age=0", 0 },
        { "", 0 },
        { "max-age", 0 },
        { "max-age=", 0 },
        { "max-age=x", 0 },
        { "max-age=-1", 0 },
        { "max-age=99999999999999999999", 0 },
        { "s-maxage=9", 0 },
        { "no-store, max-age=9", 0 },
        { "max-age=9, no-cache", 0 },
        { ",,,", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (jwks_max_age(str_of(cases[i].field)) != cases[i].want)
            fail_msg("'%s'", cases[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refreshes_or_waits_for_the_max_age),
        cmocka_unit_test(tries_again_ever_later),
        cmocka_unit_test(fetches_for_an_unknown_kid_at_most_every_10_s),
        cmocka_unit_test(does_not_hurry_a_provider_that_fails),
        cmocka_unit_test(reads_max_age),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
