/* A Redis that other nodes share: it goes away, comes back, and others publish meanwhile. */
#include "contract/fixture.h"

#include <stdio.h>

#include "base/clock.h"

#define TIMEOUT_MS 1000 /* BROKER_TIMEOUT in tests that wait for it to pass */

static struct node *start_impatient_node(struct fixture *f)
{
    f->config.timeout_ms = TIMEOUT_MS;
    return f->nodes[0] = node_start(&f->config);
}

/* Publishes again until it is done: on a busy machine the answer may come after TIMEOUT_MS. */
static struct msgid publish_impatiently(struct node *n, const char *topic)
{
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    for (;;) {
        struct asked *a = node_publish_call(n, topic, STR("\"text\""));

        node_ask(n, a);
        if (a->call.status == BROKER_DONE)
            return a->call.publish.ret_id;
        assert_true(clock_mono_ms() < deadline);
    }
}

static struct asked *post_publish(struct node *n, const char *topic)
{
    struct asked *a = node_publish_call(n, topic, STR("\"text\""));

    node_post(n, 0, a);
    return a;
}

static struct asked *post_history(struct node *n, const char *topic, struct msgid after,
                                  uint64_t timeout_ms)
{
    const struct broker_history question = { .filter = str_of(topic), .after = after };
    struct asked *a = node_history_call(n, &question);

    a->call.timeout_ms = timeout_ms;
    node_post(n, 1, a);
    return a;
}

static void assert_same_id(const struct message *m, struct msgid id)
{
    assert_int_equal(msgid_cmp(m->id, id), 0);
}

static void delivers_in_one_order_on_all_nodes(void **state)
{
    enum { N = 300 };
    struct node *nodes[2] = { fixture_node(*state), fixture_node(*state) };
    static struct asked *calls[N];

    for (size_t i = 0; i < N; i++) {
        calls[i] = node_publish_call(nodes[i % 2], i % 3 ? "a" : "b", STR("\"text\""));
        node_post(nodes[i % 2], 0, calls[i]);
    }
    for (size_t i = 0; i < N; i++)
        node_await(nodes[i % 2], calls[i]);
    node_await_live(nodes[0], 0, N);
    node_await_live(nodes[1], 1, N);
    for (size_t i = 0; i < N; i++)
        assert_same_id(node_live(nodes[0], 0, i), node_live(nodes[1], 1, i)->id);
}

/* A node whose connections were cut reads from the log what another node published meanwhile. */
static void replays_what_the_feed_missed(void **state)
{
    enum { N = 100 };
    struct fixture *f = *state;
    struct node *cut = fixture_node(f), *other;
    uint64_t ids[32];
    size_t n_ids;
    struct msgid want[N + 2];

    n_ids = redis_server_clients(f->redis, ids, ARRAY_LEN(ids));
    other = fixture_node(f);
    want[0] = node_publish(other, "before", "\"x\"");
    node_await_live(cut, 0, 1);
    redis_server_refuse(f->redis, ids, n_ids);
    node_await_ready(cut, false);
    for (size_t i = 1; i <= N; i++)
        want[i] = node_publish(other, i % 3 ? "a" : "b/c", "\"missed\"");
    assert_int_equal(node_live_count(cut, 0), 1);
    redis_server_accept(f->redis);
    node_await_ready(cut, true);
    want[N + 1] = node_publish(cut, "after", "\"x\"");
    for (unsigned w = 0; w < NODE_WORKERS; w++) {
        node_await_live(cut, w, N + 2);
        for (size_t i = 0; i < N + 2; i++)
            assert_same_id(node_live(cut, w, i), want[i]);
        assert_int_equal(node_live_count(cut, w), N + 2);
    }
}

/* Without a log there is nothing to replay: messages are delivered as soon as the feed is back. */
static void delivers_again_without_a_log_when_the_feed_is_back(void **state)
{
    enum { ROUNDS = 5, N = 50 };
    struct fixture *f = *state;
    struct node *n;
    uint64_t ids[32];

    f->config.cache = false;
    n = fixture_node(f);
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 0, 1);
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t before = 1 + round * N;

        redis_server_refuse(f->redis, ids, redis_server_clients(f->redis, ids, ARRAY_LEN(ids)));
        node_await_ready(n, false);
        redis_server_accept(f->redis);
        node_await_ready(n, true);
        for (size_t i = 0; i < N; i++)
            node_publish(n, "a", "\"x\"");
        for (unsigned w = 0; w < NODE_WORKERS; w++)
            node_await_live(n, w, before + N);
    }
}

static void fails_calls_in_time_while_redis_is_away(void **state)
{
    struct fixture *f = *state;
    struct node *n = start_impatient_node(f);
    struct asked *publish, *history;
    uint64_t started;

    node_await_ready(n, true);
    publish_impatiently(n, "a");
    redis_server_kill(f->redis);
    node_await_ready(n, false);
    started = clock_mono_ms();
    publish = post_publish(n, "a");
    history = post_history(n, "a", (struct msgid){ 0 }, TIMEOUT_MS);
    node_await(n, publish);
    node_await(n, history);
    assert_int_equal(publish->call.status, BROKER_NOT_DONE);
    assert_int_equal(history->call.status, BROKER_NOT_DONE);
    assert_in_range(clock_mono_ms() - started, 0, NODE_PATIENCE_MS / 2);
}

