/* Tests of the Redis engine alone: Redis refuses, forgets or is replaced, single connections break,
 * and others write into our channels. Needs a redis-server (exit status 77 if it is not installed).
 */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "broker/gaps.h"
#include "broker/redis_login.h"

#define EXIT_SKIPPED 77

static struct asked *publish(struct node *n, const char *topic)
{
    struct asked *a = node_publish_call(n, topic, STR("\"text\""));

    node_post(n, 0, a);
    node_await(n, a);
    return a;
}

static void await_metric(struct node *n, enum metric m, uint64_t least)
{
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    while (node_metric(n, m) < least) {
        assert_true(clock_mono_ms() < deadline);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

/* node_await_live also checks high-water marks, which a legacy message does not move. */
static void await_live_count(struct node *n, size_t least)
{
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    while (node_live_count(n, 0) < least) {
        assert_true(clock_mono_ms() < deadline);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

/* Publishes to a topic's channel with PUBLISH; the payload has no spaces. */
static void publish_raw(struct fixture *f, const char *topic, const char *payload)
{
    char command[512];

    snprintf(command, sizeof(command), "PUBLISH %s:%s %s", f->prefix, topic, payload);
    redis_server_command(f->redis, command);
}

/* ---- Redis refuses ---- */

static void is_not_ready_with_a_replica(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct msgid before = node_publish(n, "a", "\"x\"");

    redis_server_command(f->redis, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(publish(n, "a")->call.status, BROKER_NOT_DONE);
    node_await_ready(n, false);
    redis_server_command(f->redis, "REPLICAOF NO ONE");
    node_await_ready(n, true);
    assert_true(msgid_cmp(before, node_publish(n, "a", "\"y\"")) < 0);
    node_await_live(n, 0, 2);
    assert_int_equal(node_live_count(n, 0), 2);
}

static void reads_from_a_full_redis_that_refuses_publishes(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct msgid id = node_publish(n, "a", "\"x\"");

    redis_server_command(f->redis, "CONFIG SET maxmemory 1");
    assert_int_equal(publish(n, "a")->call.status, BROKER_FULL);
    assert_int_equal(publish(n, "b")->call.status, BROKER_FULL);
    (void)history_is(n, (struct broker_history){ .filter = STR("#") }, &id, 1);
    redis_server_command(f->redis, "CONFIG SET maxmemory 0");
    node_publish(n, "a", "\"y\"");
    node_await_ready(n, true);
}

static void sends_the_password_and_waits_when_it_is_wrong(void **state)
{
    const struct redis_login_config login = { "", "secret", "", "" };
    struct fixture *f = *state;
    struct node *n;

    f->config.redis_login = redis_login_create(&login); /* the fixture frees it */
    redis_server_command(f->redis, "CONFIG SET requirepass other");
    f->nodes[0] = n = node_start(&f->config);
    await_metric(n, METRIC_REDIS_FAILS, 8);
    node_await_ready(n, false);
    redis_server_command(f->redis, "CONFIG SET requirepass secret");
    node_await_ready(n, true);
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 0, 1);
}

/* ---- connections break ---- */

/* Whichever connection breaks, published messages arrive once and in order. */
static void delivers_in_order_when_any_connection_breaks(void **state)
{
    enum { LINKS = 6 }; /* five for commands, and the feed */
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct msgid last = { 0 };
    uint64_t ids[16];
    size_t done = 0;
    char command[64];

    while (redis_server_clients(f->redis, ids, ARRAY_LEN(ids)) < LINKS)
        ; /* the node may be ready before its last connection is up */
    for (size_t i = 0; i < LINKS; i++) {
        snprintf(command, sizeof(command), "CLIENT KILL ID %llu", (unsigned long long)ids[i]);
        redis_server_command(f->redis, command);
        for (unsigned j = 0; j < 20; j++)
            done += publish(n, j % 2 ? "a" : "b")->call.status == BROKER_DONE;
        node_await_ready(n, true);
    }
    assert_true(done >= LINKS * 19); /* calls under way when it broke may have failed */
    node_await_live(n, 0, done);
    for (size_t i = 0; i < node_live_count(n, 0); i++) {
        assert_true(msgid_cmp(last, node_live(n, 0, i)->id) < 0);
        last = node_live(n, 0, i)->id;
    }
}

/* ---- Redis forgets ---- */

static void returns_incomplete_history_after_redis_was_emptied(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct broker_history question = { .filter = STR("a") };
    struct msgid after;

    question.after = node_publish(n, "a", "\"x\"");
    assert_true(history_is(n, question, NULL, 0));
    redis_server_command(f->redis, "FLUSHALL");
    while (clock_wall_ms() <= question.after.ms)
        ; /* until the clock is past the id, which Redis has forgotten */
    assert_false(history_is(n, question, NULL, 0));
    after = node_publish(n, "a", "\"y\"");
    assert_true(msgid_cmp(question.after, after) < 0);
    assert_false(history_is(n, question, &after, 1));
    question.after = after;
    assert_true(history_is(n, question, NULL, 0));
}

/* The probe finds it, too, and the fence when the feed joins again. */
static void counts_a_rewind_once_that_a_publish_found(void **state)
{
    struct fixture *f = *state;
    struct node *nodes[2] = { fixture_node(f), fixture_node(f) };

    node_publish(nodes[0], "a", "\"x\"");
    for (uint64_t i = 1; i <= 2; i++) {
        redis_server_command(f->redis, "FLUSHALL");
        node_publish(nodes[0], "a", "\"y\"");
        assert_int_equal(node_metric(nodes[0], METRIC_REWINDS), i);
        await_metric(nodes[1], METRIC_REWINDS, i);
        redis_server_command(f->redis, "CLIENT KILL TYPE pubsub");
        for (size_t k = 0; k < 2; k++) {
            await_metric(nodes[k], METRIC_REDIS_FAILS, i);
            node_await_ready(nodes[k], true);
            node_publish(nodes[k], "a", "\"z\"");
            assert_int_equal(node_metric(nodes[k], METRIC_REWINDS), i);
        }
    }
}

static void returns_incomplete_history_after_a_log_was_evicted(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct broker_history question = { .filter = STR("a") };
    struct asked *a;
    char command[64];

    question.after = node_publish(n, "a", "\"1\"");
    node_publish(n, "a", "\"2\"");
    node_publish(n, "b", "\"3\"");
    snprintf(command, sizeof(command), "DEL {%s}:log:a", f->prefix);
    redis_server_command(f->redis, command);
    assert_false(history_is(n, question, NULL, 0));
    question.filter = STR("#");
    a = node_history_call(n, &question);
    node_history(n, a);
    assert_int_equal(a->call.history.ret_n, 1);
    assert_non_null(a->call.history.ret_gaps);
    assert_true(str_eq(a->call.history.ret_gaps->topics[0], STR("a")));
}

/* ---- many questions ---- */

/* Posts questions while Redis answers nothing, so that all of them wait, and lets it go on. */
static void ask_at_once(struct fixture *f, struct node *n, struct asked **asked, size_t count)
{
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    redis_server_freeze(f->redis);
    for (size_t i = 0; i < count; i++)
        node_post(n, i % NODE_WORKERS, asked[i]);
    while (node_metric(n, METRIC_BROKER_QUEUE) < count) {
        assert_true(clock_mono_ms() < deadline);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
    redis_server_thaw(f->redis);
}

static void asks_many_questions_in_one_command_and_equal_ones_once(void **state)
{
    enum { TOPICS = 100, EQUAL = 100, ALL = TOPICS + EQUAL };
    struct fixture *f = *state;
    struct node *publisher = fixture_node(f), *n;
    struct broker_history question = { .after = node_publish(publisher, "first", "\"x\"") };
    static struct asked *asked[ALL];
    static char topics[TOPICS][16];
    struct msgid ids[TOPICS], equal;

    for (size_t i = 0; i < TOPICS; i++) {
        snprintf(topics[i], sizeof(topics[i]), "t/%zu", i);
        ids[i] = node_publish(publisher, topics[i], "\"x\"");
    }
    equal = node_publish(publisher, "equal", "\"x\"");
    n = fixture_node(f); /* begins after these messages: it does not have them in memory */
    for (size_t i = 0; i < ALL; i++) {
        question.filter = i % 2 ? STR("equal") : str_of(topics[i / 2]);
        asked[i] = node_history_call(n, &question);
    }
    ask_at_once(f, n, asked, ALL);
    for (size_t i = 0; i < ALL; i++) {
        const struct broker_history *h = &asked[i]->call.history;

        node_await(n, asked[i]);
        assert_int_equal(asked[i]->call.status, BROKER_DONE);
        assert_true(h->ret_complete && !h->ret_more);
        assert_int_equal(h->ret_n, 1);
        assert_int_equal(msgid_cmp(h->ret_items[0]->id, i % 2 ? equal : ids[i / 2]), 0);
    }
    assert_int_equal(node_metric(n, METRIC_HISTORY_SHARED), EQUAL - 1);
    assert_int_equal(node_metric(n, METRIC_HISTORY_QUESTIONS), TOPICS + 1);
    assert_in_range(node_metric(n, METRIC_HISTORY_COMMANDS), 4, 8);
}

/* Another program has put something else in the place of a log. */
static void a_spoilt_log_concerns_only_its_own_question(void **state)
{
    static const char *const topics[] = { "a", "b", "c", "d", "e", "f", "bad", "g" };
    struct fixture *f = *state;
    struct node *publisher = fixture_node(f), *n;
    struct broker_history question = { .after = node_publish(publisher, "first", "\"x\"") };
    struct asked *asked[ARRAY_LEN(topics)];
    char words[96];

    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        (void)node_publish(publisher, topics[i], "\"x\"");
    n = fixture_node(f); /* begins after these messages: it does not have them in memory */
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        question.filter = str_of(topics[i]);
        asked[i] = node_history_call(n, &question);
    }
    snprintf(words, sizeof(words), "SET {%s}:log:bad x", f->prefix);
    redis_server_command(f->redis, words);
    ask_at_once(f, n, asked, ARRAY_LEN(topics));
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        bool is_bad = str_eq(str_of(topics[i]), STR("bad"));

        node_await(n, asked[i]);
        assert_int_equal(asked[i]->call.status, is_bad ? BROKER_NOT_DONE : BROKER_DONE);
        assert_int_equal(asked[i]->call.history.ret_n, is_bad ? 0 : 1);
    }
    assert_in_range(node_metric(n, METRIC_HISTORY_COMMANDS), 1, 5); /* the last three share one */
}

/* The entries of one command are bounded: later questions get shorter pages, or wait. */
static void reads_all_entries_of_many_long_topics(void **state)
{
    enum { TOPICS = 20, EACH = 40 };
    struct fixture *f = *state;
    struct node *publisher = fixture_node(f), *n;
    struct broker_history question = { .after = node_publish(publisher, "first", "\"x\"") };
    static struct asked *asked[TOPICS];
    static char topics[TOPICS][16];
    static struct msgid ids[TOPICS][EACH];

    for (size_t i = 0; i < TOPICS; i++) {
        snprintf(topics[i], sizeof(topics[i]), "t/%zu", i);
        for (size_t k = 0; k < EACH; k++)
            ids[i][k] = node_publish(publisher, topics[i], "\"text\"");
    }
    n = fixture_node(f); /* begins after these messages: it does not have them in memory */
    for (size_t i = 0; i < TOPICS; i++) {
        question.filter = str_of(topics[i]);
        asked[i] = node_history_call(n, &question);
    }
    ask_at_once(f, n, asked, TOPICS);
    for (size_t i = 0; i < TOPICS; i++) {
        struct broker_history *h = &asked[i]->call.history;
        size_t got = 0;

        node_await(n, asked[i]);
        for (;;) {
            assert_true(h->ret_complete);
            for (size_t k = 0; k < h->ret_n; k++)
                assert_int_equal(msgid_cmp(h->ret_items[k]->id, ids[i][got++]), 0);
            if (!h->ret_more)
                break;
            node_history(n, asked[i]);
        }
        assert_int_equal(got, EACH);
    }
    assert_true(node_metric(n, METRIC_HISTORY_QUESTIONS) > TOPICS);
}

/* When the clock is behind the ids, all new ones have the same ms, by which the index of recent
 * topics is sorted. These are more topics than an answer has otherwise. */
static void reads_topics_that_were_published_to_at_the_same_time(void **state)
{
    enum { TOPICS = 1500 };
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct broker_history question = { .filter = STR("t/+") };
    static struct asked *calls[TOPICS];
    static struct msgid ids[TOPICS];
    char text[96];

    (void)node_publish(n, "t/old", "\"x\"");
    (void)node_publish(n, "t/older", "\"x\""); /* now the recent topics are fewer */
    snprintf(text, sizeof(text), "SET {%s}:id %llu-0", f->prefix,
             (unsigned long long)clock_wall_ms() + 600000);
    redis_server_command(f->redis, text);
    question.after = node_publish(n, "first", "\"x\"");
    for (size_t i = 0; i < TOPICS; i++) {
        snprintf(text, sizeof(text), "t/%zu", i);
        calls[i] = node_publish_call(n, text, STR("\"x\""));
        node_post(n, 0, calls[i]);
    }
    for (size_t i = 0; i < TOPICS; i++) {
        node_await(n, calls[i]);
        ids[i] = calls[i]->call.publish.ret_id;
        assert_int_equal(ids[i].ms, question.after.ms);
    }
    assert_true(history_is(n, question, ids, TOPICS));
}

static void await_want(struct node *n, const char *filter)
{
    node_await_want(n, node_want(n, 0, filter, true));
}

/* The second page was asked for when the channel of `t` was open, but it reads up to an id from
 * before that. Messages published in between did not come, and are only in Redis. */
static void asks_redis_for_what_came_before_a_channel_was_open(void **state)
{
    struct node *n = fixture_idle_node(*state);
    struct broker_history question = { .filter = STR("t"), .max_entries = 1 };
    struct msgid id;
    struct asked *a;

    await_want(n, "u");
    (void)node_publish(n, "t", "\"1\"");
    question.after = node_publish(n, "t", "\"2\"");
    a = node_history_call(n, &(struct broker_history){ .filter = STR("t"), .max_entries = 1 });
    a->call.timeout_ms = NODE_PATIENCE_MS;
    node_history(n, a);
    assert_true(a->call.history.ret_more);
    id = node_publish(n, "t", "\"3\"");
    (void)node_publish(n, "u", "\"4\""); /* moves the mark of the node */
    node_await_live(n, 0, 1);
    await_want(n, "t");
    node_history(n, a);

    a = node_history_call(n, &question);
    node_history(n, a);
    assert_int_equal(a->call.history.ret_n, 1);
    assert_int_equal(msgid_cmp(a->call.history.ret_items[0]->id, id), 0);
}

/* ---- others in our channels ---- */

static void drops_and_counts_junk(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);

    publish_raw(f, "a", "hello");
    publish_raw(f, "a", "{\"id\":\"1-1\",\"message\":\"x\",\"topic\":\"b\",\"v\":1}");
    publish_raw(f, "+", "{\"id\":\"1-1\",\"message\":\"x\",\"topic\":\"+\",\"v\":1}");
    publish_raw(f, "$metrics$/other", "12345"); /* another node's probe is not junk */
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 0, 1);
    assert_int_equal(node_live_count(n, 0), 1);
    assert_int_equal(node_metric(n, METRIC_FEED_INVALID), 3);
}

static void delivers_a_legacy_message_live_only(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct msgid id = node_publish(n, "a", "\"x\"");

    node_await_live(n, 0, 1);
    publish_raw(f, "a", "{\"topic\":\"a\",\"id\":\"1-1\",\"message\":\"theirs\"}");
    await_live_count(n, 2);
    assert_true(node_live(n, 0, 1)->legacy);
    assert_non_null(memmem(node_live(n, 0, 1)->body.p, node_live(n, 0, 1)->body.n, "theirs", 6));
    assert_int_equal(node_metric(n, METRIC_FEED_LEGACY), 1);
    (void)history_is(n, (struct broker_history){ .filter = STR("#") }, &id, 1);
}

static void keeps_prefixes_apart(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    f->config.redis_prefix = "a*b";
    n = fixture_node(f);
    redis_server_command(f->redis, "PUBLISH axb:a hello");
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 0, 1);
    assert_int_equal(node_metric(n, METRIC_FEED_INVALID), 0);
}

