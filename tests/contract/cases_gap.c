/* Gaps: what a worker is told about messages that did not reach it and cannot be replayed. */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define SIZE  (1024 * 1024)
#define MANY  48 /* of that size: more than a worker's inbox takes */
#define SPLIT 8  /* entries of a topic that the log keeps */

static char *big_text(void)
{
    char *text = malloc(SIZE + 1);

    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    text[SIZE] = '\0';
    return text;
}

/* Publishes more than the worker's inbox takes, while the worker does not read it. */
static void overflow_worker(struct node *n, unsigned worker, const char *topic)
{
    char *text = big_text();

    node_hold(n, worker);
    for (size_t i = 0; i < MANY; i++)
        node_publish(n, topic, text);
    node_await_live(n, 1 - worker, MANY);
    assert_true(node_metric(n, METRIC_LIVE_STALLS) > 0);
    free(text);
}

/* Asserts that both name the same topics, in any order; a space follows each. */
static void assert_topics(const char *gaps, const char *want)
{
    assert_int_equal(strlen(gaps), strlen(want));
    for (const char *topic = want; *topic; topic += 2)
        assert_non_null(memmem(gaps, strlen(gaps), topic, 2));
}

/* Asserts one gap, reported to worker 1 alone, in the place where messages are missing. */
static void assert_one_gap(struct node *n, const char *gaps)
{
    struct node_gap gap = node_await_gap(n, 1, 1);

    assert_int_equal(gap.count, 1);
    assert_string_equal(gap.gaps, gaps);
    assert_in_range(gap.at, 1, node_live_count(n, 1) - 1);
    for (size_t i = 1; i < node_live_count(n, 1); i++)
        assert_true(msgid_cmp(node_live(n, 1, i - 1)->id, node_live(n, 1, i)->id) < 0);
    assert_int_equal(node_await_gap(n, 0, 0).count, 0);
    assert_int_equal(node_metric(n, METRIC_REPLAY_GAPS), 1);
}

static void publish_and_await_end(struct node *n, unsigned worker)
{
    struct msgid end = node_publish(n, "end", "\"x\"");
    size_t count = 1;

    node_await_live(n, worker, count);
    while (msgid_cmp(node_live(n, worker, count - 1)->id, end) != 0)
        node_await_live(n, worker, ++count);
}

static void reports_what_the_log_trimmed_before_a_stalled_worker_read_it(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    f->config.max_cache_length = SPLIT;
    n = fixture_node(f);
    overflow_worker(n, 1, "a");
    node_publish(n, "b", "\"kept\"");
    node_release(n, 1);
    publish_and_await_end(n, 1);
    assert_one_gap(n, "a ");
    assert_true(node_live_count(n, 1) < MANY + 2);
}

static void replays_what_a_stalled_worker_missed(void **state)
{
    struct node *n = fixture_node(*state);

    overflow_worker(n, 1, "a");
    node_release(n, 1);
    publish_and_await_end(n, 1);
    assert_int_equal(node_live_count(n, 1), MANY + 1);
    assert_int_equal(node_await_gap(n, 1, 0).count, 0);
}

/* The memory engine does not keep the topics of what MEMORY_LIMIT removed. */
static void reports_what_memory_limit_removed(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    if (f->redis)
        skip();
    f->config.memory_limit = SPLIT * SIZE;
    n = fixture_node(f);
    overflow_worker(n, 1, "a");
    node_release(n, 1);
    publish_and_await_end(n, 1);
    assert_one_gap(n, "");
}

/* The gap comes after the messages that were posted and before those that follow. */
static void reports_a_gap_without_a_log(void **state)
{
    struct fixture *f = *state;
    struct node_gap gap;
    struct node *n;

    f->config.cache = false;
    n = fixture_node(f);
    overflow_worker(n, 1, "a");
    node_release(n, 1);
    gap = node_await_gap(n, 1, 1); /* without a message that follows */
    assert_string_equal(gap.gaps, "");
    assert_in_range(gap.at, 1, MANY - 1);
    publish_and_await_end(n, 1);
    assert_int_equal(node_await_gap(n, 1, 1).count, 1);
    assert_int_equal(node_live_count(n, 1), gap.at + 1);
}

/* ---- after the feed was interrupted ---- */

/* Starts two nodes and cuts the first off from Redis while `publish` runs on the second. With
 * goes_on, the first then publishes, too. */
static struct node *cut_off_one_of_two(struct fixture *f, void (*publish)(struct node *other),
                                       bool goes_on)
{
    struct node *cut = fixture_node(f), *other;
    uint64_t ids[32];
    size_t n_ids = redis_server_clients(f->redis, ids, ARRAY_LEN(ids));

    other = fixture_node(f);
    node_publish(other, "before", "\"x\"");
    node_await_live(cut, 1, 1);
    redis_server_refuse(f->redis, ids, n_ids);
    node_await_ready(cut, false);
    publish(other);
    redis_server_accept(f->redis);
    node_await_ready(cut, true);
    if (goes_on)
        publish_and_await_end(cut, 1);
    return cut;
}

