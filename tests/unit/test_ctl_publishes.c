/* test_ctl_publishes.c - which messages are sent, and again after a lost connection; the pace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/pubsub/pace.h"
#include "ctl/pubsub/publishes.h"

static struct publishes ps;

static int set_up(void **state)
{
    (void)state;
    publishes_init(&ps);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    publishes_done(&ps);
    return 0;
}

static void add(uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++)
        publishes_add(&ps, i, STR("text"), &ps);
}

/* Sends what may be sent and asserts that it is this one. */
static struct publish *send_next(uint64_t number)
{
    struct publish *p = publishes_next(&ps);

    assert_non_null(p);
    assert_int_equal(p->number, number);
    publishes_sent(&ps, p, true, 1000);
    return p;
}

static void sends_in_order_many_at_a_time(void **state)
{
    (void)state;
    add(1, 3);
    for (uint64_t i = 1; i <= 3; i++)
        publishes_remove(&ps, send_next(i));
    assert_null(publishes_next(&ps));
    assert_int_equal(ps.n, 0);
    assert_int_equal(ps.bytes, 0);
}

static void is_full_at_its_bounds(void **state)
{
    char *large = mem_zalloc(PUBLISHES_BYTES);

    (void)state;
    add(1, PUBLISHES_MAX - 1);
    assert_true(publishes_has_room(&ps));
    add(PUBLISHES_MAX, PUBLISHES_MAX);
    assert_false(publishes_has_room(&ps));
    publishes_remove(&ps, send_next(1));
    assert_true(publishes_has_room(&ps));
    publishes_add(&ps, 1000, str_make(large, PUBLISHES_BYTES), &ps);
    assert_false(publishes_has_room(&ps));
    free(large);
}

static void sends_everything_again_in_order_and_one_at_a_time(void **state)
{
    struct publish *second;

    (void)state;
    add(1, 5);
    (void)send_next(1);
    second = send_next(2);
    (void)send_next(3);
    publishes_remove(&ps, second); /* answered, before the others */
    publishes_lost(&ps, false);
    for (uint64_t i = 1; i <= 3; i += 2) {
        struct publish *p = send_next(i);

        if (i < 3)
            assert_null(publishes_next(&ps));
        publishes_remove(&ps, p);
    }
    (void)send_next(4); /* which was never sent: many at a time again */
    (void)send_next(5);
}

static void keeps_the_order_over_several_lost_connections(void **state)
{
    (void)state;
    add(1, 4);
    (void)send_next(1);
    (void)send_next(2);
    publishes_lost(&ps, false);
    (void)send_next(1);
    publishes_lost(&ps, false);
    publishes_lost(&ps, false); /* nothing was under way */
    for (uint64_t i = 1; i <= 4; i++)
        publishes_remove(&ps, send_next(i));
}

/* Returns the number of the message that must not be sent again; 0: none. */
static uint64_t hopeless(uint64_t now_ms)
{
    const char *why = NULL;
    const struct publish *p = publishes_hopeless(&ps, now_ms, &why);

    assert_true((p != NULL) == (why != NULL));
    return p ? p->number : 0;
}

static void gives_up_a_message_that_ends_the_connection(void **state)
{
    const char *why;

    (void)state;
    add(1, 3);
    (void)send_next(1);
    (void)send_next(2);
    publishes_lost(&ps, false); /* either may be the cause */
    for (int tries = 0; tries < PUBLISHES_TRIES; tries++) {
        assert_int_equal(hopeless(1000), 0);
        (void)send_next(1);
        publishes_lost(&ps, false);
    }
    assert_int_equal(hopeless(1000), 1);
    publishes_remove(&ps, publishes_hopeless(&ps, 1000, &why));
    assert_int_equal(hopeless(1000), 0);
    (void)send_next(2);
}