static void ignores_deployments_with_a_longer_prefix(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);

    publish_raw(f, "other:a", "hello");
    publish_raw(f, "other:a", "{\"id\":\"1-1\",\"message\":\"x\",\"topic\":\"a\",\"v\":1}");
    publish_raw(f, "other:$metrics$/1", "12345");
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 0, 1);
    assert_int_equal(node_live_count(n, 0), 1);
    assert_int_equal(node_metric(n, METRIC_FEED_INVALID), 0);
}

static void resolves_host_names(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    (void)snprintf(f->at.host, sizeof(f->at.host), "localhost"); /* may have ::1 before 127.0.0.1 */
    n = fixture_node(f);
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 0, 1);
}

int main(void)
{
    static struct fixture f;
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(is_not_ready_with_a_replica, &f),
        FIXTURE_TEST(reads_from_a_full_redis_that_refuses_publishes, &f),
        FIXTURE_TEST(delivers_in_order_when_any_connection_breaks, &f),
        FIXTURE_TEST(returns_incomplete_history_after_redis_was_emptied, &f),
        FIXTURE_TEST(counts_a_rewind_once_that_a_publish_found, &f),
        FIXTURE_TEST(returns_incomplete_history_after_a_log_was_evicted, &f),
        FIXTURE_TEST(asks_many_questions_in_one_command_and_equal_ones_once, &f),
        FIXTURE_TEST(reads_all_entries_of_many_long_topics, &f),
        FIXTURE_TEST(reads_topics_that_were_published_to_at_the_same_time, &f),
        FIXTURE_TEST(asks_redis_for_what_came_before_a_channel_was_open, &f),
        FIXTURE_TEST(a_spoilt_log_concerns_only_its_own_question, &f),
        FIXTURE_TEST(drops_and_counts_junk, &f),
        FIXTURE_TEST(delivers_a_legacy_message_live_only, &f),
        FIXTURE_TEST(keeps_prefixes_apart, &f),
        FIXTURE_TEST(ignores_deployments_with_a_longer_prefix, &f),
        FIXTURE_TEST(resolves_host_names, &f),
        FIXTURE_TEST(sends_the_password_and_waits_when_it_is_wrong,
                     &f), /* last: the password stays */
    };
    int failed;

    f.redis = redis_server_start();
    if (!f.redis) {
        fprintf(stderr, "test_redis: no redis-server on the PATH\n");
        return EXIT_SKIPPED;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_stop(f.redis);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
