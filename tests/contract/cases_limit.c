/* Keys and limits: a publish is done once for its key, and counted against the limit of its
 * publisher.
 */
#include "contract/fixture.h"

#include <stdio.h>

#include "base/clock.h"

#define HOUR     3600
#define STALL_MS 900 /* of an interval of a second */

static const struct str alice = { "\"alice\"", 7 };
static const struct str bob = { "\"bob\"", 5 };

static struct asked *limited_call(struct node *n, const char *topic, struct str who,
                                  struct rate_rule limit)
{
    struct asked *a = node_publish_call(n, topic, STR("\"text\""));

    a->call.publish.origin_json = who;
    a->call.publish.limit = limit;
    return a;
}

static enum broker_status publish_limited(struct node *n, const char *topic, struct str who,
                                          struct rate_rule limit)
{
    struct asked *a = limited_call(n, topic, who, limit);

    node_ask(n, a);
    if (a->call.status == BROKER_LIMITED)
        assert_in_range(a->call.publish.ret_retry_ms, 1, (uint64_t)limit.interval_s * 1000);
    return a->call.status;
}

static struct broker_publish publish_key(struct node *n, const char *topic, struct str key)
{
    struct asked *a = node_publish_call(n, topic, STR("\"text\""));

    a->call.publish.key = key;
    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return a->call.publish;
}

static bool is_repeat(struct node *n, const char *topic, struct str key, struct msgid first)
{
    struct broker_publish p = publish_key(n, topic, key);

    if (p.ret_repeated)
        assert_int_equal(msgid_cmp(p.ret_id, first), 0);
    else
        assert_true(msgid_cmp(p.ret_id, first) > 0);
    return p.ret_repeated;
}

/* ---- limits ---- */

static void admits_no_more_than_max(void **state)
{
    const struct rate_rule rule = { .topic = STR("t/#"), .max = 3, .interval_s = HOUR };
    struct node *n = fixture_node(*state);
    struct msgid after;

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(publish_limited(n, i % 2 ? "t/a" : "t/b", alice, rule), BROKER_DONE);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(publish_limited(n, "t/a", alice, rule), BROKER_LIMITED);
    after = node_publish(n, "t/a", "\"without a limit\"");
    node_await_live(n, 0, 4);
    assert_int_equal(msgid_cmp(node_live(n, 0, 3)->id, after), 0);
    assert_int_equal(node_metric(n, METRIC_REFUSED_RATE), 5);
    assert_int_equal(node_metric(n, METRIC_PUBLISHED), 4);
}

static void counts_each_publisher_and_each_rule_separately(void **state)
{
    const struct rate_rule rule = { .topic = STR("t/#"), .max = 1, .interval_s = HOUR };
    const struct rate_rule other = { .topic = STR("t/+"), .max = 1, .interval_s = HOUR };
    const struct rate_rule longer = { .topic = STR("t/#"), .max = 1, .interval_s = 2 * HOUR };
    const struct rate_rule wider = { .topic = STR("t/#"), .max = 2, .interval_s = HOUR };
    struct node *n = fixture_node(*state);

    assert_int_equal(publish_limited(n, "t/a", alice, rule), BROKER_DONE);
    assert_int_equal(publish_limited(n, "t/a", alice, rule), BROKER_LIMITED);
    assert_int_equal(publish_limited(n, "t/a", bob, rule), BROKER_DONE);
    assert_int_equal(publish_limited(n, "t/a", alice, other), BROKER_DONE);
    assert_int_equal(publish_limited(n, "t/a", alice, longer), BROKER_DONE);
    /* The same count, against the limit of this token. */
    assert_int_equal(publish_limited(n, "t/a", alice, wider), BROKER_DONE);
    assert_int_equal(publish_limited(n, "t/a", alice, wider), BROKER_LIMITED);
    assert_int_equal(publish_limited(n, "t/a", bob, rule), BROKER_LIMITED);
}

static void admits_nothing_when_max_is_0(void **state)
{
    const struct rate_rule rule = { .topic = STR("t"), .max = 0, .interval_s = 1 };
    struct node *n = fixture_node(*state);

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(publish_limited(n, "t", alice, rule), BROKER_LIMITED);
    assert_int_equal(node_live_count(n, 0), 0);
}

