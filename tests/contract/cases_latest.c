/* The newest message of each topic: which ones a page has, in which order, and when it is complete. */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "broker/gaps.h"

#define MANY 450 /* topics: with Redis more than two questions name */

static struct msgid publish_with_ttl(struct node *n, const char *topic, uint64_t ttl_s)
{
    struct asked *a = node_publish_call(n, topic, STR("\"text\""));

    a->call.publish.ttl_s = ttl_s;
    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return a->call.publish.ret_id;
}

static struct broker_history latest_of(const char *filter)
{
    return (struct broker_history){ .filter = str_of(filter), .latest = true };
}

static void returns_the_newest_of_each_topic_in_the_order_of_ids(void **state)
{
    static const char *const topics[] = { "a", "a/b", "b", "a", "a/c", "b", "a/b/c", "a" };
    static const struct {
        const char *filter;
        size_t n, at[8]; /* indexes of the topics above */
    } cases[] = {
        { "a", 1, { 7 } },
        { "b", 1, { 5 } },
        { "a/+", 2, { 1, 4 } },
        { "a/#", 4, { 1, 4, 6, 7 } },
        { "#", 5, { 1, 4, 5, 6, 7 } },
        { "+", 2, { 5, 7 } },
        { "none", 0, { 0 } },
        { "none/#", 0, { 0 } },
    };
    struct node *n = fixture_node(*state);
    struct msgid ids[ARRAY_LEN(topics)];

    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        ids[i] = node_publish(n, topics[i], "\"text\"");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history question = latest_of(cases[i].filter);
        struct msgid want[ARRAY_LEN(topics)];

        for (size_t k = 0; k < cases[i].n; k++)
            want[k] = ids[cases[i].at[k]];
        for (question.max_entries = 0; question.max_entries < 4; question.max_entries++)
            assert_true(history_is(n, question, want, cases[i].n));
        question.max_entries = 0;
        question.max_bytes = 1;
        assert_true(history_is(n, question, want, cases[i].n));
    }
}

/* Publishes to `count` topics three times, each time in another order. The ids of the last round. */
static void publish_rounds(struct node *n, struct msgid *ids, size_t count)
{
    static struct asked *calls[MANY];
    char topic[32];

    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < count; i++) {
            snprintf(topic, sizeof(topic), "many/%zu", (i * 7 + round) % count);
            calls[i] = node_publish_call(n, topic, STR("\"text\""));
            node_post(n, 0, calls[i]);
        }
        for (size_t i = 0; i < count; i++) {
            node_await(n, calls[i]);
            assert_int_equal(calls[i]->call.status, BROKER_DONE);
            ids[i] = calls[i]->call.publish.ret_id;
        }
    }
}

static void returns_those_of_many_topics(void **state)
{
    static const struct {
        uint32_t entries, bytes;
    } cases[] = { { 0, 0 }, { 7, 0 }, { 100, 300 }, { 0, 5000 } };
    static struct msgid ids[MANY];
    struct node *n = fixture_node(*state);

    publish_rounds(n, ids, MANY);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history question = latest_of("many/+");

        question.max_entries = cases[i].entries;
        question.max_bytes = cases[i].bytes;
        assert_true(history_is(n, question, ids, MANY));
    }
}

/* Messages published after the first page are above the snapshot end, and come live. */
static void keeps_to_the_snapshot_end(void **state)
{
    struct fixture *f = *state;
    struct broker_history question = latest_of("#");
    struct msgid ids[3];
    struct asked *a;
    struct node *n;

    f->config.max_cache_length = 1;
    n = fixture_node(f);
    ids[0] = node_publish(n, "a", "\"1\"");
    ids[1] = node_publish(n, "b", "\"1\"");
    ids[2] = node_publish(n, "c", "\"1\"");
    question.max_entries = 1;
    a = node_history_call(n, &question);
    node_history(n, a);
    assert_int_equal(a->call.history.ret_n, 1);
    assert_int_equal(msgid_cmp(a->call.history.ret_items[0]->id, ids[0]), 0);
    assert_int_equal(msgid_cmp(a->call.history.snapshot_end, ids[2]), 0);
    node_publish(n, "a", "\"2\"");
    node_publish(n, "b", "\"2\""); /* takes the place of the one that has not been read */
    node_publish(n, "d", "\"1\"");
    while (a->call.history.ret_more) {
        node_history(n, a);
        for (size_t i = 0; i < a->call.history.ret_n; i++)
            assert_int_equal(msgid_cmp(a->call.history.ret_items[i]->id, ids[2]), 0);
        assert_true(a->call.history.ret_complete);
    }
    assert_int_equal(msgid_cmp(a->call.history.after, ids[2]), 0);
}

