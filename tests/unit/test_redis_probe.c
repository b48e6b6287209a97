/* A probe tells up to which id everything has come, once it has come and was answered. */
#include "broker/redis/redis_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/still_core.h"
#include "support/still_link.h"

static struct metrics_cell metrics;
static struct core core;
static struct redis_names names;
static struct redis_link *command_link;
static struct redis_probe probe;
static uintptr_t n_answered; /* the number of the last answer */
static char sent[40];        /* the text of the last probe */

static void on_done(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    (void)owner;
    (void)fate;
    (void)reply;
    n_answered = (uintptr_t)arg;
}

static void send(void)
{
    redis_probe_send(&probe, command_link, (struct redis_done){ .fn = on_done });
    (void)snprintf(sent, sizeof(sent), "%s",
                   still_link_argument(command_link, still_link_arguments(command_link) - 1));
}

static bool come(const char *text, uint64_t n_live)
{
    return redis_probe_on_message(&probe, buf_str(&probe.channel), str_of(text), n_live);
}

static void accept(uint64_t last)
{
    still_link_answer_text(command_link, "");
    if (n_answered == probe.number)
        redis_probe_on_accepted(&probe, (struct msgid){ last, 0 });
}

static void assert_nothing_to_take(void)
{
    struct msgid last;
    uint64_t n_live;

    assert_false(redis_probe_take(&probe, &last, &n_live));
}

static void assert_takes(uint64_t expected_last, uint64_t expected_live)
{
    struct msgid last;
    uint64_t n_live;

    assert_true(redis_probe_take(&probe, &last, &n_live));
    assert_int_equal(last.ms, expected_last);
    assert_int_equal(n_live, expected_live);
    assert_nothing_to_take(); /* once */
}

static void can_be_taken_when_the_message_comes_first(void **state)
{
    (void)state;
    send();
    assert_true(redis_probe_is_under_way(&probe));
    assert_true(come(sent, 3));
    assert_false(redis_probe_is_under_way(&probe));
    assert_false(come(sent, 4)); /* the copy of a glob */
    assert_nothing_to_take();
    accept(10);
    assert_takes(10, 3);
}

static void can_be_taken_when_the_answer_comes_first(void **state)
{
    (void)state;
    send();
    accept(10);
    assert_nothing_to_take();
    assert_true(redis_probe_is_overdue(&probe, 0));
    assert_true(come(sent, 5));
    assert_false(redis_probe_is_overdue(&probe, 0));
    assert_takes(10, 5);
    send();
    assert_true(come(sent, 6));
    assert_nothing_to_take(); /* its own answer has not come */
}

/* Otherwise an old last id would go with channels that were opened later. */
static void mixes_no_two_probes(void **state)
{
    char first[40];

    (void)state;
    send();
    strcpy(first, sent);
    assert_true(come(first, 3));
    still_link_fail(command_link); /* so that the next probe can be sent */
    while (send(), strcmp(first, sent) == 0)
        still_link_fail(command_link);
    assert_false(come(first, 4));
    assert_true(redis_probe_is_under_way(&probe));
    accept(20);
    assert_nothing_to_take();
    assert_true(come(sent, 6));
    assert_takes(20, 6);
}

static void ignores_the_answer_to_an_earlier_probe(void **state)
{
    uintptr_t first;

    (void)state;
    send();
    first = probe.number;
    redis_probe_send(&probe, command_link, (struct redis_done){ .fn = on_done });
    still_link_answer_text(command_link, "");
    assert_int_equal(n_answered, first);
    assert_int_not_equal(n_answered, probe.number);
    still_link_answer_text(command_link, "");
    assert_int_equal(n_answered, probe.number);
}

static void is_not_waited_for_when_it_failed_or_was_not_sent(void **state)
{
    (void)state;
    send();
    still_link_fail(command_link);
    redis_probe_on_failed(&probe);
    assert_false(redis_probe_is_under_way(&probe));
    assert_false(redis_probe_is_overdue(&probe, 0));
    assert_false(come(sent, 3));
    redis_probe_send(&probe, NULL, (struct redis_done){ .fn = on_done });
    assert_false(redis_probe_is_under_way(&probe));
    assert_false(come("0", 3));
    assert_nothing_to_take();
}

static void ignores_what_is_not_its_text(void **state)
{
    (void)state;
    send();
    assert_false(come("0", 3));
    assert_false(come("", 3));
    assert_false(come("x", 3));
    assert_false(redis_probe_on_message(&probe, STR("P:$metrics$/other"), str_of(sent), 3));
    assert_true(come(sent, 3));
}

static int set_up(void **state)
{
    (void)state;
    memset(&core, 0, sizeof(core));
    still_core_open(&core, NULL, NULL, &metrics);
    redis_names_init(&names, STR("P"));
    command_link = redis_link_create(&(struct redis_link_config){ .loop = core.loop });
    still_link_up(command_link);
    redis_probe_init(&probe, &core, &names);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_link_free(command_link);
    still_link_end();
    redis_probe_done(&probe);
    redis_names_done(&names);
    still_core_close(&core);
    return 0;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(can_be_taken_when_the_message_comes_first),
        TEST(can_be_taken_when_the_answer_comes_first),
        TEST(mixes_no_two_probes),
        TEST(ignores_the_answer_to_an_earlier_probe),
        TEST(is_not_waited_for_when_it_failed_or_was_not_sent),
        TEST(ignores_what_is_not_its_text),
    };

    return cmocka_run_group_tests_name("redis_probe", tests, NULL, NULL);
}
