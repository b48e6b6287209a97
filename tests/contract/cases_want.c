/* Wants: a worker asks for the messages of a filter, and learns where its subscription begins. */
#include "contract/fixture.h"

#include <stdio.h>

#define MANY 200

static struct msgid want(struct node *n, unsigned worker, const char *filter)
{
    struct wanted *wanted = node_want(n, worker, filter, false);

    node_await_want(n, wanted);
    return wanted->want.newest;
}

static void begins_behind_what_was_published(void **state)
{
    struct node *n = fixture_idle_node(*state);
    struct msgid id = node_publish(n, "a/b", "\"before\"");

    assert_true(msgid_cmp(want(n, 0, "a/b"), id) >= 0);
    assert_true(msgid_cmp(want(n, 1, "a/#"), id) >= 0);
}

/* A client that has the answer may have another node publish. */
static void gets_what_another_node_publishes_after_the_answer(void **state)
{
    static const char *const filters[] = { "a/b", "a/#", "+/b" };
    struct fixture *f = *state;
    struct node *n = fixture_idle_node(f);
    struct node *other = f->redis ? fixture_idle_node(f) : n;
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct msgid newest = want(n, 0, filters[i]);
        struct msgid id = node_publish(other, "a/b", "\"after\"");

        assert_true(msgid_cmp(id, newest) > 0);
        node_await_live(n, 0, ++count);
        assert_int_equal(msgid_cmp(node_live(n, 0, count - 1)->id, id), 0);
    }
}

/* A subscription drops what comes before the answer, so it must begin behind that. */
static void begins_behind_all_messages_that_came_before_the_answer(void **state)
{
    struct node *n = fixture_idle_node(*state);
    struct asked *calls[MANY];
    struct wanted *wanted[MANY];
    char filter[16];

    for (size_t i = 0; i < MANY; i++) {
        snprintf(filter, sizeof(filter), "t/%zu", i);
        calls[i] = node_publish_call(n, filter, STR("\"text\""));
        node_post(n, (unsigned)i % NODE_WORKERS, calls[i]);
        wanted[i] = node_want(n, (unsigned)i % NODE_WORKERS, filter, i % 3 == 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        node_await(n, calls[i]);
        node_await_want(n, wanted[i]);
        assert_true(msgid_cmp(wanted[i]->want.newest, wanted[i]->last_live) >= 0);
    }
}

static void is_wanted_again_after_an_unwant(void **state)
{
    struct node *n = fixture_idle_node(*state);
    struct wanted *first = node_want(n, 0, "a", false);

    node_unwant(n, 0, first); /* perhaps before the answer */
    (void)want(n, 0, "a");
    node_await_want(n, first);
    (void)node_publish(n, "a", "\"text\"");
    node_await_live(n, 0, 1);
}

/* node_free checks that each was answered once. */
static void answers_every_want_once_when_it_stops(void **state)
{
    struct node *n = fixture_idle_node(*state);
    struct wanted *last = NULL;
    char filter[16];

    for (size_t i = 0; i < MANY; i++) {
        snprintf(filter, sizeof(filter), "t/%zu", i);
        last = node_want(n, (unsigned)i % NODE_WORKERS, filter, false);
    }
    node_stop(n);
    node_await_want(n, last);
}

int want_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(begins_behind_what_was_published, f),
        FIXTURE_TEST(gets_what_another_node_publishes_after_the_answer, f),
        FIXTURE_TEST(begins_behind_all_messages_that_came_before_the_answer, f),
        FIXTURE_TEST(is_wanted_again_after_an_unwant, f),
        FIXTURE_TEST(answers_every_want_once_when_it_stops, f),
    };

    return cmocka_run_group_tests_name("want", tests, NULL, NULL);
}
