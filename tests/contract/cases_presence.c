/* Presence: the broker asks its workers and, through Redis, the other nodes who is subscribed. */
#include <jansson.h>

#include "base/clock.h"
#include "broker/redis/redis_presence.h"
#include "contract/fixture.h"

static const struct presence *ask(struct node *n, struct asked *a)
{
    node_post(n, 0, a);
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return &a->call.presence.ret_presence;
}

static void asks_all_workers(void **state)
{
    static const char *const subs[] = { "both", "worker 0", "worker 1" };
    struct node *n = fixture_node(*state);
    struct asked *a = node_presence_call(n, "a/b", true);
    const struct presence *p = ask(n, a);

    assert_int_equal(p->count, 6);
    assert_true(a->call.presence.ret_complete);
    assert_false(p->more);
    assert_int_equal(p->n_subs, ARRAY_LEN(subs));
    for (size_t i = 0; i < ARRAY_LEN(subs); i++)
        assert_true(str_eq(bytes_str(p->subs[i]), str_of(subs[i])));
}

static void returns_subs_only_when_wanted(void **state)
{
    struct node *n = fixture_node(*state);
    const struct presence *p = ask(n, node_presence_call(n, "a/#", false));

    assert_int_equal(p->count, 6);
    assert_int_equal(p->n_subs, 0);
}

static void answers_many_questions_at_once(void **state)
{
    struct node *n = fixture_node(*state);
    struct asked *all[200];

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i] = node_presence_call(n, i % 2 ? "a" : "b", i % 3 == 0);
        node_post(n, i % NODE_WORKERS, all[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        node_await(n, all[i]);
        assert_int_equal(all[i]->call.status, BROKER_DONE);
        assert_int_equal(all[i]->call.presence.ret_presence.count, 6);
    }
}

/* Both nodes ask at the same time, and each is asked. */
static void asks_and_answers_other_nodes(void **state)
{
    struct fixture *f = *state;
    struct node *n[2];
    struct asked *a[2];

    for (int i = 0; i < 2; i++)
        n[i] = fixture_node(f);
    for (int i = 0; i < 2; i++) {
        a[i] = node_presence_call(n[i], "a", true);
        node_post(n[i], 0, a[i]);
    }
    for (int i = 0; i < 2; i++) {
        node_await(n[i], a[i]);
        assert_int_equal(a[i]->call.status, BROKER_DONE);
        assert_int_equal(a[i]->call.presence.ret_presence.count, 12);
        assert_int_equal(a[i]->call.presence.ret_presence.n_subs, 3);
        assert_true(a[i]->call.presence.ret_complete);
    }
}

static void leaves_out_a_node_whose_worker_hangs(void **state)
{
    struct fixture *f = *state;
    struct node *n[2];
    struct asked *a;

    for (int i = 0; i < 2; i++)
        n[i] = fixture_node(f);
    node_hold(n[1], 1);
    a = node_presence_call(n[0], "a", true);
    assert_int_equal(ask(n[0], a)->count, 6);
    assert_false(a->call.presence.ret_complete);
    node_release(n[1], 1);
}

/* While a worker does not answer, questions of other nodes wait up to a bound; beyond it they are
 * dropped and counted. */
static void drops_too_many_questions_of_other_nodes(void **state)
{
    enum { TOO_MANY = 7 };
    struct fixture *f = *state;
    struct node *n = fixture_node(f);
    struct asked *a;
    char command[256];

    (void)snprintf(command, sizeof(command),
                   "PUBLISH {%s}:presence {\"id\":1,\"node\":\"0123456789abcdef\",\"subs\":false,"
                   "\"topic\":\"a\",\"v\":1}",
                   f->prefix);
    node_hold(n, 1);
    for (int i = 0; i < REDIS_PRESENCE_COUNTED + TOO_MANY; i++)
        redis_server_command(f->redis, command);
    node_publish(n, "a", "\"behind them\"");
    node_await_live(n, 0, 1);
    assert_int_equal(node_metric(n, METRIC_PRESENCE_DROPPED), TOO_MANY);
    node_release(n, 1);
    a = node_presence_call(n, "a", false);
    node_post(n, 1, a); /* this worker has answered everything before it by then */
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    assert_int_equal(a->call.presence.ret_presence.count, 6);
}

/* The broker stops while a worker still has the question; the call is answered all the same. */
static void answers_open_questions_when_it_stops(void **state)
{
    struct node *n = fixture_node(*state);
    struct asked *a = node_presence_call(n, "a", true);

    node_hold(n, 1);
    node_post(n, 0, a);
    node_stop(n);
    node_release(n, 1);
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_NOT_DONE);
    assert_int_equal(a->call.presence.ret_presence.n_subs, 0);
}

