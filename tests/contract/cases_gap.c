/* What a worker is told of messages that were lost on the way to it and cannot be given back. */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define SIZE  (1024 * 1024)
#define MANY  48 /* of that size: more than a worker's box takes */
#define SPLIT 8  /* entries that the log keeps of a topic */

static char *big_text(void)
{
    char *text = malloc(SIZE + 1);

    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    text[SIZE] = '\0';
    return text;
}

/* Publishes more than the worker's box takes while that does not look into it. */
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

/* The same topics in any order; each has a space behind it. */
static void assert_lost(const char *gaps, const char *want)
{
    assert_int_equal(strlen(gaps), strlen(want));
    for (const char *topic = want; *topic; topic += 2)
        assert_non_null(memmem(gaps, strlen(gaps), topic, 2));
}

/* One gap, told to worker 1 alone, which lies where the messages are missing. */
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

static void what_a_stalled_worker_missed_and_the_log_trimmed(void **state)
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

static void what_a_stalled_worker_missed_and_the_log_still_has(void **state)
{
    struct node *n = fixture_node(*state);

    overflow_worker(n, 1, "a");
    node_release(n, 1);
    publish_and_await_end(n, 1);
    assert_int_equal(node_live_count(n, 1), MANY + 1);
    assert_int_equal(node_await_gap(n, 1, 0).count, 0);
}

/* Whose messages they were, the embedded log does not keep. */
static void what_memory_limit_took(void **state)
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

/* What was posted before lies before the gap, and what comes after, however much was lost. */
static void without_a_log(void **state)
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

/* ---- a feed that was away ---- */

/* Two nodes, of which the first is cut off while `publish` runs on the second; and then publishes
 * itself, where it goes on. */
static struct node *part(struct fixture *f, void (*publish)(struct node *other), bool goes_on)
{
    struct node *cut = fixture_node(f), *other;
    uint64_t ids[32];
    size_t n_ids = redis_server_clients(f->redis, ids, COUNT(ids));

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

static void a_feed_that_was_away(void **state)
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
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct node *cut;
        struct node_gap gap;

        f->config.cache = cases[i].cache;
        cut = part(f, cases[i].publish, true);
        gap = node_await_gap(cut, 1, cases[i].gaps);
        assert_int_equal(gap.count, cases[i].gaps);
        assert_lost(gap.gaps, cases[i].topics);
        assert_int_equal(gap.at, cases[i].gaps); /* right behind "before" */
        (void)fixture_teardown(state);
        redis_server_reset(f->redis);
    }
}

/* All connections of all nodes, until act is done. */
static void cut_all(struct fixture *f, struct node *n, void (*act)(void))
{
    uint64_t ids[32];

    redis_server_refuse(f->redis, ids, redis_server_clients(f->redis, ids, COUNT(ids)));
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

/* Nothing expired that was not there. */
static void a_feed_that_was_away_from_a_quiet_redis(void **state)
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

/* What was lost was told: the next time counts from there. */
static void without_a_log_each_loss_is_told_once(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    if (!f->redis)
        skip();
    f->config.cache = false;
    n = part(f, publish_one, false);
    assert_int_equal(node_await_gap(n, 1, 1).count, 1);
    cut_all(f, n, NULL);
    publish_and_await_end(n, 1);
    assert_int_equal(node_await_gap(n, 1, 1).count, 1);
}

/* Nor does what came by the log make it forget how far Redis had been. */
static void a_redis_that_is_older_than_what_was_replayed(void **state)
{
    struct fixture *f = *state;
    struct node *n;
    char command[128];
    struct msgid before;
    char text[MSGID_TEXT];

    if (!f->redis)
        skip();
    n = part(f, publish_one, false);
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

static void a_redis_that_came_back_empty(void **state)
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
        FIXTURE_TEST(what_a_stalled_worker_missed_and_the_log_trimmed, f),
        FIXTURE_TEST(what_a_stalled_worker_missed_and_the_log_still_has, f),
        FIXTURE_TEST(what_memory_limit_took, f),
        FIXTURE_TEST(without_a_log, f),
        FIXTURE_TEST(a_feed_that_was_away, f),
        FIXTURE_TEST(a_feed_that_was_away_from_a_quiet_redis, f),
        FIXTURE_TEST(without_a_log_each_loss_is_told_once, f),
        FIXTURE_TEST(a_redis_that_is_older_than_what_was_replayed, f),
        FIXTURE_TEST(a_redis_that_came_back_empty, f),
    };

    return cmocka_run_group_tests_name("gap", tests, NULL, NULL);
}
