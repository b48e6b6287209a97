#include "ctl/pubsub/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Takes every event that may happen from begin_ms to end_ms, looking each step_ms; returns how
 * many. */
static unsigned take_until(struct pace *p, uint64_t begin_ms, uint64_t end_ms, uint64_t step_ms)
{
    unsigned n = 0;

    for (uint64_t now = begin_ms; now < end_ms; now += step_ms) {
        for (; pace_may(p, now); n++)
            pace_take(p, now);
    }
    return n;
}

static void keeps_the_rate(void **state)
{
    struct pace p = { .rate = 100 };

    (void)state;
    assert_int_equal(take_until(&p, 1000, 2000, 1), 100);
    assert_int_equal(take_until(&p, 2000, 3000, 30), 100); /* with a coarse timer */
}

static void waits_until_the_next_event(void **state)
{
    struct pace p = { .rate = 4 };

    (void)state;
    pace_take(&p, 1000);
    assert_false(pace_may(&p, 1249));
    assert_int_equal(pace_wait_ms(&p, 1000), 250);
    assert_int_equal(pace_wait_ms(&p, 1249), 1);
    assert_true(pace_may(&p, 1250));
    assert_int_equal(pace_wait_ms(&p, 1250), 1);
}

static void a_pause_earns_no_burst(void **state)
{
    struct pace p = { .rate = 100 };

    (void)state;
    (void)take_until(&p, 1000, 2000, 1);
    /* 9 s later: what was due in the last PACE_SLACK_MS, and one now */
    assert_int_equal(take_until(&p, 11000, 11001, 1), PACE_SLACK_MS / 10 + 1);
}

static void may_always_without_a_rate(void **state)
{
    struct pace p = { .rate = 0 };

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(pace_may(&p, 1000));
        pace_take(&p, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_rate),
        cmocka_unit_test(waits_until_the_next_event),
        cmocka_unit_test(a_pause_earns_no_burst),
        cmocka_unit_test(may_always_without_a_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
