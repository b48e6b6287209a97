#include "broker/mem/mem_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEPS 20000

static struct mem_entry *entry_of(size_t i) /* never dereferenced */
{
    return (struct mem_entry *)(0x1000 + 16 * i);
}

static struct msgid id_of(size_t i) /* three to a millisecond */
{
    return (struct msgid){ .ms = 100 + i / 3, .seq = i % 3 };
}

/* Pushes are numbered; alive[i] is true while the ring should hold number i. */
static void check_against(const struct mem_ring *r, const bool *alive, size_t pushed)
{
    size_t at = 0;
    size_t live = 0;

    for (size_t i = 0; i < pushed; i++) {
        if (!alive[i])
            continue;
        live++;
        at = mem_ring_upto(r, id_of(i));
        assert_true(at > 0);
        assert_ptr_equal(mem_ring_at(r, at - 1)->entry, entry_of(i));
    }
    assert_int_equal(r->live, live);
    assert_true(r->n == 0 || mem_ring_at(r, 0)->entry);
}

static void holds_every_entry_that_was_not_removed(void **state)
{
    static bool alive[STEPS];
    struct mem_ring r = { 0 };
    size_t pushed = 0;

    (void)state;
    srand(1);
    for (int step = 0; step < STEPS; step++) {
        size_t victim = pushed ? (size_t)rand() % pushed : 0;
        bool shrinking = step / 2000 % 2; /* grows and shrinks in turn */

        if (pushed && alive[victim] && (shrinking || rand() % 4 == 0)) {
            mem_ring_remove(&r, id_of(victim));
            alive[victim] = false;
        } else if (!shrinking) {
            mem_ring_push(&r, id_of(pushed), entry_of(pushed));
            alive[pushed++] = true;
        }
        if (step % 500 == 0)
            check_against(&r, alive, pushed);
        assert_true(r.cap <= 4 || r.cap <= 4 * r.live);
    }
    check_against(&r, alive, pushed);
    mem_ring_done(&r);
}

static void finds_the_index_for_any_id(void **state)
{
    struct mem_ring r = { 0 };

    (void)state;
    assert_int_equal(mem_ring_upto(&r, id_of(5)), 0);
    for (size_t i = 0; i < 6; i++)
        mem_ring_push(&r, id_of(2 * i), entry_of(2 * i));
    assert_int_equal(mem_ring_upto(&r, (struct msgid){ 0 }), 0);
    assert_int_equal(mem_ring_upto(&r, id_of(0)), 1);
    assert_int_equal(mem_ring_upto(&r, id_of(5)), 3);
    assert_int_equal(mem_ring_upto(&r, id_of(10)), 6);
    assert_int_equal(mem_ring_upto(&r, id_of(99)), 6);
    mem_ring_done(&r);
}

/* A log that is used as a queue must not grow. */
static void stays_small_when_used_as_a_queue(void **state)
{
    struct mem_ring r = { 0 };

    (void)state;
    for (size_t i = 0; i < 5000; i++) {
        mem_ring_push(&r, id_of(i), entry_of(i));
        if (i >= 10)
            mem_ring_remove(&r, id_of(i - 10));
    }
    assert_int_equal(r.live, 10);
    assert_true(r.cap <= 32);
    mem_ring_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_every_entry_that_was_not_removed),
        cmocka_unit_test(finds_the_index_for_any_id),
        cmocka_unit_test(stays_small_when_used_as_a_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