static void publish_too_many(struct node *other)
{
    for (size_t i = 0; i < 3 * SPLIT; i++) {
        node_publish(other, "a", "\"x\"");
        node_publish(other, i % 2 ? "b" : "c", "\"x\"");
    }
    node_publish(other, "d", "\"x\"");
}

static void publish_one(struct node *other)
{
    node_publish(other, "a", "\"x\"");
}

static void publish_nothing(struct node *other)
{
    (void)other;
}

static void reports_what_the_feed_missed_and_the_log_lost(void **state)
{
    static const struct {
        bool cache;
        void (*publish)(struct node *other);
        size_t gaps;
        const char *topics;
    } cases[] = {
        { true, publish_too_many, 1, "a b c " },
        { true, publish_one, 0, "" },
        { false, publish_one, 1, "" },
        { false, publish_nothing, 0, "" },
    };
    struct fixture *f = *state;

    if (!f->redis)
        skip();
    f->config.max_cache_length = SPLIT;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct node *cut;
        struct node_gap gap;

        f->config.cache = cases[i].cache;
        cut = cut_off_one_of_two(f, cases[i].publish, true);
        gap = node_await_gap(cut, 1, cases[i].gaps);
        assert_int_equal(gap.count, cases[i].gaps);
        assert_topics(gap.gaps, cases[i].topics);
        assert_int_equal(gap.at, cases[i].gaps); /* directly after "before" */
        (void)fixture_teardown(state);
        redis_server_reset(f->redis);
    }
}

/* Cuts all connections of all nodes until act is done. */
static void cut_all(struct fixture *f, struct node *n, void (*act)(void))
{
    uint64_t ids[32];

    redis_server_refuse(f->redis, ids, redis_server_clients(f->redis, ids, ARRAY_LEN(ids)));
    node_await_ready(n, false);
    if (act)
        act();
    redis_server_accept(f->redis);
    node_await_ready(n, true);
}

static void let_a_second_pass(void)
{
    uint64_t now = clock_wall_ms();

    while (clock_wall_ms() <= now + 1000)
        ;
}

/* Nothing was published, so nothing can have expired. */
static void reports_nothing_when_redis_was_quiet(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    if (!f->redis)
        skip();
    f->config.default_ttl_s = 1;
    n = fixture_node(f);
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 1, 1);
    cut_all(f, n, let_a_second_pass);
    publish_and_await_end(n, 1);
    assert_int_equal(node_await_gap(n, 1, 0).count, 0);
}

/* The second interruption counts from the gap that was reported after the first. */
static void reports_each_gap_once_without_a_log(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    if (!f->redis)
        skip();
    f->config.cache = false;
    n = cut_off_one_of_two(f, publish_one, false);
    assert_int_equal(node_await_gap(n, 1, 1).count, 1);
    cut_all(f, n, NULL);
    publish_and_await_end(n, 1);
    assert_int_equal(node_await_gap(n, 1, 1).count, 1);
}

/* Messages that came from the log count when the node compares its ids with those of Redis. */
static void notices_a_redis_older_than_the_last_replay(void **state)
{
    struct fixture *f = *state;
    struct node *n;
    char command[128];
    struct msgid before;
    char text[MSGID_TEXT];

    if (!f->redis)
        skip();
    n = cut_off_one_of_two(f, publish_one, false);
    node_await_live(n, 1, 2);
    node_free(f->nodes[1]); /* it would notice, too */
    f->nodes[1] = NULL;
    before = node_live(n, 1, 0)->id;
    msgid_format(before, text);
    (void)snprintf(command, sizeof(command), "SET {%s}:id %s", f->prefix, text);
    redis_server_command(f->redis, command);
    assert_string_equal(node_await_gap(n, 1, 1).gaps, "");
    assert_int_equal(node_metric(n, METRIC_REWINDS), 1);
}

static void reports_a_gap_when_redis_comes_back_empty(void **state)
{
    struct fixture *f = *state;
    struct node_gap gap;
    struct node *n;

    if (!f->redis)
        skip();
    n = fixture_node(f);
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 1, 1);
    redis_server_kill(f->redis);
    node_await_ready(n, false);
    redis_server_restart(f->redis);
    node_await_ready(n, true);
    publish_and_await_end(n, 1);
    gap = node_await_gap(n, 1, 1);
    assert_string_equal(gap.gaps, "");
    assert_int_equal(gap.at, 1);
    assert_int_equal(node_await_gap(n, 1, 1).count, 1);
}

int gap_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reports_what_the_log_trimmed_before_a_stalled_worker_read_it, f),
        FIXTURE_TEST(replays_what_a_stalled_worker_missed, f),
        FIXTURE_TEST(reports_what_memory_limit_removed, f),
        FIXTURE_TEST(reports_a_gap_without_a_log, f),
        FIXTURE_TEST(reports_what_the_feed_missed_and_the_log_lost, f),
        FIXTURE_TEST(reports_nothing_when_redis_was_quiet, f),
        FIXTURE_TEST(reports_each_gap_once_without_a_log, f),
        FIXTURE_TEST(notices_a_redis_older_than_the_last_replay, f),
        FIXTURE_TEST(reports_a_gap_when_redis_comes_back_empty, f),
    };

    return cmocka_run_group_tests_name("gap", tests, NULL, NULL);
}
