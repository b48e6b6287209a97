#include "base/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct histogram h;

static int clear(void **state)
{
    (void)state;
    h = (struct histogram){ 0 };
    return 0;
}

static void is_zero_while_empty(void **state)
{
    (void)state;
    assert_true(histogram_us(&h, 0.5) == 0);
    assert_int_equal(h.max_ns, 0);
}

/* The error of a value is less than a 128th of it. */
static void assert_near(double us, double want)
{
    if (us > want || us < want - want / 128)
        fail_msg("want %f, got %f", want, us);
}

static void finds_the_value_of_a_share(void **state)
{
    (void)state;
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_add(&h, us * 1000);
    assert_int_equal(h.count, 1000);
    assert_near(histogram_us(&h, 0), 1);
    assert_near(histogram_us(&h, 0.5), 501);
    assert_near(histogram_us(&h, 0.99), 991);
    assert_near(histogram_us(&h, 1), 1000);
    assert_int_equal(h.max_ns, 1000000);
}

static void takes_any_value(void **state)
{
    (void)state;
    histogram_add(&h, 0);
    assert_true(histogram_us(&h, 1) == 0);
    histogram_add(&h, UINT64_MAX);
    assert_true(h.max_ns == UINT64_MAX);
    assert_true(histogram_us(&h, 1) > 86400e6); /* more than a day */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(is_zero_while_empty, clear),
        cmocka_unit_test_setup(finds_the_value_of_a_share, clear),
        cmocka_unit_test_setup(takes_any_value, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