/* Returns false if the machine stalled: then an interval may have ended in the middle. */
static bool try_two_intervals(struct node *n, const struct rate_rule rule)
{
    uint64_t first = clock_mono_ms(), second;
    enum broker_status status[3];

    assert_int_equal(publish_limited(n, "t", alice, rule), BROKER_DONE);
    status[0] = publish_limited(n, "t", alice, rule);
    status[1] = publish_limited(n, "t", alice, rule);
    if (clock_mono_ms() - first >= STALL_MS)
        return false;
    assert_int_equal(status[0], BROKER_DONE);
    assert_int_equal(status[1], BROKER_LIMITED);
    do {
        second = clock_mono_ms();
        assert_in_range(second - first, 0, NODE_PATIENCE_MS);
    } while (publish_limited(n, "t", alice, rule) == BROKER_LIMITED);
    assert_in_range(clock_mono_ms() - first, 990, NODE_PATIENCE_MS);
    status[1] = publish_limited(n, "t", alice, rule);
    status[2] = publish_limited(n, "t", alice, rule);
    if (clock_mono_ms() - second >= STALL_MS)
        return false;
    assert_int_equal(status[1], BROKER_DONE);
    assert_int_equal(status[2], BROKER_LIMITED);
    return true;
}

/* The interval starts with the first publish that is counted; refused ones do not extend it. */
static void admits_again_after_the_interval(void **state)
{
    struct node *n = fixture_node(*state);
    char topic[8];
    unsigned tries = 0;
    struct rate_rule rule = { .max = 2, .interval_s = 1 };

    do {
        snprintf(topic, sizeof(topic), "t/%u", tries); /* each try has its own count */
        rule.topic = str_of(topic);
        assert_true(tries++ < 30);
    } while (!try_two_intervals(n, rule));
}

static size_t count_passed(struct asked *const *calls, size_t n)
{
    size_t passed = 0;

    for (size_t i = 0; i < n; i++) {
        assert_true(calls[i]->call.status == BROKER_DONE ||
                    calls[i]->call.status == BROKER_LIMITED);
        passed += calls[i]->call.status == BROKER_DONE;
    }
    return passed;
}

/* Over all connections and nodes, exactly max publishes are admitted. */
static void admits_exactly_max_of_many_at_once(void **state)
{
    enum { MAX = 100, N = 400 };
    const struct rate_rule rule = { .topic = STR("t"), .max = MAX, .interval_s = HOUR };
    struct fixture *f = *state;
    struct node *a = fixture_node(f), *b = f->redis ? fixture_node(f) : a;
    static struct asked *calls[N];

    for (size_t i = 0; i < N; i++) {
        struct node *n = i % 2 ? a : b;

        calls[i] = limited_call(n, "t", alice, rule);
        calls[i]->call.lane = (uint32_t)(i / 4 % 4); /* four connections */
        node_post(n, i / 2 % NODE_WORKERS, calls[i]);
    }
    for (size_t i = 0; i < N; i++)
        node_await(i % 2 ? a : b, calls[i]);
    assert_int_equal(count_passed(calls, N), MAX);
    node_await_live(a, 0, MAX);
    node_await_live(b, 1, MAX);
    node_publish(a, "end", "\"x\"");
    node_await_live(a, 0, MAX + 1);
    assert_true(str_eq(node_live(a, 0, MAX)->topic, STR("end")));
    assert_int_equal(node_live_count(a, 0), MAX + 1);
}

/* A publish that is admitted later does not extend the interval either. */
static void does_not_move_the_start_of_an_interval(void **state)
{
    const struct rate_rule rule = { .topic = STR("t"), .max = 2, .interval_s = 10 };
    struct node *n = fixture_node(*state);
    struct asked *refused = limited_call(n, "t", alice, rule);
    uint64_t began, asked;

    assert_int_equal(publish_limited(n, "t", alice, rule), BROKER_DONE);
    began = clock_mono_ms();
    do
        node_publish(n, "other", "\"time goes by\"");
    while (clock_mono_ms() < began + 200);
    assert_int_equal(publish_limited(n, "t", alice, rule), BROKER_DONE);
    asked = clock_mono_ms();
    node_ask(n, refused);
    assert_int_equal(refused->call.status, BROKER_LIMITED);
    assert_in_range(refused->call.publish.ret_retry_ms, 1, 10000 - (asked - began) + 20);
}

/* ---- keys ---- */

static void publishes_once_for_a_key(void **state)
{
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("t") };
    struct msgid ids[3];
    struct broker_publish first = publish_key(n, "t", STR("k"));

    assert_false(first.ret_repeated);
    ids[0] = first.ret_id;
    for (size_t i = 0; i < 5; i++)
        assert_true(is_repeat(n, "t", STR("k"), ids[0]));
    ids[1] = publish_key(n, "t", str_make("k\0", 2)).ret_id;
    ids[2] = node_publish(n, "t", "\"without a key\"");
    assert_true(is_repeat(n, "t", STR("k"), ids[0]));
    assert_false(is_repeat(n, "t/t", STR("k"), ids[2])); /* another topic */
    node_await_live(n, 0, 4);
    question.after = (struct msgid){ ids[0].ms - 1, 0 };
    history_is(n, question, ids, 3);
    assert_int_equal(node_live_count(n, 0), 4);
    assert_int_equal(node_metric(n, METRIC_REPEATED), 6);
    assert_int_equal(node_metric(n, METRIC_PUBLISHED), 4);
}

