/* Who is subscribed: the broker asks its workers, and over Redis the other nodes. */
#include "broker/redis/redis_presence.h"
#include "contract/fixture.h"

static const struct presence *ask(struct node *n, struct asked *a)
{
    node_post(n, 0, a);
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    return &a->call.presence.ret_presence;
}

static void all_workers_are_asked(void **state)
{
    static const char *const subs[] = { "both", "worker 0", "worker 1" };
    struct node *n = fixture_node(*state);
    struct asked *a = node_presence_call(n, "a/b", true);
    const struct presence *p = ask(n, a);

    assert_int_equal(p->count, 6);
    assert_true(a->call.presence.ret_complete);
    assert_false(p->more);
    assert_int_equal(p->n_subs, COUNT(subs));
    for (size_t i = 0; i < COUNT(subs); i++)
        assert_true(str_eq(bytes_str(p->subs[i]), str_of(subs[i])));
}

static void subs_come_only_where_wanted(void **state)
{
    struct node *n = fixture_node(*state);
    const struct presence *p = ask(n, node_presence_call(n, "a/#", false));

    assert_int_equal(p->count, 6);
    assert_int_equal(p->n_subs, 0);
}

static void many_questions_at_once_are_all_answered(void **state)
{
    struct node *n = fixture_node(*state);
    struct asked *all[200];

    for (size_t i = 0; i < COUNT(all); i++) {
        all[i] = node_presence_call(n, i % 2 ? "a" : "b", i % 3 == 0);
        node_post(n, i % NODE_WORKERS, all[i]);
    }
    for (size_t i = 0; i < COUNT(all); i++) {
        node_await(n, all[i]);
        assert_int_equal(all[i]->call.status, BROKER_DONE);
        assert_int_equal(all[i]->call.presence.ret_presence.count, 6);
    }
}

/* Both ask at the same time, and each is asked. */
static void nodes_answer_each_other(void **state)
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

static void a_node_whose_worker_hangs_is_left_out(void **state)
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

/* What other nodes ask while a worker does not answer is held up to a bound, and counted beyond. */
static void too_many_questions_of_others_are_dropped(void **state)
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
    node_post(n, 1, a); /* which has answered all before that by then */
    node_await(n, a);
    assert_int_equal(a->call.status, BROKER_DONE);
    assert_int_equal(a->call.presence.ret_presence.count, 6);
}

/* The broker stops while a worker still has the question: the call is answered all the same. */
static void stopping_answers_what_is_under_way(void **state)
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

int presence_cases(struct fixture *f)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(all_workers_are_asked, f),
        FIXTURE_TEST(subs_come_only_where_wanted, f),
        FIXTURE_TEST(many_questions_at_once_are_all_answered, f),
        FIXTURE_TEST(stopping_answers_what_is_under_way, f),
    };

    const struct CMUnitTest redis_tests[] = {
        FIXTURE_TEST(nodes_answer_each_other, f),
        FIXTURE_TEST(a_node_whose_worker_hangs_is_left_out, f),
        FIXTURE_TEST(too_many_questions_of_others_are_dropped, f),
    };
    int failed = cmocka_run_group_tests_name("presence", tests, NULL, NULL);

    if (f->redis)
        failed += cmocka_run_group_tests_name("presence of nodes", redis_tests, NULL, NULL);
    return failed;
}
