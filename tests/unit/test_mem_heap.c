#include "broker/mem/mem_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define N 500

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Takes out all that is due up to `last`, checks the order, returns how many. */
static size_t drain(struct mem_heap *h, uint64_t last)
{
    struct mem_expiry *x;
    uint64_t before = 0;
    size_t n = 0;

    while ((x = mem_heap_due(h, last))) {
        assert_true(before <= x->at && x->at <= last);
        before = x->at;
        mem_heap_remove(h, x);
        n++;
    }
    return n;
}

static void the_first_to_expire_comes_first(void **state)
{
    static struct mem_expiry items[N];
    struct mem_heap h = { 0 };
    uint64_t random = 1;
    size_t early = 0;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        items[i].at = next_random(&random) % 100;
        early += items[i].at <= 40;
        mem_heap_add(&h, &items[i]);
    }
    assert_int_equal(drain(&h, 40), early);
    assert_int_equal(drain(&h, 100), N - early);
    assert_int_equal(h.n, 0);
    mem_heap_done(&h);
}

static void anything_can_be_removed(void **state)
{
    static struct mem_expiry items[N];
    struct mem_heap h = { 0 };
    uint64_t random = 7;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        items[i].at = next_random(&random) % 100;
        mem_heap_add(&h, &items[i]);
    }
    for (size_t i = 0; i < N; i += 3)
        mem_heap_remove(&h, &items[i]);
    assert_int_equal(h.n, N - (N + 2) / 3);
    assert_int_equal(drain(&h, 100), N - (N + 2) / 3);
    mem_heap_done(&h);
}

static void what_stays_for_ever_is_not_in_it(void **state)
{
    struct mem_expiry stays = { .at = MEM_FOR_EVER };
    struct mem_heap h = { 0 };

    (void)state;
    mem_heap_add(&h, &stays);
    assert_int_equal(h.n, 0);
    assert_null(mem_heap_due(&h, UINT64_MAX));
    mem_heap_remove(&h, &stays);
    mem_heap_done(&h);
}

static void an_expiry_does_not_wrap(void **state)
{
    static const struct {
        uint64_t now, ttl_s, want;
    } cases[] = {
        { 1000, 0, MEM_FOR_EVER },
        { 0, 1, 1000 },
        { 1000, 5, 6000 },
        { 1000, UINT64_MAX, MEM_FOR_EVER },
        { 1000, UINT64_MAX / 1000, MEM_FOR_EVER },
        { UINT64_MAX - 999, 1, MEM_FOR_EVER },
        { UINT64_MAX - 1001, 1, UINT64_MAX - 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(mem_expiry_after(cases[i].now, cases[i].ttl_s), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_to_expire_comes_first),
        cmocka_unit_test(anything_can_be_removed),
        cmocka_unit_test(what_stays_for_ever_is_not_in_it),
        cmocka_unit_test(an_expiry_does_not_wrap),
    };

    return cmocka_run_group_tests_name("mem_heap", tests, NULL, NULL);
}
