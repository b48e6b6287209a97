/* What only the cluster engine has to get right: a Redis that refuses, forgets or is replaced,
 * single connections that break, and others who write into our channels. Needs a redis-server (exit
 * status 77 where there is none).
 */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

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

/* node_await_live looks at marks as well, which a foreign message does not move. */
static void await_live_count(struct node *n, size_t least)
{
    uint64_t deadline = clock_mono_ms() + NODE_PATIENCE_MS;

    while (node_live_count(n, 0) < least) {
        assert_true(clock_mono_ms() < deadline);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

/* PUBLISH to a topic's channel; the payload has no spaces. */
static void publish_raw(struct fixture *f, const char *topic, const char *payload)
{
    char command[512];

    snprintf(command, sizeof(command), "PUBLISH %s:%s %s", f->prefix, topic, payload);
    redis_server_command(f->redis, command);
}

/* ---- Redis refuses ---- */

static void a_replica_takes_no_publishes_and_is_not_ready(void **state)
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

static void a_full_redis_refuses_publishes_and_is_still_read(void **state)
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

static void a_password_is_sent_and_a_wrong_one_waits(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    f->config.redis_password = "secret";
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

/* Whichever it is: what was published comes, once and in order. */
static void each_connection_may_break(void **state)
{
    enum { LINKS = 6 }; /* five for commands and the feed */
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct msgid last = { 0 };
    uint64_t ids[16];
    size_t done = 0;
    char command[64];

    while (redis_server_clients(f->redis, ids, COUNT(ids)) < LINKS)
        ; /* ready does not mean that the last of them is there */
    for (size_t i = 0; i < LINKS; i++) {
        snprintf(command, sizeof(command), "CLIENT KILL ID %llu", (unsigned long long)ids[i]);
        redis_server_command(f->redis, command);
        for (unsigned j = 0; j < 20; j++)
            done += publish(n, j % 2 ? "a" : "b")->call.status == BROKER_DONE;
        node_await_ready(n, true);
    }
    assert_true(done >= LINKS * 19); /* what was under way when it broke may have failed */
    node_await_live(n, 0, done);
    for (size_t i = 0; i < node_live_count(n, 0); i++) {
        assert_true(msgid_cmp(last, node_live(n, 0, i)->id) < 0);
        last = node_live(n, 0, i)->id;
    }
}

/* ---- Redis forgets ---- */

static void a_redis_emptied_under_us_says_so_in_history(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct broker_history question = { .filter = STR("a") };
    struct msgid after;

    question.after = node_publish(n, "a", "\"x\"");
    assert_true(history_is(n, question, NULL, 0));
    redis_server_command(f->redis, "FLUSHALL");
    while (clock_wall_ms() <= question.after.ms)
        ; /* nobody remembers the id any more but the clock */
    assert_false(history_is(n, question, NULL, 0));
    after = node_publish(n, "a", "\"y\"");
    assert_true(msgid_cmp(question.after, after) < 0);
    assert_false(history_is(n, question, &after, 1));
    question.after = after;
    assert_true(history_is(n, question, NULL, 0));
}

/* ---- others in our channels ---- */

static void junk_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    struct node *n = fixture_node(f);

    publish_raw(f, "a", "hello");
    publish_raw(f, "a", "{\"id\":\"1-1\",\"message\":\"x\",\"topic\":\"b\",\"v\":1}");
    publish_raw(f, "+", "{\"id\":\"1-1\",\"message\":\"x\",\"topic\":\"+\",\"v\":1}");
    publish_raw(f, "$metrics$/other", "12345"); /* another node's probe is no junk */
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 0, 1);
    assert_int_equal(node_live_count(n, 0), 1);
    assert_int_equal(node_metric(n, METRIC_FEED_INVALID), 3);
}

static void a_foreign_message_is_live_only(void **state)
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

static void prefixes_do_not_mix(void **state)
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

static void names_are_resolved(void **state)
{
    struct fixture *f = *state;
    struct node *n;

    f->config.redis_host = "localhost"; /* may have ::1 before 127.0.0.1 */
    n = fixture_node(f);
    node_publish(n, "a", "\"x\"");
    node_await_live(n, 0, 1);
}

int main(void)
{
    static struct fixture f;
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_replica_takes_no_publishes_and_is_not_ready, &f),
        FIXTURE_TEST(a_full_redis_refuses_publishes_and_is_still_read, &f),
        FIXTURE_TEST(each_connection_may_break, &f),
        FIXTURE_TEST(a_redis_emptied_under_us_says_so_in_history, &f),
        FIXTURE_TEST(junk_is_dropped_and_counted, &f),
        FIXTURE_TEST(a_foreign_message_is_live_only, &f),
        FIXTURE_TEST(prefixes_do_not_mix, &f),
        FIXTURE_TEST(names_are_resolved, &f),
        FIXTURE_TEST(a_password_is_sent_and_a_wrong_one_waits, &f), /* last: the password stays */
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
