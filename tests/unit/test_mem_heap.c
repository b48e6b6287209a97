#include "broker/mem/mem_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

#define N 500

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Removes every item that is due at `last`, checks their order, and returns how many there were. */
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

static void returns_items_in_order_of_expiry(void **state)
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

static void removes_any_item(void **state)
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

static void leaves_out_items_that_never_expire(void **state)
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

static void computes_expiries_without_wrapping(void **state)
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
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(mem_expiry_after(cases[i].now, cases[i].ttl_s), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(returns_items_in_order_of_expiry),
        cmocka_unit_test(removes_any_item),
        cmocka_unit_test(leaves_out_items_that_never_expire),
        cmocka_unit_test(computes_expiries_without_wrapping),
    };

    return cmocka_run_group_tests_name("mem_heap", tests, NULL, NULL);
}
