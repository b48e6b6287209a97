#include "ctl/link/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void doubles_up_to_the_maximum(void **state)
{
    static const uint64_t waits[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };

    (void)state;
    for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        assert_int_equal(backoff_wait_ms(i, 0), waits[i]);
        assert_int_equal(backoff_wait_ms(i, waits[i] / 2), waits[i] / 2);
    }
    assert_int_equal(backoff_wait_ms(UINT32_MAX, 0), BACKOFF_MAX_MS);
}

static void is_spread_over_half_of_it(void **state)
{
    (void)state;
    for (uint64_t random = 0; random < 100000; random += 7) {
        uint64_t wait = backoff_wait_ms(3, random * 0x9e3779b97f4a7c15);

        assert_true(wait >= 4000 && wait <= 8000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_maximum),
        cmocka_unit_test(is_spread_over_half_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
