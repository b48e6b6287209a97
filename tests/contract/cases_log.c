/* History: what the log holds, for how long, and when an answer is complete. */
#include "contract/fixture.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"

static struct msgid publish_with(struct node *n, const char *topic, uint64_t ttl_s,
                                 int64_t timestamp)
{
    struct asked *a = node_publish_call(n, topic, STR("\"text\""));

    a->call.publish.ttl_s = ttl_s;
    a->call.publish.timestamp = timestamp;
    node_post(n, 0, a);
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return a->call.publish.ret_id;
}

/* Asks until the answer has `count` entries and is complete or not, as `complete` says. */
static void await_history(struct node *n, struct broker_history question, size_t count,
                          bool complete)
{
    static struct history got;
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    for (;;) {
        history_read(n, question, &got);
        if (got.n == count && got.complete == complete)
            break;
        assert_true(clock_mono_ms() < deadline);
        history_done(&got);
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
    history_done(&got);
}

static void returns_the_history_of_topics_and_patterns(void **state)
{
    static const char *const topics[] = { "a", "a/b", "b", "a/c", "ab", "a/b/c", "a/b", "a-b/c" };
    static const struct {
        const char *filter;
        size_t n, at[8]; /* indexes of the topics above */
    } cases[] = {
        { "a", 1, { 0 } },
        { "a/b", 2, { 1, 6 } },
        { "a/#", 5, { 0, 1, 3, 5, 6 } },
        { "a/+", 3, { 1, 3, 6 } },
        { "+", 3, { 0, 2, 4 } },
        { "+/c", 2, { 3, 7 } },
        { "a-b/+", 1, { 7 } },
        { "#", 8, { 0, 1, 2, 3, 4, 5, 6, 7 } },
        { "a/b/c/d", 0, { 0 } },
        { "c/#", 0, { 0 } },
    };
    struct node *n = fixture_node(*state);
    struct broker_history question = { .after = node_publish(n, "first/of/all", "\"x\"") };
    struct msgid ids[ARRAY_LEN(topics)];

    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        ids[i] = node_publish(n, topics[i], "\"text\"");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct msgid want[ARRAY_LEN(topics)];

        for (size_t k = 0; k < cases[i].n; k++)
            want[k] = ids[cases[i].at[k]];
        question.filter = str_of(cases[i].filter);
        assert_true(history_is(n, question, want, cases[i].n));
    }
}

static void returns_entries_between_after_and_the_snapshot_end(void **state)
{
    enum { N = 8 };
    struct node *n = fixture_node(*state);
    struct msgid ids[N];

    for (size_t i = 0; i < N; i++)
        ids[i] = node_publish(n, i % 2 ? "a" : "b", "\"text\"");
    for (size_t from = 0; from < N; from++) {
        for (size_t to = from; to < N; to++) {
            struct broker_history question = { .filter = STR("+"),
                                               .after = ids[from],
                                               .snapshot_end = ids[to] };

            assert_true(history_is(n, question, ids + from + 1, to - from));
        }
    }
}

static void takes_the_last_id_as_snapshot_end(void **state)
{
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("none") };
    static struct history got;
    struct msgid last;

    question.after = node_publish(n, "a", "\"1\"");
    last = node_publish(n, "b", "\"2\"");
    history_read(n, question, &got);
    assert_int_equal(msgid_cmp(got.snapshot_end, last), 0);
    assert_true(got.complete);
    history_done(&got);
}

static void returns_only_the_newest_entries(void **state)
{
    enum { N = 10 };
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("#") };
    struct msgid ids[N];

    question.after = node_publish(n, "first", "\"x\"");
    for (size_t i = 0; i < N; i++)
        ids[i] = node_publish(n, i % 3 ? "a" : "b", "\"text\"");
    for (uint32_t newest = 1; newest <= N + 2; newest++) {
        size_t skip = newest < N ? N - newest : 0;

        question.newest = newest;
        question.max_entries = 3; /* over several pages as well */
        assert_int_equal(history_is(n, question, ids + skip, N - skip), newest >= N);
    }
}

/* An entry's time is its timestamp if that is usable, else the time of its id. */
static void compares_since_with_the_timestamp(void **state)
{
    const int64_t minute = 60000, day = 24 * 60 * minute;
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("t/+") };
    int64_t now = (int64_t)clock_wall_ms();
    struct msgid ids[5];

    ids[0] = publish_with(n, "t/behind", 0, now - 6 * day);
    ids[1] = publish_with(n, "t/ahead", 0, now + minute / 2);
    ids[2] = publish_with(n, "t/none", 0, 0);
    ids[3] = publish_with(n, "t/too-old", 0, now - 8 * day);
    ids[4] = publish_with(n, "t/too-new", 0, now + 2 * minute);

    question.since = now - 7 * day;
    history_is(n, question, ids, 5);
    question.since = -7 * day;
    history_is(n, question, ids, 5);
    question.since = now - 5 * day;
    history_is(n, question, ids + 1, 4);
    question.since = -5 * day;
    history_is(n, question, ids + 1, 4);
    question.since = now + minute / 4;
    history_is(n, question, ids + 1, 1);
    question.since = now + minute / 2;
    history_is(n, question, ids + 1, 1);
    question.since = now + minute / 2 + 1;
    history_is(n, question, ids, 0);
    question.since = INT64_MIN;
    history_is(n, question, ids, 5);
}