/* An empty Redis has lost the log, and its ids could start anywhere. */
static void tells_an_empty_redis_the_last_id(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct broker_history question = { .filter = STR("a") };
    struct asked *patient;
    struct msgid after;

    question.after = node_publish(n, "a", "\"before\"");
    node_await_live(n, 0, 1);
    redis_server_kill(f->redis);
    node_await_ready(n, false);
    patient = post_history(n, "a", question.after, 0); /* waits until the broker is ready */
    redis_server_restart(f->redis);
    node_await_ready(n, true);
    node_await(n, patient);
    assert_int_equal(patient->call.status, BROKER_DONE);
    after = node_publish(n, "a", "\"after\"");
    assert_true(msgid_cmp(question.after, after) < 0);
    node_await_live(n, 0, 2);
    assert_same_id(node_live(n, 0, 1), after);
    question.after.ms--;
    assert_false(history_is(n, question, &after, 1));
    assert_true(node_metric(n, METRIC_REWINDS) > 0);
}

/* Redis takes the command but does not answer: whether it was done cannot be known. */
static void answers_a_publish_while_redis_is_frozen(void **state)
{
    struct fixture *f = *state;
    struct node *n = start_impatient_node(f);
    struct msgid before;
    struct asked *a, *get, *set, *list;
    uint64_t started;

    node_await_ready(n, true);
    before = publish_impatiently(n, "a");
    started = clock_mono_ms();
    redis_server_freeze(f->redis);
    a = post_publish(n, "a");
    get = node_kv_call(n, BROKER_OP_GET, "k", STR(""));
    set = node_kv_call(n, BROKER_OP_SET, "k", STR("v"));
    node_post(n, 0, get);
    list = node_list_call(n, &(struct broker_list){ STR("#"), STR(""), .limit = 1 });
    node_post(n, 0, set);
    node_post(n, 0, list);
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_UNKNOWN);
    node_await(n, get);
    assert_int_equal(get->call.status, BROKER_NOT_DONE); /* certain: nothing was read */
    node_await(n, set);
    assert_int_equal(set->call.status, BROKER_UNKNOWN);
    node_await(n, list);
    assert_int_equal(list->call.status, BROKER_NOT_DONE);
    assert_in_range(clock_mono_ms() - started, 0, NODE_PATIENCE_MS / 2);
    redis_server_thaw(f->redis);
    node_await_ready(n, true);
    assert_true(msgid_cmp(before, publish_impatiently(n, "a")) < 0);
}

/* The deadline counts however late the call was written, and however long the connection may be
 * silent. */
static void answers_a_call_at_its_own_deadline(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f); /* its timeout is NODE_PATIENCE_MS */
    struct msgid before = node_publish(n, "a", "\"before\"");
    struct asked *late = node_publish_call(n, "a", STR("\"late\""));
    struct asked *get = node_kv_call(n, BROKER_OP_GET, "k", STR(""));
    uint64_t started = clock_mono_ms();

    redis_server_freeze(f->redis);
    late->call.timeout_ms = get->call.timeout_ms = TIMEOUT_MS;
    node_post(n, 0, late);
    node_post(n, 0, get);
    node_await(n, late);
    node_await(n, get);
    assert_in_range(clock_mono_ms() - started, TIMEOUT_MS, NODE_PATIENCE_MS / 2);
    assert_int_equal(late->call.status, BROKER_UNKNOWN);
    assert_int_equal(get->call.status, BROKER_NOT_DONE);
    redis_server_thaw(f->redis);
    assert_true(msgid_cmp(before, node_publish(n, "a", "\"after\"")) < 0);
    node_await_live(n, 0, 3);                                /* Redis did it all the same */
    assert_int_equal(node_metric(n, METRIC_REDIS_FAILS), 0); /* the connection was kept */
}

static void waits_for_redis_when_it_starts_first(void **state)
{
    struct fixture *f = *state;
    struct asked *a;
    struct node *n;

    redis_server_kill(f->redis);
    n = start_impatient_node(f);
    a = post_publish(n, "a");
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_NOT_DONE);
    redis_server_restart(f->redis);
    node_await_ready(n, true);
    publish_impatiently(n, "a");
    node_await_live(n, 1, 1);
}

/* After SCRIPT FLUSH the node loads its scripts again and keeps the order. */
static void loads_scripts_again_after_a_flush(void **state)
{
    enum { N = 100 };
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    static struct asked *calls[N];

    node_publish(n, "a", "\"x\"");
    redis_server_command(f->redis, "SCRIPT FLUSH");
    for (size_t i = 0; i < N; i++) {
        calls[i] = node_publish_call(n, "a", STR("\"text\""));
        node_post(n, 0, calls[i]);
    }
    node_await_live(n, 0, 1 + N);
    for (size_t i = 0; i < N; i++) {
        node_await(n, calls[i]);
        assert_int_equal(calls[i]->call.status, BROKER_DONE);
        assert_same_id(node_live(n, 0, 1 + i), calls[i]->call.publish.ret_id);
    }
}

int redis_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(delivers_in_one_order_on_all_nodes, f),
        FIXTURE_TEST(replays_what_the_feed_missed, f),
        FIXTURE_TEST(delivers_again_without_a_log_when_the_feed_is_back, f),
        FIXTURE_TEST(fails_calls_in_time_while_redis_is_away, f),
        FIXTURE_TEST(tells_an_empty_redis_the_last_id, f),
        FIXTURE_TEST(answers_a_publish_while_redis_is_frozen, f),
        FIXTURE_TEST(answers_a_call_at_its_own_deadline, f),
        FIXTURE_TEST(waits_for_redis_when_it_starts_first, f),
        FIXTURE_TEST(loads_scripts_again_after_a_flush, f),
    };

    return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
