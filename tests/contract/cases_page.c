/* History page by page: each answer is sent again as the next request. */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define MANY   500
#define TOPICS 1300

static void publish_many(struct node *n, struct msgid *ids, size_t count)
{
    char topic[16];

    for (size_t i = 0; i < count; i++) {
        snprintf(topic, sizeof(topic), "t/%zu", i % 13);
        ids[i] = node_publish(n, topic, "\"twenty bytes of text\"");
    }
}

static void returns_every_entry_once_with_pages_of_any_size(void **state)
{
    static const struct {
        uint32_t entries, bytes;
        size_t pages; /* 0: more than one */
    } cases[] = {
        { 0, 0, 2 },           { 1, 0, MANY },     { 7, 0, (MANY + 6) / 7 },
        { MANY, 0, 1 },        { 0, 1, MANY },     { 0, 1000, 0 },
        { MANY, 1u << 20, 1 }, { MANY - 1, 0, 2 }, { 3, 1, MANY },
    };
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("t/+") };
    static struct msgid ids[MANY];
    static struct history got;

    question.after = node_publish(n, "first", "\"x\"");
    publish_many(n, ids, MANY);
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        question.max_entries = cases[c].entries;
        question.max_bytes = cases[c].bytes;
        history_read(n, question, &got);
        assert_true(got.complete);
        assert_int_equal(got.n, MANY);
        for (size_t i = 0; i < MANY; i++)
            assert_int_equal(msgid_cmp(got.items[i]->id, ids[i]), 0);
        assert_true(cases[c].pages ? got.pages == cases[c].pages : got.pages > 1);
        history_done(&got);
    }
}

static void returns_no_page_larger_than_asked(void **state)
{
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("#"), .max_entries = 20, .max_bytes = 500 };
    struct asked *a;
    static struct msgid ids[MANY];

    question.after = node_publish(n, "first", "\"x\"");
    publish_many(n, ids, 50);
    a = node_history_call(n, &question);
    do {
        size_t bytes = 0;
        const struct broker_history *h = &a->call.history;

        node_history(n, a);
        assert_in_range(h->ret_n, 1, 20);
        for (size_t i = 0; i + 1 < h->ret_n; i++) /* the last entry may exceed the limit */
            bytes += strlen("\"twenty bytes of text\"");
        assert_true(bytes < 500);
        assert_int_equal(msgid_cmp(h->after, h->ret_items[h->ret_n - 1]->id), 0);
    } while (a->call.history.ret_more);
}

/* Publishes once to each of many topics, in the order of ids. */
static void publish_to_many_topics(struct node *n, struct msgid *ids, size_t count)
{
    static struct asked *calls[TOPICS];
    char topic[32];

    for (size_t i = 0; i < count; i++) {
        snprintf(topic, sizeof(topic), "many/%zu", i);
        calls[i] = node_publish_call(n, topic, STR("\"text\""));
        node_post(n, 0, calls[i]);
    }
    for (size_t i = 0; i < count; i++) {
        node_await(n, calls[i]);
        assert_int_equal(calls[i]->call.status, BROKER_DONE);
        ids[i] = calls[i]->call.publish.ret_id;
    }
}

/* With Redis, these are more topics than one question names, and more than one answer has names. */
static void returns_the_history_of_many_topics(void **state)
{
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("many/+") };
    static struct msgid ids[TOPICS];

    question.after = node_publish(n, "first", "\"x\"");
    publish_to_many_topics(n, ids, TOPICS);
    assert_true(history_is(n, question, ids, TOPICS));
    question.max_entries = 90;
    assert_true(history_is(n, question, ids, TOPICS));
    for (uint32_t newest = 1; newest < 2 * TOPICS; newest *= 6) {
        size_t skip = newest < TOPICS ? TOPICS - newest : 0;

        question.newest = newest;
        assert_int_equal(history_is(n, question, ids + skip, TOPICS - skip), newest >= TOPICS);
    }
    question.newest = TOPICS;
    assert_true(history_is(n, question, ids, TOPICS));
}

/* Messages published while a client reads pages are above its snapshot end: they come live only. */
static void ends_at_the_snapshot_end_while_others_publish(void **state)
{
    enum { BEFORE = 100, DURING = 300 };
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("t/+"), .max_entries = 3 };
    static struct msgid ids[BEFORE];
    static struct asked *during[DURING];
    static struct history got;

    question.after = node_publish(n, "first", "\"x\"");
    publish_many(n, ids, BEFORE);
    question.snapshot_end = ids[BEFORE - 1];
    for (size_t i = 0; i < DURING; i++) {
        during[i] = node_publish_call(n, "t/1", STR("\"later\""));
        during[i]->call.lane = 1;
        node_post(n, 1, during[i]);
    }
    history_read(n, question, &got);
    assert_true(got.complete);
    assert_int_equal(got.n, BEFORE);
    for (size_t i = 0; i < BEFORE; i++)
        assert_int_equal(msgid_cmp(got.items[i]->id, ids[i]), 0);
    history_done(&got);
    for (size_t i = 0; i < DURING; i++)
        node_await(n, during[i]);
    node_await_live(n, 0, 1 + BEFORE + DURING);
    assert_int_equal(msgid_cmp(node_live(n, 0, 1 + BEFORE)->id, during[0]->call.publish.ret_id), 0);
}

/* The same when the broker sets the snapshot end with the first page, amid publishes: history up to
 * it and live messages above it are everything, once. */
static void joins_history_and_live_at_the_snapshot_end(void **state)
{
    enum { DURING = 1000 };
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("#"), .max_entries = 50 };
    static struct asked *during[DURING];
    static struct history got;
    size_t live;

    question.after = node_publish(n, "first", "\"x\"");
    for (size_t i = 0; i < DURING; i++) {
        during[i] = node_publish_call(n, i % 2 ? "a" : "b/c", STR("\"text\""));
        node_post(n, 1, during[i]);
    }
    history_read(n, question, &got);
    node_await_live(n, 0, 1 + DURING);
    for (size_t i = 0; i < got.n; i++)
        assert_int_equal(msgid_cmp(got.items[i]->id, node_live(n, 0, 1 + i)->id), 0);
    for (live = 1 + got.n; live < 1 + DURING; live++)
        assert_true(msgid_cmp(node_live(n, 0, live)->id, got.snapshot_end) > 0);
    history_done(&got);
}

int page_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(returns_every_entry_once_with_pages_of_any_size, f),
        FIXTURE_TEST(returns_no_page_larger_than_asked, f),
        FIXTURE_TEST(returns_the_history_of_many_topics, f),
        FIXTURE_TEST(ends_at_the_snapshot_end_while_others_publish, f),
        FIXTURE_TEST(joins_history_and_live_at_the_snapshot_end, f),
    };

    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
