/* test_outbox.c - the batches that the broker posts to a worker, and when the worker reports that
 * it has room again. The test plays both, on one thread.
 */
#include "broker/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "broker/gaps.h"

static struct {
    struct loop *loop;
    struct mailbox *worker;
    struct mailbox *broker;
    struct core core;
    struct outbox box;
    struct live_batch *got[8]; /* not freed yet, oldest first */
    size_t n_got;
    size_t rooms; /* how often on_room ran */
    size_t others;
} test;

static void on_live(struct mail *m, void *owner)
{
    (void)owner;
    assert_true(test.n_got < ARRAY_LEN(test.got));
    test.got[test.n_got++] = container_of(m, struct live_batch, mail);
}

static void on_room(struct outbox *box)
{
    assert_ptr_equal(box, &test.box);
    test.rooms++;
}

static int set_up(void **state)
{
    (void)state;
    memset(&test, 0, sizeof(test));
    assert_int_equal(loop_create(&test.loop), EH_OK);
    assert_int_equal(mailbox_create(test.loop, NULL, &test.worker), EH_OK);
    assert_int_equal(mailbox_create(test.loop, NULL, &test.broker), EH_OK);
    test.core.inbox = test.broker;
    outbox_init(&test.box, &test.core, test.worker, on_live, on_room);
    return 0;
}

static void free_oldest(void)
{
    struct live_batch *batch = test.got[0];

    assert_true(test.n_got > 0);
    memmove(test.got, test.got + 1, --test.n_got * sizeof(test.got[0]));
    outbox_batch_free(batch);
}

static int tear_down(void **state)
{
    (void)state;
    while (mailbox_drain(test.worker))
        ;
    while (test.n_got)
        free_oldest();
    while (mailbox_drain(test.broker))
        ;
    outbox_end(&test.box);
    mailbox_free(test.worker);
    mailbox_free(test.broker);
    loop_free(test.loop);
    return 0;
}

static void post(uint64_t id, bool legacy)
{
    struct message *m = message_create((struct msgid){ id, 0 }, STR("t"), STR("\"x\""), STR(""));

    m->legacy = legacy;
    outbox_post(&test.box, m);
    message_unref(m);
}

/* Posts `n` messages as one batch. */
static void post_batch(size_t n)
{
    for (size_t i = 0; i < n; i++)
        post(test.box.high_water.ms + 1, false);
    outbox_flush(&test.box);
    assert_true(mailbox_drain(test.worker));
}

static void posts_the_messages_of_a_turn_as_one_batch(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 40; id++)
        post(id, false);
    post(0, true); /* has no id of ours, so the high-water mark stays */
    assert_false(mailbox_drain(test.worker));
    outbox_flush(&test.box);
    outbox_flush(&test.box); /* nothing is left */
    mailbox_drain(test.worker);
    assert_int_equal(test.n_got, 1);
    assert_int_equal(test.got[0]->n, 41);
    assert_int_equal(test.got[0]->high_water.ms, 40);
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(test.got[0]->items[i]->id.ms, i + 1);
    assert_false(test.got[0]->has_gap);
}

static void keeps_a_gap_between_what_came_before_and_after(void **state)
{
    const struct str topic = STR("a");

    (void)state;
    post(1, false);
    outbox_gap(&test.box, gaps_create(&topic, 1));
    post(2, false);
    outbox_flush(&test.box);
    mailbox_drain(test.worker);
    assert_int_equal(test.n_got, 2);
    assert_false(test.got[0]->has_gap);
    assert_true(test.got[1]->has_gap);
    assert_int_equal(test.got[1]->gaps->n, 1);
}

static void merges_gaps_that_wait_for_room(void **state)
{
    const struct str topic = STR("a");

    (void)state;
    post_batch(BROKER_LIVE_MAX_MESSAGES);
    outbox_gap(&test.box, gaps_create(&topic, 1));
    outbox_gap(&test.box, gaps_create(&topic, 1));
    outbox_flush(&test.box);
    assert_false(mailbox_drain(test.worker)); /* no room */
    free_oldest();
    assert_true(mailbox_drain(test.broker));
    assert_int_equal(test.rooms, 1);
    outbox_flush(&test.box);
    mailbox_drain(test.worker);
    assert_int_equal(test.n_got, 1);
    assert_true(test.got[0]->has_gap);
    assert_null(test.got[0]->gaps); /* NULL: the topics are unknown */
    assert_int_equal(test.got[0]->n, 0);
}