/* ---- other questions ---- */

/* Asks {"x":[1]}, which each worker answers with a copy and its number. Checks how many did. */
static void ask_all(struct node *n, size_t n_answers, bool is_complete)
{
    struct asked *a = node_ask_call(n, json_pack("{s:[i]}", "x", 1));
    size_t of_worker[NODE_WORKERS] = { 0 };

    node_post(n, 0, a);
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    assert_int_equal(a->call.ask.ret_complete, is_complete);
    assert_int_equal(json_array_size(a->call.ask.ret_answers), n_answers);
    for (size_t i = 0; i < n_answers; i++) {
        const json_t *answer = json_array_get(a->call.ask.ret_answers, i);

        of_worker[json_integer_value(json_object_get(answer, "worker"))]++;
        assert_int_equal(json_array_size(json_object_get(answer, "x")), 1);
    }
    for (size_t i = 0; i < NODE_WORKERS; i++)
        assert_int_equal(of_worker[i], n_answers / NODE_WORKERS);
}

static void passes_a_question_to_all_workers(void **state)
{
    ask_all(fixture_node(*state), NODE_WORKERS, true);
}

static void passes_a_question_to_all_nodes(void **state)
{
    struct node *n[2];

    for (int i = 0; i < 2; i++)
        n[i] = fixture_node(*state);
    ask_all(n[0], 2 * NODE_WORKERS, true);
    ask_all(n[1], 2 * NODE_WORKERS, true);
    node_hold(n[1], 1);
    ask_all(n[0], NODE_WORKERS, false);
    node_release(n[1], 1);
}

/* A node of an older version does not know a new question. */
static void says_that_a_node_answered_nothing(void **state)
{
    struct node *n[2];

    for (int i = 0; i < 2; i++)
        n[i] = fixture_node(*state);
    node_mute(n[1]);
    ask_all(n[0], NODE_WORKERS, false);
    ask_all(n[1], NODE_WORKERS, false);
}

/* The answers of a node whose worker hangs are waited for; meanwhile the last question waits. */
static void has_few_questions_under_way(void **state)
{
    struct node *n[2];
    struct asked *all[REDIS_OTHERS_ASKED + 1];
    uint64_t started_ms;

    for (int i = 0; i < 2; i++)
        n[i] = fixture_node(*state);
    node_hold(n[1], 1);
    started_ms = clock_mono_ms();
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i] = node_ask_call(n[0], json_object());
        node_post(n[0], 0, all[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        node_await(n[0], all[i]);
        assert_int_equal(all[i]->call.status, BROKER_DONE);
        assert_false(all[i]->call.ask.ret_complete);
    }
    assert_true(clock_mono_ms() - started_ms >= 2 * REDIS_PRESENCE_WAIT_MS - 10);
    node_release(n[1], 1);
    ask_all(n[0], 2 * NODE_WORKERS, true);
}

/* Workers may have executed it, unless Redis never got it. */
static void answers_a_question_when_it_stops(void **state)
{
    const struct fixture *f = *state;
    struct node *n = fixture_node(*state);
    struct asked *a = node_ask_call(n, json_object());

    node_hold(n, 1);
    node_post(n, 0, a);
    node_stop(n);
    node_release(n, 1);
    node_await(n, a);
    if (!f->redis || a->call.status != BROKER_NOT_DONE)
        assert_int_equal(a->call.status, BROKER_UNKNOWN);
    assert_null(a->call.ask.ret_answers);
}

int presence_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(asks_all_workers, f),
        FIXTURE_TEST(returns_subs_only_when_wanted, f),
        FIXTURE_TEST(answers_many_questions_at_once, f),
        FIXTURE_TEST(answers_open_questions_when_it_stops, f),
        FIXTURE_TEST(passes_a_question_to_all_workers, f),
        FIXTURE_TEST(answers_a_question_when_it_stops, f),
    };

    const struct CMUnitTest redis_tests[] = {
        FIXTURE_TEST(asks_and_answers_other_nodes, f),
        FIXTURE_TEST(says_that_a_node_answered_nothing, f),
        FIXTURE_TEST(passes_a_question_to_all_nodes, f),
        FIXTURE_TEST(has_few_questions_under_way, f),
        FIXTURE_TEST(leaves_out_a_node_whose_worker_hangs, f),
        FIXTURE_TEST(drops_too_many_questions_of_other_nodes, f),
    };
    int failed = cmocka_run_group_tests_name("presence", tests, NULL, NULL);

    if (f->redis)
        failed += cmocka_run_group_tests_name("presence of nodes", redis_tests, NULL, NULL);
    return failed;
}