static void remembers_keys_without_a_log(void **state)
{
    struct fixture *f = *state;
    struct node *n;
    struct msgid first;

    f->config.cache = false;
    n = fixture_node(f);
    first = publish_key(n, "t", STR("k")).ret_id;
    assert_true(is_repeat(n, "t", STR("k"), first));
    node_publish(n, "t", "\"end\"");
    node_await_live(n, 0, 2);
    assert_int_equal(node_live_count(n, 0), 2);
}

static void publishes_once_for_many_calls_with_one_key(void **state)
{
    enum { N = 100 };
    struct fixture *f = *state;
    struct node *a = fixture_node(f), *b = f->redis ? fixture_node(f) : a;
    static struct asked *calls[N];
    size_t repeated = 0;

    for (size_t i = 0; i < N; i++) {
        calls[i] = node_publish_call(i % 2 ? a : b, "t", STR("\"x\""));
        calls[i]->call.publish.key = STR("k");
        calls[i]->call.lane = (uint32_t)i;
        node_post(i % 2 ? a : b, i / 2 % NODE_WORKERS, calls[i]);
    }
    for (size_t i = 0; i < N; i++) {
        node_await(i % 2 ? a : b, calls[i]);
        assert_int_equal(calls[i]->call.status, BROKER_DONE);
        assert_int_equal(msgid_cmp(calls[i]->call.publish.ret_id, calls[0]->call.publish.ret_id),
                         0);
        repeated += calls[i]->call.publish.ret_repeated;
    }
    assert_int_equal(repeated, N - 1);
}

/* A repeat is answered even above the limit and is not counted. A refused publish leaves no key. */
static void does_not_count_a_repeat(void **state)
{
    const struct rate_rule rule = { .topic = STR("t"), .max = 2, .interval_s = HOUR };
    static const struct {
        const char *key;
        enum broker_status status;
        bool repeated;
    } steps[] = {
        { "a", BROKER_DONE, false },    { "a", BROKER_DONE, true },     { "a", BROKER_DONE, true },
        { "b", BROKER_DONE, false },    { "c", BROKER_LIMITED, false }, { "b", BROKER_DONE, true },
        { "c", BROKER_LIMITED, false }, { "a", BROKER_DONE, true },
    };
    struct node *n = fixture_node(*state);

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct asked *a = limited_call(n, "t", alice, rule);

        a->call.publish.key = str_of(steps[i].key);
        node_ask(n, a);
        assert_int_equal(a->call.status, steps[i].status);
        assert_int_equal(a->call.publish.ret_repeated, steps[i].repeated);
    }
    assert_false(is_repeat(n, "t", STR("c"), (struct msgid){ 0 }));
}

/* A publish with a key is not done when there is no memory to remember the key. */
static void refuses_a_key_that_it_cannot_remember(void **state)
{
    enum { N = 1000 };
    struct fixture *f = *state;
    enum broker_status status = BROKER_DONE;
    struct node *n;
    char key[16];
    size_t done;

    if (f->redis)
        skip();
    f->config.memory_limit = 256 * 1024;
    n = fixture_node(f);
    for (done = 0; done < N && status == BROKER_DONE; done++) {
        struct asked *a = node_publish_call(n, "t", STR("\"x\""));

        snprintf(key, sizeof(key), "%zu", done);
        a->call.publish.key = str_of(key);
        node_ask(n, a);
        status = a->call.status;
    }
    assert_int_equal(status, BROKER_FULL);
    assert_in_range(done, 100, N - 1);
    assert_true(publish_key(n, "t", STR("0")).ret_repeated);
    node_publish(n, "t", "\"without a key\"");
    node_await_live(n, 0, done);
    assert_int_equal(node_live_count(n, 0), done);
}

int limit_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(admits_no_more_than_max, f),
        FIXTURE_TEST(counts_each_publisher_and_each_rule_separately, f),
        FIXTURE_TEST(admits_nothing_when_max_is_0, f),
        FIXTURE_TEST(admits_again_after_the_interval, f),
        FIXTURE_TEST(does_not_move_the_start_of_an_interval, f),
        FIXTURE_TEST(admits_exactly_max_of_many_at_once, f),
        FIXTURE_TEST(publishes_once_for_a_key, f),
        FIXTURE_TEST(remembers_keys_without_a_log, f),
        FIXTURE_TEST(publishes_once_for_many_calls_with_one_key, f),
        FIXTURE_TEST(does_not_count_a_repeat, f),
        FIXTURE_TEST(refuses_a_key_that_it_cannot_remember, f),
    };

    return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