/* Otherwise a slow worker would be told of another gap with each mark. */
static void keeps_a_gap_until_there_is_room_although_the_mark_moves(void **state)
{
    (void)state;
    post_batch(BROKER_LIVE_MAX_MESSAGES);
    outbox_gap(&test.box, NULL);
    outbox_set_high_water(&test.box, (struct msgid){ .ms = 1000000 });
    outbox_flush(&test.box);
    assert_false(mailbox_drain(test.worker)); /* no room */
    free_oldest();
    assert_true(mailbox_drain(test.broker));
    outbox_flush(&test.box);
    mailbox_drain(test.worker);
    assert_int_equal(test.n_got, 1);
    assert_true(test.got[0]->has_gap);
    assert_int_equal(test.got[0]->high_water.ms, 1000000);
}

/* The broker filled the outbox again while `room` was on its way, so that flush finds no room. */
static void asks_again_for_room_while_a_gap_waits(void **state)
{
    (void)state;
    post_batch(BROKER_LIVE_MAX_MESSAGES);
    outbox_gap(&test.box, NULL);
    outbox_flush(&test.box);
    free_oldest(); /* posts `room` */
    post_batch(BROKER_LIVE_MAX_MESSAGES);
    outbox_gap(&test.box, NULL);
    outbox_flush(&test.box);
    assert_true(mailbox_drain(test.broker));
    assert_int_equal(test.rooms, 1);
    outbox_flush(&test.box); /* as the port does when it hears of room */
    assert_false(mailbox_drain(test.worker));
    free_oldest();
    assert_true(mailbox_drain(test.broker));
    assert_int_equal(test.rooms, 2);
    outbox_flush(&test.box);
    mailbox_drain(test.worker);
    assert_int_equal(test.n_got, 1);
    assert_true(test.got[0]->has_gap);
}

static void asks_for_room_only_while_half_is_in_use(void **state)
{
    (void)state;
    post_batch(BROKER_LIVE_MAX_MESSAGES / 2 - 1);
    assert_true(outbox_await_room(&test.box));
    post_batch(1);
    assert_false(outbox_await_room(&test.box));
    assert_true(outbox_has_room(&test.box));
    free_oldest();
    assert_true(mailbox_drain(test.broker));
    assert_int_equal(test.rooms, 1);
    free_oldest();
    assert_false(mailbox_drain(test.broker)); /* the broker did not ask again */
}

static void on_other(struct mail *m, void *owner)
{
    (void)m;
    (void)owner;
    test.others++;
}

/* The mail is one struct: posting it twice would cut off the mail after it. */
static void posts_room_once_until_it_arrives(void **state)
{
    struct mail other = { .fn = on_other };

    (void)state;
    post_batch(BROKER_LIVE_MAX_MESSAGES);
    assert_false(outbox_await_room(&test.box));
    free_oldest(); /* posts the mail */
    mailbox_post(test.broker, &other);
    post_batch(BROKER_LIVE_MAX_MESSAGES);
    assert_false(outbox_await_room(&test.box));
    free_oldest(); /* must not post it a second time */
    assert_true(mailbox_drain(test.broker));
    assert_int_equal(test.rooms, 1);
    assert_int_equal(test.others, 1);
    assert_true(outbox_await_room(&test.box));
    post_batch(BROKER_LIVE_MAX_MESSAGES);
    assert_false(outbox_await_room(&test.box));
    free_oldest();
    assert_true(mailbox_drain(test.broker));
    assert_int_equal(test.rooms, 2);
}

static void posts_nothing_after_its_end(void **state)
{
    (void)state;
    post(1, false);
    outbox_gap(&test.box, NULL);
    post(2, false);
    mailbox_drain(test.worker);
    assert_int_equal(test.n_got, 1);
    outbox_end(&test.box);
    outbox_flush(&test.box);
    assert_false(mailbox_drain(test.worker));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(posts_the_messages_of_a_turn_as_one_batch, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(keeps_a_gap_between_what_came_before_and_after, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(merges_gaps_that_wait_for_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_a_gap_until_there_is_room_although_the_mark_moves,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_again_for_room_while_a_gap_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_for_room_only_while_half_is_in_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(posts_room_once_until_it_arrives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(posts_nothing_after_its_end, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