static void resolves_since_with_the_first_page(void **state)
{
    enum { N = 7 };
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("t"), .since = -60000, .max_entries = 2 };
    struct asked *a = node_history_call(n, &question);
    struct msgid ids[N];
    int64_t before;

    for (size_t i = 0; i < N; i++)
        ids[i] = node_publish(n, "t", "\"text\"");
    before = (int64_t)clock_wall_ms();
    node_history(n, a);
    assert_in_range((uint64_t)(a->call.history.since + 60000), (uint64_t)before, clock_wall_ms());
    assert_true(a->call.history.ret_more);
    history_is(n, question, ids, N);
}

static void does_not_miss_entries_whose_own_ttl_ran_out(void **state)
{
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("a/#") };
    struct msgid stays;

    question.after = node_publish(n, "first", "\"x\"");
    publish_with(n, "a", 1, 0);
    stays = publish_with(n, "a", 100, 0);
    publish_with(n, "a/b", 1, 0);
    await_history(n, question, 1, true);
    assert_true(history_is(n, question, &stays, 1));
}

static void keeps_max_cache_length_entries_of_a_topic(void **state)
{
    enum { N = 10, LENGTH = 4 };
    struct fixture *f = *state;
    struct broker_history question = { .filter = STR("full") };
    struct msgid ids[N], first, other;
    struct node *n;

    f->config.max_cache_length = LENGTH;
    n = fixture_node(f);
    first = node_publish(n, "first", "\"x\"");
    for (size_t i = 0; i < N; i++)
        ids[i] = node_publish(n, "full", "\"text\"");
    other = node_publish(n, "other", "\"x\"");

    question.after = first;
    assert_false(history_is(n, question, ids + N - LENGTH, LENGTH));
    question.after = ids[N - LENGTH - 2]; /* below the last removed id */
    assert_false(history_is(n, question, ids + N - LENGTH, LENGTH));
    question.after = ids[N - LENGTH - 1]; /* the last removed id: nothing after it was removed */
    assert_true(history_is(n, question, ids + N - LENGTH, LENGTH));
    question.filter = STR("f/#");
    question.after = first;
    assert_true(history_is(n, question, NULL, 0)); /* this topic is not full */
    question.filter = STR("other");
    assert_true(history_is(n, question, &other, 1));
    question.filter = STR("+");
    question.after = ids[N - LENGTH - 2];
    question.snapshot_end = ids[N - 1];
    assert_false(history_is(n, question, ids + N - LENGTH, LENGTH));
}

static void is_incomplete_from_a_point_outside_the_log(void **state)
{
    struct node *n = fixture_node(*state);
    struct msgid ids[2] = { node_publish(n, "a", "\"1\""), node_publish(n, "a", "\"2\"") };
    struct broker_history question = { .filter = STR("a") };

    question.after = ids[1];
    assert_true(history_is(n, question, NULL, 0));
    question.after.seq++;
    assert_false(history_is(n, question, NULL, 0)); /* above the last id issued */
    question.after = (struct msgid){ UINT64_MAX / 4, 0 };
    assert_false(history_is(n, question, NULL, 0));
    question.after = (struct msgid){ 1, 0 };
    assert_false(history_is(n, question, ids, 2)); /* everything that is there */
    question.after = (struct msgid){ 0 };
    assert_false(history_is(n, question, ids, 2));
}

/* Publishes until a message gets the first id of its millisecond. */
static struct msgid publish_first_of_ms(struct node *n, const char *topic)
{
    struct msgid id;

    do {
        id = node_publish(n, topic, "\"x\"");
    } while (id.seq != 0);
    return id;
}

static void is_incomplete_since_the_time_of_a_removed_message(void **state)
{
    struct fixture *f = *state;
    struct broker_history since = { .filter = STR("a") };
    struct broker_history after = { .filter = STR("a") };
    struct msgid stays;
    struct node *n;

    f->config.max_cache_length = 1;
    n = fixture_node(f);
    after.after = publish_first_of_ms(n, "a");
    since.since = (int64_t)after.after.ms;
    stays = node_publish(n, "a", "\"x\"");
    assert_false(history_is(n, since, &stays, 1));
    assert_true(history_is(n, after, &stays, 1));
}

