/* The key/value store. */
#include "contract/fixture.h"

#include <stdio.h>

#include "base/clock.h"

static bool is_missing(struct node *n, const char *key)
{
    struct asked *a = node_kv_call(n, BROKER_OP_GET, key, STR(""));

    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return !a->call.kv.ret_found;
}

static void assert_value(struct node *n, const char *key, struct str want)
{
    struct asked *a = node_kv_call(n, BROKER_OP_GET, key, STR(""));

    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    assert_true(a->call.kv.ret_found);
    assert_true(str_eq(bytes_str(a->call.kv.ret_value), want));
}

static enum broker_status set_key(struct node *n, const char *key, struct str value, uint64_t ttl_s)
{
    struct asked *a = node_kv_call(n, BROKER_OP_SET, key, value);

    a->call.kv.ttl_s = ttl_s;
    node_ask(n, a);
    return a->call.status;
}

static bool delete_key(struct node *n, const char *key)
{
    struct asked *a = node_kv_call(n, BROKER_OP_DELETE, key, STR(""));

    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return a->call.kv.ret_found;
}

static void await_missing(struct node *n, const char *key)
{
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    while (!is_missing(n, key))
        assert_true(clock_mono_ms() < deadline);
}

static void returns_a_value_unchanged(void **state)
{
    static char large[300000];
    static const struct str values[] = {
        { "x", 1 },
        { "", 0 },
        { "a\0b\0", 4 },
        { "\r\n$-1\r\n", 7 },
        { "\xff\xfe\x80", 3 },
        { large, sizeof(large) },
    };
    struct node *n = fixture_node(*state);

    memset(large, 'L', sizeof(large));
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        assert_int_equal(set_key(n, "a/b", values[i], 0), BROKER_DONE);
        assert_value(n, "a/b", values[i]);
    }
}

static void keeps_a_key_until_it_is_deleted(void **state)
{
    struct node *n = fixture_node(*state);

    assert_true(is_missing(n, "k"));
    assert_false(delete_key(n, "k"));
    assert_int_equal(set_key(n, "k", STR("1"), 0), BROKER_DONE);
    assert_true(is_missing(n, "k/k"));
    assert_true(is_missing(n, "K"));
    assert_true(delete_key(n, "k"));
    assert_true(is_missing(n, "k"));
    assert_false(delete_key(n, "k"));
}

static void expires_a_key_by_its_ttl_which_a_set_renews(void **state)
{
    struct node *n = fixture_node(*state);
    uint64_t started = clock_mono_ms();
    bool is_set;

    assert_int_equal(set_key(n, "short", STR("x"), 1), BROKER_DONE);
    assert_int_equal(set_key(n, "long", STR("x"), 31536000), BROKER_DONE);
    assert_int_equal(set_key(n, "again", STR("x"), 1), BROKER_DONE);
    assert_int_equal(set_key(n, "again", STR("for ever"), 0), BROKER_DONE);
    is_set = !is_missing(n, "short");
    assert_true(is_set || clock_mono_ms() - started >= 990); /* the machine may stall */
    await_missing(n, "short");
    assert_in_range(clock_mono_ms() - started, 990, NODE_PATIENCE_MS);
    assert_false(delete_key(n, "short"));
    assert_value(n, "long", STR("x"));
    assert_value(n, "again", STR("for ever"));
}

/* The calls of one lane run in order, with publishes between them as well. */
static void keeps_the_order_of_a_lane(void **state)
{
    enum { N = 200 };
    struct node *n = fixture_node(*state);
    static struct asked *sets[N], *gets[N], *publishes[N];
    char value[16];

    for (size_t i = 0; i < N; i++) {
        snprintf(value, sizeof(value), "%zu", i);
        sets[i] = node_kv_call(n, BROKER_OP_SET, "k", str_of(value));
        publishes[i] = node_publish_call(n, "t", STR("\"x\""));
        gets[i] = node_kv_call(n, BROKER_OP_GET, "k", STR(""));
        node_post(n, 0, sets[i]);
        node_post(n, 0, publishes[i]);
        node_post(n, 0, gets[i]);
    }
    for (size_t i = 0; i < N; i++) {
        snprintf(value, sizeof(value), "%zu", i);
        node_await(n, gets[i]);
        assert_int_equal(gets[i]->call.status, BROKER_DONE);
        assert_true(str_eq(bytes_str(gets[i]->call.kv.ret_value), str_of(value)));
        assert_int_equal(publishes[i]->call.status, BROKER_DONE);
    }
}