/* Without the newest one, which has expired, an older one is the newest. */
static void leaves_out_expired_messages(void **state)
{
    struct node *n = fixture_node(*state);
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;
    struct msgid stays = node_publish(n, "a", "\"stays\"");
    static struct history got;
    bool is_gone;

    publish_with_ttl(n, "a", 1);
    publish_with_ttl(n, "b", 1);
    do {
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        history_read(n, latest_of("#"), &got);
        is_gone = got.n == 1 && msgid_cmp(got.items[0]->id, stays) == 0;
        assert_true(got.complete); /* what has expired is not missing */
        assert_true(clock_mono_ms() < deadline);
        history_done(&got);
    } while (!is_gone);
}

static void is_complete_although_a_log_was_trimmed(void **state)
{
    struct fixture *f = *state;
    struct msgid id;
    struct node *n;

    f->config.max_cache_length = 1;
    n = fixture_node(f);
    node_publish(n, "a", "\"1\"");
    id = node_publish(n, "a", "\"2\"");
    assert_true(history_is(n, latest_of("a"), &id, 1));
    assert_true(history_is(n, latest_of("#"), &id, 1));
}

static void is_incomplete_without_a_log(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    f->config.cache = false;
    n = fixture_node(f);
    node_publish(n, "a", "\"1\"");
    assert_false(history_is(n, latest_of("a"), NULL, 0));
    assert_false(history_is(n, latest_of("#"), NULL, 0));
}

/* Posts a publish to each of more topics than are read, and counts what comes. */
static void reads_at_most_10000_topics(void **state)
{
    enum { TOPICS = BROKER_MAX_TOPICS + 1, PIECE = 1000 };
    static struct asked *calls[PIECE];
    struct node *n = fixture_node(*state);
    struct broker_history question = latest_of("#");
    struct asked *a;
    size_t count = 0;
    char topic[32];

    question.max_bytes = 1 << 20;
    question.max_entries = 4096;
    for (size_t at = 0; at < TOPICS; at += PIECE) {
        size_t piece = TOPICS - at < PIECE ? TOPICS - at : PIECE;

        for (size_t i = 0; i < piece; i++) {
            snprintf(topic, sizeof(topic), "t/%zu", at + i);
            calls[i] = node_publish_call(n, topic, STR("\"1\""));
            node_post(n, 0, calls[i]);
        }
        for (size_t i = 0; i < piece; i++)
            node_await(n, calls[i]);
    }
    a = node_history_call(n, &question);
    do {
        node_history(n, a);
        assert_false(a->call.history.ret_complete);
        count += a->call.history.ret_n;
    } while (a->call.history.ret_more);
    assert_int_equal(count, BROKER_MAX_TOPICS);
}

/* Redis has evicted the log of a topic. */
static void tells_which_topics_were_evicted(void **state)
{
    struct fixture *f = *state;
    struct broker_history question = latest_of("+");
    char command[64];
    struct asked *a;
    struct node *n;

    if (!f->redis)
        skip();
    n = fixture_node(f);
    node_publish(n, "a", "\"1\"");
    node_publish(n, "b", "\"1\"");
    snprintf(command, sizeof(command), "DEL {%s}:log:a", f->prefix);
    redis_server_command(f->redis, command);
    a = node_history_call(n, &question);
    node_history(n, a);
    assert_int_equal(a->call.history.ret_n, 1);
    assert_false(a->call.history.ret_complete);
    assert_non_null(a->call.history.ret_gaps);
    assert_true(str_eq(a->call.history.ret_gaps->topics[0], STR("a")));
}

/* The memory engine has removed the oldest messages, perhaps the only one of a topic. */
static void is_incomplete_after_memory_limit_removed_messages(void **state)
{
    enum { N = 400 };
    static char text[1024];
    struct fixture *f = *state;
    static struct history got;
    struct node *n;

    if (f->redis)
        skip();
    f->config.memory_limit = 256 * 1024;
    n = fixture_node(f);
    memset(text, '1', sizeof(text));
    node_publish(n, "quiet", "\"1\"");
    for (size_t i = 0; i < N; i++) {
        struct asked *a = node_publish_call(n, "busy", str_make(text, sizeof(text)));

        node_ask(n, a);
    }
    history_read(n, latest_of("+"), &got);
    assert_int_equal(got.n, 1);
    assert_false(got.complete);
    history_done(&got);
}

int latest_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(returns_the_newest_of_each_topic_in_the_order_of_ids, f),
        FIXTURE_TEST(returns_those_of_many_topics, f),
        FIXTURE_TEST(keeps_to_the_snapshot_end, f),
        FIXTURE_TEST(leaves_out_expired_messages, f),
        FIXTURE_TEST(is_complete_although_a_log_was_trimmed, f),
        FIXTURE_TEST(is_incomplete_without_a_log, f),
        FIXTURE_TEST(reads_at_most_10000_topics, f),
        FIXTURE_TEST(tells_which_topics_were_evicted, f),
        FIXTURE_TEST(is_incomplete_after_memory_limit_removed_messages, f),
    };

    return cmocka_run_group_tests_name("latest", tests, NULL, NULL);
}
