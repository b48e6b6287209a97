/* Purging a topic: what is left of a topic's log, and what readers from before and after are told. */
#include "contract/fixture.h"

#include <jansson.h>
#include <stdio.h>

#include "broker/gaps.h"

/* Purges the topic, and waits until all nodes know of it, as DELETE /api/log does. Returns how many
 * messages were removed. */
static uint64_t purge(struct node *n, const char *topic)
{
    struct asked *a = node_purge_call(n, topic);
    struct asked *all = node_ask_call(n, json_pack("{s:s}", "op", "purged"));

    node_ask(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    node_ask(n, all);
    assert_int_equal(all->call.status, BROKER_DONE);
    assert_true(all->call.ask.ret_complete);
    return a->call.purge.ret_removed;
}

static struct broker_history after(const char *filter, struct msgid id)
{
    return (struct broker_history){ .filter = str_of(filter), .after = id };
}

/* A page that lacks messages of this topic alone, and has these entries. */
static void assert_gap(const struct broker_history *page, const char *topic,
                       const struct msgid *ids, size_t n)
{
    assert_false(page->ret_complete);
    assert_non_null(page->ret_gaps);
    assert_int_equal(page->ret_gaps->n, 1);
    assert_true(str_eq(page->ret_gaps->topics[0], str_of(topic)));
    assert_int_equal(page->ret_n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(msgid_cmp(page->ret_items[i]->id, ids[i]), 0);
}

/* Asks as an eventlog does, and then as a join does, which the last messages in memory may answer. */
static void is_told(struct node *n, struct broker_history question, const char *topic,
                    const struct msgid *ids, size_t count)
{
    for (int i = 0; i < 2; i++) {
        struct asked *a = node_history_call(n, &question);

        a->call.timeout_ms = i == 0 ? NODE_PATIENCE_MS : 0;
        node_history(n, a);
        assert_gap(&a->call.history, topic, ids, count);
    }
}

static void has_all(struct node *n, struct broker_history question, const struct msgid *ids,
                    size_t count)
{
    for (int i = 0; i < 2; i++) {
        struct asked *a = node_history_call(n, &question);

        a->call.timeout_ms = i == 0 ? NODE_PATIENCE_MS : 0;
        node_history(n, a);
        assert_true(a->call.history.ret_complete);
        assert_int_equal(a->call.history.ret_n, count);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(msgid_cmp(a->call.history.ret_items[k]->id, ids[k]), 0);
    }
}

static void removes_the_messages_of_one_topic(void **state)
{
    struct node *n = fixture_node(*state);
    struct msgid start = node_publish(n, "other", "\"0\""), first, last, b, later[2];

    first = node_publish(n, "a", "\"1\"");
    b = node_publish(n, "a/b", "\"2\"");
    last = node_publish(n, "a", "\"3\"");
    node_await_live(n, 0, 4);
    assert_int_equal(purge(n, "a"), 2);
    is_told(n, after("a", start), "a", NULL, 0);
    is_told(n, after("a", first), "a", NULL, 0);
    has_all(n, after("a", last), NULL, 0);
    has_all(n, after("a/b", start), &b, 1);
    is_told(n, after("a/#", start), "a", &b, 1);
    has_all(n, after("a/#", last), NULL, 0);

    later[0] = node_publish(n, "a", "\"4\"");
    later[1] = node_publish(n, "a/b", "\"5\"");
    assert_true(msgid_cmp(later[0], last) > 0);
    node_await_live(n, 0, 6);
    is_told(n, after("a", first), "a", &later[0], 1);
    has_all(n, after("a", last), &later[0], 1);
    has_all(n, after("a/#", last), later, 2);
    assert_int_equal(purge(n, "a"), 1);
    is_told(n, after("a", last), "a", NULL, 0);
    has_all(n, after("a", later[0]), NULL, 0);
}

static void removes_nothing_twice(void **state)
{
    struct node *n = fixture_node(*state);
    struct msgid start = node_publish(n, "other", "\"0\""), id;

    assert_int_equal(purge(n, "none"), 0);
    has_all(n, after("#", start), NULL, 0);
    id = node_publish(n, "a", "\"1\"");
    assert_int_equal(purge(n, "a"), 1);
    assert_int_equal(purge(n, "a"), 0);
    is_told(n, after("#", start), "a", NULL, 0);
    has_all(n, after("#", id), NULL, 0);
}

static void runs_in_the_order_of_its_lane(void **state)
{
    struct node *n = fixture_node(*state);
    struct msgid start = node_publish(n, "a", "\"0\""), id;
    struct asked *calls[] = { node_publish_call(n, "a", STR("\"1\"")), node_purge_call(n, "a"),
                              node_publish_call(n, "a", STR("\"2\"")) };

    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        node_post(n, 0, calls[i]);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        node_await(n, calls[i]);
    id = calls[2]->call.publish.ret_id;
    assert_int_equal(calls[1]->call.purge.ret_removed, 2);
    node_await_live(n, 0, 3);
    is_told(n, after("a", start), "a", &id, 1);
    has_all(n, after("a", calls[0]->call.publish.ret_id), &id, 1);
}

/* The newest message of a purged topic is missing until there is another one. */
static void tells_who_asks_for_the_latest(void **state)
{
    struct node *n = fixture_node(*state);
    struct broker_history a = { .filter = STR("a"), .latest = true };
    struct broker_history all = { .filter = STR("#"), .latest = true };
    struct msgid ids[2];

    node_publish(n, "a", "\"1\"");
    ids[0] = node_publish(n, "b", "\"1\"");
    purge(n, "a");
    is_told(n, a, "a", NULL, 0);
    is_told(n, all, "a", ids, 1);
    ids[1] = node_publish(n, "a", "\"2\"");
    has_all(n, a, &ids[1], 1);
    has_all(n, all, ids, 2);
}

/* A log that may hold one message: the next publish trims what is left of the purge. */
static void is_remembered_when_the_log_is_trimmed(void **state)
{
    struct fixture *f = *state;
    struct msgid start, first, last;
    struct node *n;

    f->config.max_cache_length = 1;
    n = fixture_node(f);
    start = node_publish(n, "other", "\"0\"");
    first = node_publish(n, "a", "\"1\"");
    assert_int_equal(purge(n, "a"), 1);
    last = node_publish(n, "a", "\"2\"");
    node_await_live(n, 0, 3);
    is_told(n, after("a", start), "a", &last, 1);
    has_all(n, after("a", first), &last, 1);
    assert_int_equal(purge(n, "a"), 1);
    is_told(n, after("a", first), "a", NULL, 0);
    has_all(n, after("a", last), NULL, 0);
    has_all(n, after("other", start), NULL, 0);
}

/* Reads a page with two entries, purges the topic, and reads the other pages. */
static void read_amid_a_purge(struct node *n, struct broker_history question, const char *topic,
                              const struct msgid *rest, size_t n_rest)
{
    struct asked *a = node_history_call(n, &question);
    size_t n_got = 0;

    a->call.history.max_entries = 2;
    node_history(n, a);
    assert_true(a->call.history.ret_complete);
    assert_int_equal(a->call.history.ret_n, 2);
    assert_true(a->call.history.ret_more);
    purge(n, topic);
    for (bool is_first = true; a->call.history.ret_more; is_first = false) {
        node_history(n, a);
        if (is_first)
            assert_false(a->call.history.ret_complete);
        for (size_t i = 0; i < a->call.history.ret_n; i++) {
            assert_true(n_got < n_rest);
            assert_int_equal(msgid_cmp(a->call.history.ret_items[i]->id, rest[n_got++]), 0);
        }
    }
    assert_int_equal(n_got, n_rest);
}

static void leaves_a_gap_for_readers_between_two_pages(void **state)
{
    enum { N = 10 };
    struct node *n = fixture_node(*state);
    struct msgid start = node_publish(n, "other", "\"0\""), b[N];

    for (size_t i = 0; i < N; i++) {
        node_publish(n, "x/a", "\"1\"");
        b[i] = node_publish(n, "x/b", "\"2\"");
    }
    read_amid_a_purge(n, after("x/+", start), "x/a", b + 1, N - 1);
    for (size_t i = 0; i < N; i++)
        node_publish(n, "x/a", "\"3\"");
    read_amid_a_purge(n, after("x/a", b[N - 1]), "x/a", NULL, 0);
}

/* The same with the latest messages: one of each topic, in pages. `purges` removes that of x/4. */
static void read_latest_amid(struct node *n, void (*purges)(struct fixture *f, struct msgid id),
                             struct fixture *f)
{
    static const char *const topics[] = { "x/0", "x/1", "x/2", "x/3", "x/4", "x/5" };
    const struct broker_history question = { .filter = STR("x/+"), .latest = true };
    struct asked *a = node_history_call(n, &question);
    struct msgid ids[ARRAY_LEN(topics)];
    size_t n_got = 2;
    bool is_complete = true;

    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        ids[i] = node_publish(n, topics[i], "\"1\"");
    a->call.history.max_entries = 2;
    node_history(n, a);
    assert_true(a->call.history.ret_complete);
    assert_int_equal(a->call.history.ret_n, 2);
    purges(f, ids[4]);
    while (a->call.history.ret_more) {
        node_history(n, a);
        is_complete = is_complete && a->call.history.ret_complete;
        for (size_t i = 0; i < a->call.history.ret_n; i++, n_got++)
            assert_int_equal(msgid_cmp(a->call.history.ret_items[i]->id, ids[n_got + (n_got >= 4)]),
                             0);
    }
    assert_int_equal(n_got, 5);
    assert_false(is_complete);
}

static void purge_one(struct fixture *f, struct msgid id)
{
    (void)id;
    assert_int_equal(purge(f->nodes[0], "x/4"), 1);
}

/* As another node does; this one is not told yet. */
static void purge_elsewhere(struct fixture *f, struct msgid id)
{
    char command[128], text[MSGID_TEXT];

    (void)msgid_format(id, text);
    snprintf(command, sizeof(command), "DEL {%s}:log:x/4", f->prefix);
    redis_server_command(f->redis, command);
    snprintf(command, sizeof(command), "XADD {%s}:log:x/4 MAXLEN 0 %s m 1", f->prefix, text);
    redis_server_command(f->redis, command);
}

static void leaves_a_gap_between_two_pages_of_latest(void **state)
{
    struct fixture *f = *state;

    read_latest_amid(fixture_node(f), purge_one, f);
}

static void leaves_a_gap_in_the_latest_before_the_node_is_told(void **state)
{
    struct fixture *f = *state;

    if (!f->redis)
        skip();
    read_latest_amid(fixture_node(f), purge_elsewhere, f);
}

/* More than one turn of the memory engine removes. Publishes meanwhile stay. */
static void removes_a_long_log(void **state)
{
    enum { N = 5000 };
    static struct asked *calls[N];
    struct fixture *f = *state;
    struct asked *purging, *more;
    struct msgid start, id;
    struct node *n;

    f->config.max_cache_length = 0;
    n = fixture_node(f);
    start = node_publish(n, "other", "\"0\"");
    for (size_t i = 0; i < N; i++) {
        calls[i] = node_publish_call(n, "a", STR("\"text\""));
        node_post(n, 0, calls[i]);
    }
    purging = node_purge_call(n, "a");
    more = node_publish_call(n, "a", STR("\"more\""));
    node_post(n, 0, purging);
    node_post(n, 0, more);
    node_await(n, purging);
    node_await(n, more);
    assert_int_equal(purging->call.purge.ret_removed, N);
    id = more->call.publish.ret_id;
    assert_int_equal(purge(n, "none"), 0);
    is_told(n, after("a", start), "a", &id, 1);
    assert_int_equal(purge(n, "a"), 1);
}

/* The other node forgets the topic's messages that it holds in memory, too. */
static void reaches_other_nodes(void **state)
{
    struct fixture *f = *state;
    struct node *nodes[2];
    struct msgid start, ids[2];

    if (!f->redis)
        skip();
    nodes[0] = fixture_node(f);
    nodes[1] = fixture_node(f);
    start = node_publish(nodes[0], "other", "\"0\"");
    ids[0] = node_publish(nodes[0], "a", "\"1\"");
    ids[1] = node_publish(nodes[1], "a", "\"2\"");
    for (size_t i = 0; i < 2; i++) {
        node_await_live(nodes[i], 0, 3);
        node_await_live(nodes[i], 1, 3);
        has_all(nodes[i], after("a", start), ids, 2);
        assert_true(node_metric(nodes[i], METRIC_TAIL_HITS) > 0);
    }
    assert_int_equal(purge(nodes[0], "a"), 2);
    for (size_t i = 0; i < 2; i++) {
        is_told(nodes[i], after("a", start), "a", NULL, 0);
        has_all(nodes[i], after("a", ids[1]), NULL, 0);
    }
}

int purge_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(removes_the_messages_of_one_topic, f),
        FIXTURE_TEST(removes_nothing_twice, f),
        FIXTURE_TEST(runs_in_the_order_of_its_lane, f),
        FIXTURE_TEST(tells_who_asks_for_the_latest, f),
        FIXTURE_TEST(is_remembered_when_the_log_is_trimmed, f),
        FIXTURE_TEST(leaves_a_gap_for_readers_between_two_pages, f),
        FIXTURE_TEST(leaves_a_gap_between_two_pages_of_latest, f),
        FIXTURE_TEST(leaves_a_gap_in_the_latest_before_the_node_is_told, f),
        FIXTURE_TEST(removes_a_long_log, f),
        FIXTURE_TEST(reaches_other_nodes, f),
    };

    return cmocka_run_group_tests_name("purge", tests, NULL, NULL);
}