static void keeps_keys_and_topics_apart(void **state)
{
    struct node *n = fixture_node(*state);
    struct broker_history question = { .filter = STR("#") };
    struct msgid id = node_publish(n, "same", "\"x\"");

    question.after = (struct msgid){ id.ms - 1, 0 };
    assert_true(is_missing(n, "same"));
    assert_int_equal(set_key(n, "same", STR("x"), 0), BROKER_DONE);
    history_is(n, question, &id, 1);
    assert_true(delete_key(n, "same"));
    history_is(n, question, &id, 1);
}

/* A set without room is refused, and what is stored stays. */
static void refuses_a_set_when_the_store_is_full(void **state)
{
    enum { N = 64 };
    static char kilobyte[1024];
    struct fixture *f = *state;
    enum broker_status status = BROKER_DONE;
    struct node *n;
    char key[16];
    size_t stored;

    f->config.memory_limit = N * sizeof(kilobyte);
    n = fixture_node(f);
    if (f->redis)
        redis_server_command(f->redis, "CONFIG SET maxmemory 1");
    for (stored = 0; stored < N && status == BROKER_DONE; stored++) {
        snprintf(key, sizeof(key), "k/%zu", stored);
        status = set_key(n, key, str_make(kilobyte, sizeof(kilobyte)), 0);
    }
    assert_int_equal(status, BROKER_FULL);
    assert_true(is_missing(n, key));
    if (f->redis) {
        redis_server_command(f->redis, "CONFIG SET maxmemory 0");
        return;
    }
    assert_in_range(stored, N / 4, N / 2);
    assert_value(n, "k/0", str_make(kilobyte, sizeof(kilobyte)));
    assert_int_equal(set_key(n, "k/0", STR("smaller"), 0), BROKER_DONE);
    assert_int_equal(set_key(n, key, STR("small"), 0), BROKER_DONE);
    assert_true(delete_key(n, "k/1"));
    assert_int_equal(set_key(n, "k/1", str_make(kilobyte, 1000), 0), BROKER_DONE);
}

/* The store and the log share the memory: the oldest messages make room for the store. */
static void removes_log_entries_to_make_room_for_the_store(void **state)
{
    enum { N = 500 };
    static char large[100 * 1024];
    static struct history got;
    struct fixture *f = *state;
    struct broker_history question = { .filter = STR("t") };
    struct node *n;

    if (f->redis)
        skip();
    f->config.memory_limit = 256 * 1024;
    n = fixture_node(f);
    question.after = node_publish(n, "t", "\"first\"");
    for (size_t i = 0; i < N; i++)
        node_publish(n, "t", "\"text\"");
    history_read(n, question, &got);
    assert_true(got.complete);
    history_done(&got);
    assert_int_equal(set_key(n, "k", str_make(large, sizeof(large)), 0), BROKER_DONE);
    for (size_t i = 0; i < N; i++)
        node_publish(n, "t", "\"text\"");
    history_read(n, question, &got);
    assert_false(got.complete);
    assert_in_range(got.n, 100, 2 * N - 100);
    history_done(&got);
    assert_value(n, "k", str_make(large, sizeof(large)));
}

static void shares_the_store_among_nodes(void **state)
{
    struct fixture *f = *state;
    struct node *a, *b;

    if (!f->redis)
        skip();
    a = fixture_node(f);
    b = fixture_node(f);
    assert_int_equal(set_key(a, "k", STR("from a"), 0), BROKER_DONE);
    assert_value(b, "k", STR("from a"));
    assert_true(delete_key(b, "k"));
    assert_true(is_missing(a, "k"));
}

int kv_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(returns_a_value_unchanged, f),
        FIXTURE_TEST(keeps_a_key_until_it_is_deleted, f),
        FIXTURE_TEST(expires_a_key_by_its_ttl_which_a_set_renews, f),
        FIXTURE_TEST(keeps_the_order_of_a_lane, f),
        FIXTURE_TEST(keeps_keys_and_topics_apart, f),
        FIXTURE_TEST(refuses_a_set_when_the_store_is_full, f),
        FIXTURE_TEST(removes_log_entries_to_make_room_for_the_store, f),
        FIXTURE_TEST(shares_the_store_among_nodes, f),
    };

    return cmocka_run_group_tests_name("kv", tests, NULL, NULL);
}
