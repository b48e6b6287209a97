/* Calls that a worker makes at the same moment. The Redis engine sends publishes in batches; whatever it
 * gathers, each call has the answer that it would have alone, and the order is kept.
 */
#include "contract/fixture.h"

#include <stdio.h>

#define HOUR 3600
#define MANY 150 /* more than one batch */

/* Posts the calls while the worker is held, so that it makes all of them in one turn. */
static void ask_together(struct node *n, struct asked *const *calls, size_t count)
{
    node_hold(n, 0);
    for (size_t i = 0; i < count; i++)
        node_post(n, 0, calls[i]);
    node_release(n, 0);
    for (size_t i = 0; i < count; i++)
        node_await(n, calls[i]);
}

static void runs_publishes_in_the_order_of_their_client(void **state)
{
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("#"), .max_entries = 256 };
    struct asked *calls[MANY];
    struct msgid ids[MANY];

    question.after = node_publish(n, "t/0", "\"first\"");
    for (size_t i = 0; i < MANY; i++) {
        char topic[16];

        snprintf(topic, sizeof(topic), "t/%zu", i % 7);
        calls[i] = node_publish_call(n, topic, STR("\"text\""));
        if (i % 3 == 0)
            calls[i]->call.publish.ttl_s = 60 + i; /* some topics have both kinds */
    }
    ask_together(n, calls, MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(calls[i]->call.status, BROKER_DONE);
        ids[i] = calls[i]->call.publish.ret_id;
        assert_true(i == 0 || msgid_cmp(ids[i - 1], ids[i]) < 0);
    }
    node_await_live(n, 1, MANY + 1);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(msgid_cmp(node_live(n, 1, i + 1)->id, ids[i]), 0);
    assert_true(history_is(n, question, ids, MANY));
}

static void looks_a_key_up_that_the_same_batch_made(void **state)
{
    struct node *n = fixture_node(*state);
    struct asked *calls[4];

    for (size_t i = 0; i < 4; i++) {
        calls[i] = node_publish_call(n, i < 3 ? "a" : "b", STR("\"text\""));
        calls[i]->call.publish.key = i == 1 ? STR("other") : STR("key");
    }
    ask_together(n, calls, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(calls[i]->call.status, BROKER_DONE);
        assert_int_equal(calls[i]->call.publish.ret_repeated, i == 2);
    }
    assert_int_equal(msgid_cmp(calls[2]->call.publish.ret_id, calls[0]->call.publish.ret_id), 0);
    node_await_live(n, 0, 3);
    assert_int_equal(node_metric(n, METRIC_PUBLISHED), 3);
}

