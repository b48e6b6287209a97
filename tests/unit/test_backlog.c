/* test_aside.c - what was set aside comes back in order; beyond the limits there is a hole. */
#include "broker/backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct message *message_of(uint64_t number, struct str text)
{
    return message_create((struct msgid){ number, 0 }, STR("t"), text, STR(""));
}

static void add(struct backlog *a, uint64_t number)
{
    backlog_add(a, message_of(number, STR("\"x\"")));
}

static void pop(struct backlog *a, uint64_t number)
{
    const struct message *first = backlog_first(a);
    struct message *m = backlog_pop(a);

    assert_ptr_equal(m, first);
    assert_int_equal(m->id.ms, number);
    message_unref(m);
}

static void what_came_first_leaves_first(void **state)
{
    enum { ROUNDS = 2000 };
    struct backlog a = { 0 };
    uint64_t in = 0, out = 0;

    (void)state;
    assert_null(backlog_first(&a));
    for (size_t i = 0; i < ROUNDS; i++) { /* three in, two out: it grows, and is moved up */
        for (size_t j = 0; j < 3; j++)
            add(&a, in++);
        for (size_t j = 0; j < 2; j++)
            pop(&a, out++);
    }
    assert_true(a.cap < 3 * ROUNDS); /* a third of all that came is there */
    while (out < in)
        pop(&a, out++);
    assert_null(backlog_first(&a));
    assert_int_equal(a.bytes, 0);
    assert_false(a.has_gap);
    backlog_done(&a);
}

static void too_many_leave_a_hole(void **state)
{
    struct backlog a = { 0 };

    (void)state;
    for (uint64_t i = 0; i < BROKER_LIVE_MAX_MESSAGES; i++)
        add(&a, i);
    assert_false(a.has_gap);
    pop(&a, 0); /* which makes room for one */
    add(&a, BROKER_LIVE_MAX_MESSAGES);
    assert_false(a.has_gap);
    add(&a, BROKER_LIVE_MAX_MESSAGES + 1);
    assert_true(a.has_gap);
    pop(&a, BROKER_LIVE_MAX_MESSAGES + 1);
    assert_null(backlog_first(&a));
    backlog_done(&a);
    assert_false(a.has_gap);
}

static void too_large_ones_leave_a_hole(void **state)
{
    enum { SIZE = BROKER_LIVE_MAX_BYTES / 4 };
    char *text = malloc(SIZE);
    struct backlog a = { 0 };

    (void)state;
    assert_non_null(text);
    memset(text, 'x', SIZE);
    for (uint64_t i = 0; i < 4; i++)
        backlog_add(&a, message_of(i, str_make(text, SIZE)));
    assert_false(a.has_gap);
    add(&a, 4);
    assert_true(a.has_gap);
    pop(&a, 4);
    assert_int_equal(a.bytes, 0);
    backlog_done(&a);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_first_leaves_first),
        cmocka_unit_test(too_many_leave_a_hole),
        cmocka_unit_test(too_large_ones_leave_a_hole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
