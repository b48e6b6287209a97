/* test_api_worker.c - how a worker walks its connections for the questions of the control API.
 */
#include "app/http/api_worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "broker/headcount.h"
#include "hub/revoked.h"
#include "support/asked_clients.h"

#define QUESTIONS 3
#define PORTIONS  4 /* of a walk over the slots of open_clients_apart */

static json_t *got[QUESTIONS]; /* the answers of all workers, by question */
static size_t n_got;

static void on_asked(const void *e, void *arg, json_t *answers)
{
    json_t **place = arg;

    assert_non_null(e);
    assert_ptr_equal(place, &got[n_got]); /* in the order of the questions */
    *place = answers;
    n_got++;
}

static void ask(size_t i, const char *text)
{
    json_auto_t *question = json_loads(text, 0, NULL);

    assert_non_null(question);
    headcount_ask(core(), question, on_asked, &got[i]);
}

/* Runs a turn of the worker, and hands its mail to the broker. */
static void turn(void)
{
    still_worker_turn(&fx.sw);
    while (mailbox_drain(broker_inbox(fx.sw.context.broker)))
        ;
}

static size_t turns_until(size_t n_answers)
{
    size_t n = 0;

    for (; n_got < n_answers; n++) {
        assert_true(n < 100);
        turn();
    }
    return n;
}

static const json_t *clients_of(size_t i)
{
    return json_object_get(json_array_get(got[i], 0), "clients");
}

/* Connects two clients with n free slots between them, as if so many had been connected. */
static void open_clients_apart(size_t n)
{
    static struct conn somebody;
    struct conn_table *conns = &fx.sw.worker->conns;
    struct conn_ref *refs = mem_array(NULL, n, sizeof(*refs));

    (void)open_client();
    for (size_t i = 0; i < n; i++)
        refs[i] = conn_table_add(conns, &somebody);
    (void)open_client();
    for (size_t i = n; i-- > 0;)
        conn_table_remove(conns, refs[i]);
    free(refs);
}

static int set_up_answers(void **state)
{
    n_got = 0;
    return set_up(state);
}

static int forget_answers(void **state)
{
    for (size_t i = 0; i < n_got; i++)
        json_decref(got[i]);
    return tear_down(state);
}

static void walks_for_one_question_at_a_time(void **state)
{
    size_t n;

    (void)state;
    open_clients_apart((PORTIONS - 1) * API_WALK_STEP);
    for (size_t i = 0; i < QUESTIONS; i++)
        ask(i, "{\"op\":\"clients\",\"limit\":100}");
    n = turns_until(QUESTIONS);
    assert_in_range(n, QUESTIONS * PORTIONS, QUESTIONS * PORTIONS + 2);
    for (size_t i = 0; i < QUESTIONS; i++)
        assert_int_equal(json_array_size(clients_of(i)), 2);
}

static void give_token(struct conn *c, const char *claims)
{
    const struct auth_policy any = { 0 };
    const char *why;

    assert_int_equal(auth_check(str_of(claims), &any, 1, &c->auth, &why), EH_OK);
}

static json_int_t disconnected(size_t i)
{
    return json_integer_value(json_object_get(json_array_get(got[i], 0), "disconnected"));
}

/* Closing takes much longer than looking at a connection, and counts as 64 of them. */
static void expect_few_in_a_turn(const char *question)
{
    struct conn *first, *second;

    open_clients_apart(API_WALK_STEP - 64);
    first = fx.clients[0].conn;
    second = fx.clients[1].conn;
    give_token(first, "{\"sub\":\"ann\",\"read\":[\"#\"]}");
    give_token(second, "{\"sub\":\"ann\",\"read\":[\"#\"]}");
    ask(0, question);
    for (int i = 0; first->state == CONN_OPEN; i++) {
        assert_true(i < 10);
        turn();
    }
    assert_int_equal(second->state, CONN_OPEN);
    (void)turns_until(1);
    assert_int_not_equal(second->state, CONN_OPEN);
    assert_int_equal(disconnected(0), 2);
}

static void disconnects_few_clients_in_a_turn(void **state)
{
    (void)state;
    expect_few_in_a_turn("{\"op\":\"disconnect\",\"sub\":\"ann\"}");
}

static void disconnects_few_revoked_clients_in_a_turn(void **state)
{
    (void)state;
    expect_few_in_a_turn(
        "{\"op\":\"revoke\",\"sub\":\"ann\",\"before\":1,\"until\":9000000000000000}");
}

