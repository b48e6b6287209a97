/* test_backlog.c - buffered messages come back in order; on overflow they are dropped. */
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

static void add(struct backlog *b, uint64_t number)
{
    backlog_add(b, message_of(number, STR("\"x\"")));
}

static void pop(struct backlog *b, uint64_t number)
{
    const struct message *first = backlog_first(b);
    struct message *m = backlog_pop(b);

    assert_ptr_equal(m, first);
    assert_int_equal(m->id.ms, number);
    message_unref(m);
}

static void returns_messages_in_order_of_arrival(void **state)
{
    enum { ROUNDS = 2000 };
    struct backlog b = { 0 };
    uint64_t in = 0, out = 0;

    (void)state;
    assert_null(backlog_first(&b));
    /* Three in, two out: the array grows, and items move to its front. */
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t j = 0; j < 3; j++)
            add(&b, in++);
        for (size_t j = 0; j < 2; j++)
            pop(&b, out++);
    }
    assert_true(b.cap < 3 * ROUNDS); /* a third of all messages is still there */
    while (out < in)
        pop(&b, out++);
    assert_null(backlog_first(&b));
    assert_int_equal(b.bytes, 0);
    assert_false(b.has_gap);
    backlog_done(&b);
}

static void empties_and_sets_has_gap_beyond_the_message_bound(void **state)
{
    struct backlog b = { 0 };

    (void)state;
    for (uint64_t i = 0; i < BROKER_LIVE_MAX_MESSAGES; i++)
        add(&b, i);
    assert_false(b.has_gap);
    pop(&b, 0); /* makes room for one */
    add(&b, BROKER_LIVE_MAX_MESSAGES);
    assert_false(b.has_gap);
    add(&b, BROKER_LIVE_MAX_MESSAGES + 1);
    assert_true(b.has_gap);
    pop(&b, BROKER_LIVE_MAX_MESSAGES + 1);
    assert_null(backlog_first(&b));
    backlog_done(&b);
    assert_false(b.has_gap);
}

static void empties_and_sets_has_gap_beyond_the_byte_bound(void **state)
{
    enum { SIZE = BROKER_LIVE_MAX_BYTES / 4 };
    char *text = malloc(SIZE);
    struct backlog b = { 0 };

    (void)state;
    assert_non_null(text);
    memset(text, 'x', SIZE);
    for (uint64_t i = 0; i < 4; i++)
        backlog_add(&b, message_of(i, str_make(text, SIZE)));
    assert_false(b.has_gap);
    add(&b, 4);
    assert_true(b.has_gap);
    pop(&b, 4);
    assert_int_equal(b.bytes, 0);
    backlog_done(&b);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(returns_messages_in_order_of_arrival),
        cmocka_unit_test(empties_and_sets_has_gap_beyond_the_message_bound),
        cmocka_unit_test(empties_and_sets_has_gap_beyond_the_byte_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
