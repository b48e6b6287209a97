/* Publishing, the order of publishes, and live messages. */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "proto/json.h"

#define MANY 1000

static struct msgid id_of(const struct asked *a)
{
    assert_int_equal(a->call.status, BROKER_DONE);
    return a->call.publish.ret_id;
}

static void assert_id(struct msgid got, struct msgid want)
{
    assert_int_equal(msgid_cmp(got, want), 0);
}

static int by_id(const void *a, const void *b)
{
    return msgid_cmp(*(const struct msgid *)a, *(const struct msgid *)b);
}

/* Posts `count` publishes without waiting, spread over workers, lanes and topics. */
static void post_many(struct node *n, struct asked **calls, size_t count, unsigned lanes)
{
    char topic[16];

    for (size_t i = 0; i < count; i++) {
        unsigned lane = (unsigned)i % lanes;

        snprintf(topic, sizeof(topic), "t/%zu", i % 7);
        calls[i] = node_publish_call(n, topic, STR("\"text\""));
        calls[i]->call.lane = lane;
        node_post(n, lane % NODE_WORKERS, calls[i]);
    }
}

static void await_all(struct node *n, struct asked *const *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        node_await(n, calls[i]);
}

/* Asserts that both workers got live messages with exactly the ids of the calls, in id order. */
static void assert_live_is(struct node *n, struct asked *const *calls, size_t count)
{
    static struct msgid ids[2 * MANY];

    for (size_t i = 0; i < count; i++)
        ids[i] = id_of(calls[i]);
    qsort(ids, count, sizeof(ids[0]), by_id);
    for (unsigned w = 0; w < NODE_WORKERS; w++) {
        node_await_live(n, w, count);
        for (size_t i = 0; i < count; i++)
            assert_id(node_live(n, w, i)->id, ids[i]);
        assert_int_equal(node_live_count(n, w), count);
    }
    for (size_t i = 1; i < count; i++)
        assert_true(msgid_cmp(ids[i - 1], ids[i]) < 0); /* no id twice */
}

static void keeps_the_order_of_one_lane(void **state)
{
    static struct asked *calls[MANY];
    struct node *n = fixture_node(*state);

    post_many(n, calls, MANY, 1);
    await_all(n, calls, MANY);
    for (size_t i = 1; i < MANY; i++)
        assert_true(msgid_cmp(id_of(calls[i - 1]), id_of(calls[i])) < 0);
    assert_live_is(n, calls, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_true(str_eq(node_live(n, 1, i)->topic, str_of(calls[i]->topic)));
}

static void keeps_the_order_of_every_lane(void **state)
{
    static struct asked *calls[MANY];
    enum { LANES = 10 };
    struct node *n = fixture_node(*state);

    post_many(n, calls, MANY, LANES);
    await_all(n, calls, MANY);
    for (size_t i = LANES; i < MANY; i++)
        assert_true(msgid_cmp(id_of(calls[i - LANES]), id_of(calls[i])) < 0);
    assert_live_is(n, calls, MANY);
}

/* Publishes text as the app does: encoded by json_add_string. */
static struct message *publish_text(struct node *n, struct str text, struct str origin)
{
    struct buf json = { 0 }, sender = { 0 };
    struct asked *a;
    struct message *want;

    json_add_string(&json, text);
    if (origin.n)
        json_add_string(&sender, origin);
    a = node_publish_call(n, "a/b", buf_str(&json));
    a->call.publish.origin_json = buf_str(&sender);
    node_post(n, 0, a);
    node_await(n, a);
    want = message_create(id_of(a), STR("a/b"), buf_str(&json), buf_str(&sender));
    buf_done(&json);
    buf_done(&sender);
    return want;
}

static void assert_same_message(const struct message *got, const struct message *want)
{
    assert_id(got->id, want->id);
    assert_true(str_eq(got->topic, want->topic));
    assert_int_equal(got->body.n, want->body.n);
    assert_memory_equal(got->body.p, want->body.p, want->body.n);
    assert_false(got->legacy);
}

static void delivers_messages_byte_for_byte(void **state)
{
    static const struct {
        struct str text, origin;
    } cases[] = {
        { STR("plain"), { NULL, 0 } },
        { STR("nul \0 inside"), STR("alice") },
        { STR("\0"), STR("\0\0") },
        { STR("say \"hi\" \\ / \n\t\r\b\f"), STR("o\"brien\\") },
        { STR("\x01\x1f\x7f"), STR("\x1b[31m") },
        { STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), STR("\xf0\x9f\x91\xa9") },
        { STR("\xe2\x80\xa8\xef\xbf\xbf\xf4\x8f\xbf\xbf"), { NULL, 0 } },
        { STR("%s %n {} \r\n* $5"), STR("%d") },
        { STR("\",\"topic\":\"x\"}}"), STR("\",\"message\":\"y\"") },
        { STR("{\"id\":1}"), { NULL, 0 } },
    };
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("a/b") };
    struct message *want[ARRAY_LEN(cases)];
    static struct history got;

    question.after = node_publish(n, "first", "\"x\"");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        want[i] = publish_text(n, cases[i].text, cases[i].origin);
    history_read(n, question, &got);
    assert_int_equal(got.n, ARRAY_LEN(cases));
    node_await_live(n, 0, ARRAY_LEN(cases) + 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_same_message(node_live(n, 0, i + 1), want[i]);
        assert_same_message(got.items[i], want[i]);
        message_unref(want[i]);
    }
    history_done(&got);
}