/* Nothing was published since these moments of the past. A moment of the future is not complete. */
static void is_complete_since_a_time_after_the_last_message(void **state)
{
    const int64_t minute = 60000;
    struct node *n = fixture_node(*state);
    struct msgid last = node_publish(n, "a", "\"x\"");
    const struct {
        int64_t since;
        bool complete;
    } cases[] = {
        { -1, true },
        { (int64_t)last.ms + 1, true },
        { (int64_t)last.ms + 2, true },
        { (int64_t)last.ms + 10 * minute, false },
    };

    while (clock_wall_ms() < last.ms + 3)
        ; /* until the times above have passed */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history question = { .filter = STR("a"), .since = cases[i].since };

        assert_int_equal(history_is(n, question, NULL, 0), cases[i].complete);
    }
}

static void is_incomplete_from_a_point_older_than_the_default_ttl(void **state)
{
    struct fixture *f = *state;
    struct broker_history question = { .filter = STR("a") };
    struct msgid stays;
    struct node *n;

    f->config.default_ttl_s = 1;
    n = fixture_node(f);
    question.after = node_publish(n, "first", "\"x\"");
    stays = publish_with(n, "a", 100, 0);
    await_history(n, question, 1, false);
    /* The memory engine counts by another clock, whose ms begin at other moments. */
    assert_true(clock_wall_ms() + 2 > question.after.ms + 1000);
    assert_false(history_is(n, question, &stays, 1));
}

/* Nothing was published after the last id or since a later time, so nothing can have expired. */
static void is_complete_from_the_last_id_however_old(void **state)
{
    struct fixture *f = *state;
    struct broker_history question = { .filter = STR("a") };
    struct broker_history time = { .filter = STR("a") };
    struct node *n;

    f->config.default_ttl_s = 1;
    n = fixture_node(f);
    question.after = node_publish(n, "a", "\"x\"");
    time.since = (int64_t)question.after.ms + 1;
    await_history(n, (struct broker_history){ .filter = STR("a") }, 0, false);
    while (clock_wall_ms() <= (uint64_t)time.since + 1000)
        ; /* until the ttl has passed */
    assert_true(history_is(n, question, NULL, 0));
    assert_true(history_is(n, time, NULL, 0));
}

static void never_expires_entries_with_default_ttl_0(void **state)
{
    struct fixture *f = *state;
    struct broker_history question = { .filter = STR("a") };
    struct msgid id;
    struct node *n;

    f->config.default_ttl_s = 0;
    n = fixture_node(f);
    question.after = node_publish(n, "first", "\"x\"");
    id = node_publish(n, "a", "\"x\"");
    assert_true(history_is(n, question, &id, 1));
}

/* The memory engine removes the oldest entries and reports it; Redis has its own maxmemory. */
static void removes_the_oldest_entries_at_memory_limit(void **state)
{
    enum { N = 2000 };
    struct fixture *f = *state;
    struct broker_history question = { .filter = STR("+") };
    static struct history got;
    struct msgid last = { 0 };
    struct node *n;

    if (f->redis)
        skip();
    f->config.memory_limit = 64 * 1024;
    n = fixture_node(f);
    question.after = node_publish(n, "first", "\"x\"");
    for (size_t i = 0; i < N; i++)
        last = node_publish(n, i % 2 ? "a" : "b", "\"text\"");
    history_read(n, question, &got);
    assert_false(got.complete);
    assert_in_range(got.n, 50, N / 2);
    assert_int_equal(msgid_cmp(got.items[got.n - 1]->id, last), 0);
    question.after = got.items[0]->id;
    history_done(&got);
    history_read(n, question, &got);
    assert_true(got.complete);
    history_done(&got);
}

int log_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(returns_the_history_of_topics_and_patterns, f),
        FIXTURE_TEST(returns_entries_between_after_and_the_snapshot_end, f),
        FIXTURE_TEST(takes_the_last_id_as_snapshot_end, f),
        FIXTURE_TEST(returns_only_the_newest_entries, f),
        FIXTURE_TEST(compares_since_with_the_timestamp, f),
        FIXTURE_TEST(resolves_since_with_the_first_page, f),
        FIXTURE_TEST(does_not_miss_entries_whose_own_ttl_ran_out, f),
        FIXTURE_TEST(keeps_max_cache_length_entries_of_a_topic, f),
        FIXTURE_TEST(is_incomplete_since_the_time_of_a_removed_message, f),
        FIXTURE_TEST(is_incomplete_from_a_point_outside_the_log, f),
        FIXTURE_TEST(is_complete_since_a_time_after_the_last_message, f),
        FIXTURE_TEST(is_incomplete_from_a_point_older_than_the_default_ttl, f),
        FIXTURE_TEST(is_complete_from_the_last_id_however_old, f),
        FIXTURE_TEST(never_expires_entries_with_default_ttl_0, f),
        FIXTURE_TEST(removes_the_oldest_entries_at_memory_limit, f),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