static void reaches_a_limit_within_a_batch(void **state)
{
    const struct rate_rule rule = { .topic = STR("t/#"), .max = 3, .interval_s = HOUR };
    struct node *n = fixture_node(*state);
    struct asked *calls[6];

    for (size_t i = 0; i < 6; i++) {
        calls[i] = node_publish_call(n, i % 2 ? "t/a" : "t/b", STR("\"text\""));
        calls[i]->call.publish.origin_json = STR("\"alice\"");
        if (i < 5)
            calls[i]->call.publish.limit = rule;
    }
    ask_together(n, calls, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(calls[i]->call.status, i == 3 || i == 4 ? BROKER_LIMITED : BROKER_DONE);
    assert_in_range(calls[4]->call.publish.ret_retry_ms, 1, HOUR * 1000);
    node_await_live(n, 0, 4);
}

static void trims_a_log_that_one_batch_fills(void **state)
{
    struct fixture *f = *state;
    struct node *n;
    struct asked *calls[MANY];
    struct msgid ids[MANY];

    f->config.max_cache_length = 10;
    n = fixture_node(f);
    for (size_t i = 0; i < MANY; i++)
        calls[i] = node_publish_call(n, "t", STR("\"text\""));
    ask_together(n, calls, MANY);
    for (size_t i = 0; i < MANY; i++)
        ids[i] = calls[i]->call.publish.ret_id;
    assert_false(history_is(n, (struct broker_history){ .filter = STR("t") }, ids + MANY - 10, 10));
    assert_true(history_is(n,
                           (struct broker_history){ .filter = STR("t"), .after = ids[MANY - 11] },
                           ids + MANY - 10, 10));
    assert_false(history_is(n,
                            (struct broker_history){ .filter = STR("t"), .after = ids[MANY - 12] },
                            ids + MANY - 10, 10));
}

static void keeps_the_order_of_publishes_and_key_value_calls(void **state)
{
    struct node *n = fixture_node(*state);
    struct asked *calls[] = {
        node_publish_call(n, "a", STR("1")),
        node_kv_call(n, BROKER_OP_SET, "k", STR("first")),
        node_publish_call(n, "a", STR("2")),
        node_publish_call(n, "b", STR("3")),
        node_kv_call(n, BROKER_OP_GET, "k", STR("")),
        node_kv_call(n, BROKER_OP_SET, "k", STR("second")),
        node_publish_call(n, "a", STR("4")),
        node_kv_call(n, BROKER_OP_DELETE, "k", STR("")),
    };
    struct bytes *got;

    ask_together(n, calls, ARRAY_LEN(calls));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        assert_int_equal(calls[i]->call.status, BROKER_DONE);
    got = calls[4]->call.kv.ret_value;
    assert_true(calls[4]->call.kv.ret_found && str_eq(bytes_str(got), STR("first")));
    assert_true(calls[7]->call.kv.ret_found);
    assert_true(msgid_cmp(calls[0]->call.publish.ret_id, calls[2]->call.publish.ret_id) < 0);
    assert_true(msgid_cmp(calls[3]->call.publish.ret_id, calls[6]->call.publish.ret_id) < 0);
}

/* ---- Redis only: keys that another program has spoilt ---- */

static void spoil(const struct fixture *f, const char *key)
{
    char words[96];

    snprintf(words, sizeof(words), "SET {%s}:%s x", f->prefix, key);
    redis_server_command(f->redis, words);
}

static bool is_by(const struct message *m, const struct author *author)
{
    struct author got = { 0 };

    if (m->has_author)
        got = message_author(m);
    return got.worker == author->worker && got.slot == author->slot &&
           got.generation == author->generation && got.n == author->n;
}

/* The author of a message goes with it, live and into the log. The author of a repetition does
 * not matter. */
static void a_message_keeps_its_author(void **state)
{
    enum { N = 5 };
    struct node *n = fixture_node(*state);
    struct author authors[N] = { { 0 }, { UINT64_MAX, 1, 2, 3 }, { 0 }, { 5, 6, 7, 8 }, { 0 } };
    struct broker_history question = { .filter = STR("#") };
    struct asked *calls[N + 1];
    static struct history got;

    for (size_t i = 0; i < N; i++) {
        calls[i] = node_publish_call(n, i % 2 ? "a" : "b", STR("\"text\""));
        calls[i]->call.publish.author = authors[i];
        if (i >= 2)
            calls[i]->call.publish.origin_json = STR("\"alice\"");
        if (i == 3)
            calls[i]->call.publish.key = STR("key");
    }
    calls[N] = node_publish_call(n, "a", STR("\"again\""));
    calls[N]->call.publish.key = STR("key");
    calls[N]->call.publish.author = (struct author){ 1, 1, 1, 1 };
    ask_together(n, calls, N + 1);
    assert_true(calls[N]->call.publish.ret_repeated);
    node_await_live(n, 1, N);
    history_read(n, question, &got);
    assert_int_equal(got.n, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(is_by(node_live(n, 1, i), &authors[i]));
        assert_true(is_by(got.items[i], &authors[i]));
        assert_true(str_eq(got.items[i]->body, node_live(n, 1, i)->body));
    }
    history_done(&got);
}

static void a_failure_concerns_one_message_of_a_batch(void **state)
{
    static const char *const topics[] = { "a", "bad", "b", "bad", "a" };
    struct fixture *f = *state;
    struct asked *calls[ARRAY_LEN(topics)];
    struct msgid ids[3];
    struct node *n;
    size_t n_ids = 0;

    if (!f->redis)
        skip();
    n = fixture_node(f);
    spoil(f, "log:bad");
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        calls[i] = node_publish_call(n, topics[i], STR("\"text\""));
    ask_together(n, calls, ARRAY_LEN(topics));
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        bool is_bad = str_eq(str_of(topics[i]), STR("bad"));

        assert_int_equal(calls[i]->call.status, is_bad ? BROKER_NOT_DONE : BROKER_DONE);
        if (!is_bad)
            ids[n_ids++] = calls[i]->call.publish.ret_id;
    }
    node_await_live(n, 0, 3);
    (void)history_is(n, (struct broker_history){ .filter = STR("#") }, ids, n_ids);
}

static void a_publish_that_fails_half_way_has_an_unknown_outcome(void **state)
{
    struct fixture *f = *state;
    struct asked *a;
    struct node *n;

    if (!f->redis)
        skip();
    n = fixture_node(f);
    node_publish(n, "a", "1");
    spoil(f, "recent");
    a = node_publish_call(n, "a", STR("2"));
    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_UNKNOWN);
}

int batch_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(runs_publishes_in_the_order_of_their_client, f),
        FIXTURE_TEST(looks_a_key_up_that_the_same_batch_made, f),
        FIXTURE_TEST(reaches_a_limit_within_a_batch, f),
        FIXTURE_TEST(trims_a_log_that_one_batch_fills, f),
        FIXTURE_TEST(keeps_the_order_of_publishes_and_key_value_calls, f),
        FIXTURE_TEST(a_message_keeps_its_author, f),
        FIXTURE_TEST(a_failure_concerns_one_message_of_a_batch, f),
        FIXTURE_TEST(a_publish_that_fails_half_way_has_an_unknown_outcome, f),
    };

    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