static void delivers_a_large_message(void **state)
{
    enum { SIZE = 1024 * 1024 };
    struct node *n = fixture_node(*state);
    char *text = malloc(SIZE + 1);
    const struct message *live;

    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    text[SIZE] = '\0';
    node_publish(n, "big", text);
    node_await_live(n, 1, 1);
    live = node_live(n, 1, 0);
    assert_non_null(memmem(live->body.p, live->body.n, text, SIZE));
    free(text);
}

/* 48 MiB for a worker whose inbox takes 32: the rest comes from the log when it reads again. */
static void delivers_everything_to_a_worker_that_stalled(void **state)
{
    enum { BIG_ONES = 48, SIZE = 1024 * 1024 };
    struct node *n = fixture_node(*state);
    struct msgid ids[BIG_ONES];
    char *text = malloc(SIZE + 1);

    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    text[SIZE] = '\0';
    node_hold(n, 1);
    for (size_t i = 0; i < BIG_ONES; i++)
        ids[i] = node_publish(n, i % 2 ? "a" : "b", text);
    node_await_live(n, 0, BIG_ONES); /* the other worker is not held up */
    assert_true(node_metric(n, METRIC_LIVE_STALLS) > 0);
    node_release(n, 1);
    node_await_live(n, 1, BIG_ONES);
    node_publish(n, "a", "\"end\"");
    node_await_live(n, 1, BIG_ONES + 1);
    for (size_t i = 0; i < BIG_ONES; i++) {
        assert_id(node_live(n, 0, i)->id, ids[i]);
        assert_id(node_live(n, 1, i)->id, ids[i]);
    }
    free(text);
}

/* A worker has a full inbox at the end: it takes what is there, and no replay starts. */
static void stops_while_a_worker_stalls(void **state)
{
    enum { BIG_ONES = 48, SIZE = 1024 * 1024 };
    struct node *n = fixture_node(*state);
    char *text = malloc(SIZE + 1);

    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    text[SIZE] = '\0';
    node_hold(n, 1);
    for (size_t i = 0; i < BIG_ONES; i++)
        node_publish(n, "a", text);
    node_await_live(n, 0, BIG_ONES);
    assert_true(node_metric(n, METRIC_LIVE_STALLS) > 0);
    node_stop(n);
    node_release(n, 1);
    node_await_live(n, 1, 1);
    free(text);
}

static void issues_ids_and_delivers_live_without_a_log(void **state)
{
    struct fixture *f = *state;
    struct broker_history question = { .filter = STR("#"), .newest = 5 };
    struct msgid first, second;
    struct node *n;

    f->config.cache = false;
    n = fixture_node(f);
    first = node_publish(n, "a", "\"1\"");
    second = node_publish(n, "b", "\"2\"");
    assert_true(msgid_cmp(first, second) < 0);
    node_await_live(n, 0, 2);
    node_await_live(n, 1, 2);
    assert_id(node_live(n, 1, 1)->id, second);
    question.after = first;
    assert_false(history_is(n, question, NULL, 0));
    question.filter = STR("b");
    question.since = -60000;
    assert_false(history_is(n, question, NULL, 0));
}

/* Every call under way when the broker stops is answered once, and the answer is true. */
static void answers_every_call_once_when_it_stops(void **state)
{
    static struct asked *calls[2 * MANY];
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("#"), .since = -60000 };
    struct msgid last = { 0 };

    post_many(n, calls, MANY, 1);
    for (size_t i = MANY; i < 2 * MANY; i++) {
        calls[i] = node_history_call(n, &question);
        node_post(n, (unsigned)i % NODE_WORKERS, calls[i]);
    }
    node_stop(n);
    await_all(n, calls, 2 * MANY);
    for (size_t i = 0; i < 2 * MANY; i++) {
        const struct broker_call *call = &calls[i]->call;

        if (call->op != BROKER_OP_PUBLISH || call->status != BROKER_DONE)
            continue;
        assert_true(msgid_cmp(last, call->publish.ret_id) < 0);
        last = call->publish.ret_id;
    }
}

static void is_not_ready_after_it_stopped(void **state)
{
    struct node *n = fixture_node(*state);

    node_stop(n);
    node_await_ready(n, false);
}

int feed_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(keeps_the_order_of_one_lane, f),
        FIXTURE_TEST(keeps_the_order_of_every_lane, f),
        FIXTURE_TEST(delivers_messages_byte_for_byte, f),
        FIXTURE_TEST(delivers_a_large_message, f),
        FIXTURE_TEST(delivers_everything_to_a_worker_that_stalled, f),
        FIXTURE_TEST(stops_while_a_worker_stalls, f),
        FIXTURE_TEST(issues_ids_and_delivers_live_without_a_log, f),
        FIXTURE_TEST(answers_every_call_once_when_it_stops, f),
        FIXTURE_TEST(is_not_ready_after_it_stopped, f),
    };

    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