static void goes_on_behind_the_client_of_an_id(void **state)
{
    char behind[128];

    (void)state;
    memcpy(fx.sw.context.node, "00000000000000ab", 17);
    (void)open_client();
    (void)open_client();
    ask(0, "{\"op\":\"clients\",\"limit\":100}");
    (void)turns_until(1);
    assert_int_equal(json_array_size(clients_of(0)), 2);
    (void)snprintf(behind, sizeof(behind), "{\"op\":\"clients\",\"limit\":100,\"after\":\"%s\"}",
                   json_string_value(json_object_get(json_array_get(clients_of(0), 0), "id")));
    ask(1, behind);
    ask(2, "{\"op\":\"clients\",\"limit\":100,"
           "\"after\":\"00000000000000ab-0000-ffffffff-00000001\"}");
    (void)turns_until(3);
    assert_true(json_equal(json_array_get(clients_of(1), 0), json_array_get(clients_of(0), 1)));
    assert_int_equal(json_array_size(clients_of(1)), 1);
    assert_int_equal(json_array_size(clients_of(2)), 0);
}

static const json_t *subscribers_of(size_t i)
{
    return json_object_get(json_array_get(got[i], 0), "subscribers");
}

static void expect_subscribers(size_t i, const char *want)
{
    json_auto_t *numbers = json_loads(want, 0, NULL);

    assert_true(json_equal(subscribers_of(i), numbers));
}

/* A connection counts once, however many of its subscriptions match. */
static void counts_the_subscribers_of_topics(void **state)
{
    struct client *one = open_client();

    (void)state;
    subscribe(one, 1, "a/+");
    subscribe(one, 2, "a/b");
    subscribe(open_client(), 1, "a/b");
    settle();
    for (size_t i = 0; i < engine.n_wants; i++)
        answer_want(i, 1);
    ask(0, "{\"op\":\"subscribers\",\"topics\":\"a/b\"}");
    ask(1, "{\"op\":\"subscribers\",\"topics\":[\"a/b\",\"a/b\",\"a/c\",\"b\"]}");
    ask(2, "{\"op\":\"subscribers\",\"topics\":[1,\"a/+\",\"/\"]}");
    (void)turns_until(QUESTIONS);
    assert_int_equal(json_array_size(got[0]), 0);
    expect_subscribers(1, "[2,2,1,0]");
    expect_subscribers(2, "[0,0,0]");
}

/* Each topic is a step. */
static void pauses_between_topics(void **state)
{
    json_auto_t *question = json_pack("{s:s,s:[]}", "op", "subscribers", "topics");

    (void)state;
    (void)open_client();
    for (size_t i = 0; i < (PORTIONS - 1) * API_WALK_STEP + 1; i++)
        (void)json_array_append_new(json_object_get(question, "topics"), json_string("a"));
    headcount_ask(core(), question, on_asked, &got[0]);
    assert_in_range(turns_until(1), PORTIONS, PORTIONS + 2);
    assert_int_equal(json_array_size(subscribers_of(0)), (PORTIONS - 1) * API_WALK_STEP + 1);
}

static void answers_the_questions_that_wait_when_it_ends(void **state)
{
    (void)state;
    open_clients_apart((PORTIONS - 1) * API_WALK_STEP);
    for (size_t i = 0; i < QUESTIONS; i++)
        ask(i, "{\"op\":\"clients\",\"limit\":100}");
    turn();
    turn();
    assert_int_equal(n_got, 0);
    api_worker_end(fx.sw.worker);
    while (mailbox_drain(broker_inbox(fx.sw.context.broker)))
        ;
    assert_int_equal(n_got, QUESTIONS);
}

/* ---- revoked tokens ---- */

static struct conn *open_with(const char *claims)
{
    struct conn *c = open_client()->conn;

    give_token(c, claims);
    return c;
}