static void gives_up_the_longest_message_if_one_is_too_long(void **state)
{
    (void)state;
    add(1, 2);
    publishes_add(&ps, 3, STR("a longer text"), &ps);
    add(4, 4);
    publishes_add(&ps, 5, STR("the longest text was not sent"), &ps);
    for (uint64_t i = 1; i <= 4; i++)
        (void)send_next(i);
    publishes_lost(&ps, true);
    assert_int_equal(hopeless(1000), 3);
    publishes_lost(&ps, true); /* nothing was under way */
    assert_int_equal(hopeless(1000), 3);
}

static void gives_up_a_message_that_was_under_way_without_a_key(void **state)
{
    (void)state;
    add(1, 3);
    (void)send_next(1);
    publishes_sent(&ps, publishes_next(&ps), false, 1000);
    publishes_lost(&ps, false);
    assert_int_equal(hopeless(1000), 2);
}

static void sends_refused_messages_again_in_order(void **state)
{
    struct publish *sent[4];

    (void)state;
    add(1, 6);
    for (uint64_t i = 0; i < 4; i++)
        sent[i] = send_next(i + 1);
    publishes_refused(&ps, sent[2]);
    publishes_refused(&ps, sent[0]);
    assert_null(publishes_next(&ps)); /* 2 and 4 are not answered */
    publishes_remove(&ps, sent[1]);
    publishes_refused(&ps, sent[3]);
    for (uint64_t i = 1; i <= 4; i += i == 1 ? 2 : 1) {
        struct publish *p = send_next(i);

        assert_null(i < 4 ? publishes_next(&ps) : NULL);
        publishes_remove(&ps, p);
    }
    (void)send_next(5);
    (void)send_next(6);
}

static void gives_up_a_message_whose_key_may_be_forgotten(void **state)
{
    (void)state;
    add(1, 2);
    (void)send_next(1);
    publishes_lost(&ps, false);
    assert_int_equal(hopeless(1000 + PUBLISHES_KEY_MS), 0);
    assert_int_equal(hopeless(1001 + PUBLISHES_KEY_MS), 1);
}

/* ---- pace ---- */

static uint64_t take_all(struct pace *p, uint64_t now_ms)
{
    uint64_t n = 0;

    for (; n < 100000 && pace_may(p, now_ms); n++)
        pace_take(p, now_ms);
    return n;
}

static void spreads_events_over_time(void **state)
{
    struct pace p = { .rate = 1000 };
    uint64_t n = 0;

    (void)state;
    for (uint64_t ms = 5000; ms < 6000; ms += 16)
        n += take_all(&p, ms);
    assert_in_range(n, 990, 1001);
}

static void waits_until_the_next_event(void **state)
{
    struct pace p = { .rate = 2 };

    (void)state;
    assert_int_equal(take_all(&p, 5000), 1);
    assert_int_equal(pace_wait_ms(&p, 5000), 500);
    assert_int_equal(take_all(&p, 5499), 0);
    assert_int_equal(take_all(&p, 5500), 1);
    assert_int_equal(pace_wait_ms(&p, 9000), 1);
}

static void follows_a_pause_with_no_burst(void **state)
{
    struct pace p = { .rate = 100 };

    (void)state;
    assert_int_equal(take_all(&p, 5000), 1);
    assert_in_range(take_all(&p, 60000), 1, 1 + PACE_SLACK_MS / 10);
}

static void has_no_limit_at_rate_0(void **state)
{
    struct pace p = { .rate = 0 };

    (void)state;
    assert_int_equal(take_all(&p, 0), 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sends_in_order_many_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_full_at_its_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sends_everything_again_in_order_and_one_at_a_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_order_over_several_lost_connections, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(gives_up_a_message_that_ends_the_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(gives_up_the_longest_message_if_one_is_too_long, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(gives_up_a_message_that_was_under_way_without_a_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sends_refused_messages_again_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_up_a_message_whose_key_may_be_forgotten, set_up,
                                        tear_down),
        cmocka_unit_test(spreads_events_over_time),
        cmocka_unit_test(waits_until_the_next_event),
        cmocka_unit_test(follows_a_pause_with_no_burst),
        cmocka_unit_test(has_no_limit_at_rate_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