static void disconnects_clients_with_a_revoked_token(void **state)
{
    const struct conn *one, *other;

    (void)state;
    one = open_with("{\"read\":[\"a\"],\"jti\":\"t1\",\"sub\":\"ann\",\"iat\":1000}");
    other = open_with("{\"read\":[\"a\"],\"jti\":\"t2\",\"sub\":\"ann\",\"iat\":2000}");
    ask(0, "{\"op\":\"revoke\",\"jti\":\"t1\",\"until\":9000000000000000}");
    (void)turns_until(1);
    assert_int_equal(disconnected(0), 1);
    assert_true(one->state > CONN_LEAVING);
    assert_int_equal(other->state, CONN_OPEN);
    ask(1, "{\"op\":\"revoke\",\"sub\":\"ann\",\"before\":2000000,\"until\":9000000000000000}");
    (void)turns_until(2);
    assert_int_equal(disconnected(1), 0);
    ask(2, "{\"op\":\"revoke\",\"sub\":\"ann\",\"before\":2000001,\"until\":9000000000000000}");
    (void)turns_until(3);
    assert_int_equal(disconnected(2), 1);
    assert_true(other->state > CONN_LEAVING);
}

/* The broker has read it from Redis: nobody asks. */
static void looks_for_tokens_that_were_revoked_elsewhere(void **state)
{
    const struct revocation entry = { .kind = REVOKED_ID,
                                      .name = STR("t1"),
                                      .until_ms = UINT64_MAX };
    struct worker *w = fx.sw.worker;
    const struct conn *c = open_with("{\"read\":[\"a\"],\"jti\":\"t1\"}");

    (void)state;
    api_worker_end_revoked(w);
    assert_true(list_empty(&w->walks));
    assert_int_equal(revoked_add(fx.sw.context.revoked, &entry, 0), EH_OK);
    api_worker_end_revoked(w);
    turn();
    assert_true(c->state > CONN_LEAVING);
    assert_true(list_empty(&w->walks));
    api_worker_end_revoked(w);
    assert_true(list_empty(&w->walks)); /* once */
}

static void ignores_questions_that_name_no_token(void **state)
{
    static const char *const questions[QUESTIONS] = {
        "{\"op\":\"revoke\"}",
        "{\"op\":\"revoke\",\"jti\":\"\",\"until\":9000000000000000}",
        "{\"op\":\"revoke\",\"sub\":7,\"before\":\"x\",\"until\":-1}",
    };
    const struct conn *c = open_with("{\"read\":[\"a\"],\"jti\":\"t1\"}");

    (void)state;
    for (size_t i = 0; i < QUESTIONS; i++)
        ask(i, questions[i]);
    (void)turns_until(QUESTIONS);
    for (size_t i = 0; i < QUESTIONS; i++)
        assert_int_equal(json_array_size(got[i]), 0);
    assert_int_equal(revoked_count(fx.sw.context.revoked), 0);
    assert_int_equal(c->state, CONN_OPEN);
}

static void answers_nothing_to_unknown_questions(void **state)
{
    (void)state;
    ask(0, "{\"op\":\"purged\"}");
    ask(1, "{\"op\":\"other\"}");
    ask(2, "{}");
    (void)turns_until(QUESTIONS);
    assert_int_equal(json_array_size(got[0]), 1);
    assert_int_equal(json_array_size(got[1]), 0);
    assert_int_equal(json_array_size(got[2]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(walks_for_one_question_at_a_time, set_up_answers,
                                        forget_answers),
        cmocka_unit_test_setup_teardown(disconnects_few_clients_in_a_turn, set_up_answers,
                                        forget_answers),
        cmocka_unit_test_setup_teardown(goes_on_behind_the_client_of_an_id, set_up_answers,
                                        forget_answers),
        cmocka_unit_test_setup_teardown(counts_the_subscribers_of_topics, set_up_answers,
                                        forget_answers),
        cmocka_unit_test_setup_teardown(pauses_between_topics, set_up_answers, forget_answers),
        cmocka_unit_test_setup_teardown(answers_the_questions_that_wait_when_it_ends,
                                        set_up_answers, forget_answers),
        cmocka_unit_test_setup_teardown(disconnects_clients_with_a_revoked_token, set_up_answers,
                                        forget_answers),
        cmocka_unit_test_setup_teardown(disconnects_few_revoked_clients_in_a_turn, set_up_answers,
                                        forget_answers),
        cmocka_unit_test_setup_teardown(looks_for_tokens_that_were_revoked_elsewhere,
                                        set_up_answers, forget_answers),
        cmocka_unit_test_setup_teardown(ignores_questions_that_name_no_token, set_up_answers,
                                        forget_answers),
        cmocka_unit_test_setup_teardown(answers_nothing_to_unknown_questions, set_up_answers,
                                        forget_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
