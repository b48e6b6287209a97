#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_pipeline.h"

#define TIMEOUT 1000
#define NONE    (-1)
#define MANY    8

/* The fate of each request, or NONE. */
static int fates[MANY];

static void on_done(void *owner, void *arg, enum redis_fate fate, const struct redisReply *reply)
{
    (void)owner;
    (void)reply;
    assert_int_equal(fates[(uintptr_t)arg], NONE); /* once */
    fates[(uintptr_t)arg] = (int)fate;
}

static struct redis_request *request(uintptr_t i, uint64_t deadline)
{
    struct redis_command c;

    redis_command_ping(&c);
    fates[i] = NONE;
    return redis_request_create(&c, (struct redis_done){ on_done, NULL, (void *)i, deadline });
}

/* One command may subscribe to several channels. */
static void keeps_a_request_until_its_last_answer(void **state)
{
    struct redis_request *rq = request(0, 0);
    struct redis_pipeline p;

    (void)state;
    redis_pipeline_init(&p, TIMEOUT);
    assert_false(redis_pipeline_expects_more(&p)); /* there is none */
    rq->n_answers = 3;
    redis_pipeline_push(&p, rq, 0);
    redis_pipeline_push(&p, request(1, 0), 0);
    assert_true(redis_pipeline_expects_more(&p));
    assert_true(redis_pipeline_expects_more(&p));
    assert_false(redis_pipeline_expects_more(&p));
    assert_ptr_equal(redis_pipeline_pop(&p), rq);
    redis_request_finish(rq, REDIS_ANSWERED, NULL);
    assert_false(redis_pipeline_expects_more(&p)); /* one answer, as most */
    redis_pipeline_give_back(&p);
    assert_int_equal(fates[1], REDIS_UNKNOWN);
}

static void gives_a_request_up_at_its_deadline(void **state)
{
    static const struct {
        uint64_t deadline, at; /* 0: none */
        int want;              /* the fate after a check at that time */
    } cases[] = {
        { 0, 999, NONE },
        { 500, 499, NONE },
        { 500, 500, REDIS_UNKNOWN },
        { 2000, 999, NONE },
    };
    struct redis_pipeline p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t first;

        redis_pipeline_init(&p, TIMEOUT);
        first = redis_pipeline_push(&p, request(0, cases[i].deadline), 0);
        assert_int_equal(first, cases[i].deadline == 500 ? 500 : TIMEOUT);
        assert_true(redis_pipeline_check(&p, cases[i].at) > cases[i].at); /* has not timed out */
        assert_int_equal(fates[0], cases[i].want);
        redis_pipeline_give_back(&p);
        assert_int_equal(fates[0], REDIS_UNKNOWN);
    }
}

/* The late answer of the request in the middle must not go to the last one. */
static void keeps_the_place_of_a_request_that_was_given_up(void **state)
{
    struct redis_pipeline p;

    (void)state;
    redis_pipeline_init(&p, TIMEOUT);
    redis_pipeline_push(&p, request(0, 0), 0);
    redis_pipeline_push(&p, request(1, 100), 0);
    redis_pipeline_push(&p, request(2, 0), 0);
    (void)redis_pipeline_check(&p, 100);
    assert_int_equal(fates[1], REDIS_UNKNOWN);
    for (int i = 0; i < 3; i++)
        redis_request_finish(redis_pipeline_pop(&p), REDIS_ANSWERED, NULL);
    assert_int_equal(fates[0], REDIS_ANSWERED);
    assert_int_equal(fates[1], REDIS_UNKNOWN);
    assert_int_equal(fates[2], REDIS_ANSWERED);
    assert_null(redis_pipeline_pop(&p));
    assert_int_equal(p.n_sent, 0);
    assert_int_equal(redis_pipeline_check(&p, 5000), REDIS_PIPELINE_IDLE);
}

static void times_out_with_the_oldest_request(void **state)
{
    struct redis_pipeline p;

    (void)state;
    redis_pipeline_init(&p, TIMEOUT);
    redis_pipeline_push(&p, request(0, 0), 10);
    redis_pipeline_push(&p, request(1, 0), 20);
    assert_int_equal(redis_pipeline_check(&p, 1009), 1010);
    assert_true(redis_pipeline_check(&p, 1010) <= 1010);
    redis_request_finish(redis_pipeline_pop(&p), REDIS_ANSWERED, NULL);
    assert_int_equal(redis_pipeline_check(&p, 1010), 1020);
    redis_pipeline_give_back(&p);
}

/* Nobody waits for it any longer, so it must not be sent again. */
static void drops_a_refused_request_at_its_deadline(void **state)
{
    struct redis_pipeline p;
    struct redis_request *again;

    (void)state;
    redis_pipeline_init(&p, TIMEOUT);
    for (uintptr_t i = 0; i < 3; i++)
        redis_pipeline_push(&p, request(i, i == 1 ? 100 : 0), 0);
    for (int i = 0; i < 3; i++)
        redis_pipeline_refuse(&p, redis_pipeline_pop(&p));
    (void)redis_pipeline_check(&p, 100);
    assert_int_equal(fates[1], REDIS_NOT_DONE);
    again = redis_pipeline_pop_refused(&p);
    redis_pipeline_push(&p, again, 100);
    redis_pipeline_give_back(&p);
    assert_int_equal(fates[0], REDIS_UNKNOWN);
    assert_int_equal(fates[2], REDIS_NOT_DONE);
}

/* Here the deadline passes before Redis refuses the request. */
static void does_not_resend_a_request_that_was_given_up(void **state)
{
    struct redis_pipeline p;

    (void)state;
    redis_pipeline_init(&p, TIMEOUT);
    redis_pipeline_push(&p, request(0, 100), 0);
    (void)redis_pipeline_check(&p, 100);
    assert_int_equal(fates[0], REDIS_UNKNOWN);
    redis_pipeline_refuse(&p, redis_pipeline_pop(&p));
    assert_null(redis_pipeline_pop_refused(&p));
    assert_int_equal(redis_pipeline_check(&p, 100), REDIS_PIPELINE_IDLE);
}

static bool remake(void *owner, void *arg, struct redis_command *ret)
{
    (void)owner;
    (void)arg;
    redis_command_ping(ret);
    return true;
}

/* A probe or a WAIT under way does not count. */
static void counts_the_calls_under_way(void **state)
{
    struct redis_pipeline p;
    struct redis_request *call = request(0, 0);

    (void)state;
    call->remake = remake;
    redis_pipeline_init(&p, TIMEOUT);
    redis_pipeline_push(&p, call, 0);
    redis_pipeline_push(&p, request(1, 0), 0);
    assert_int_equal(p.n_calls, 1);
    redis_pipeline_refuse(&p, redis_pipeline_pop(&p));
    assert_int_equal(p.n_calls, 0);
    redis_pipeline_push(&p, redis_pipeline_pop_refused(&p), 0);
    redis_request_finish(redis_pipeline_pop(&p), REDIS_ANSWERED, NULL);
    assert_int_equal(p.n_calls, 1);
    redis_pipeline_lose(&p);
    assert_int_equal(p.n_calls, 0);
}

/* Some of them are sent again, and the first ones are refused once more. */
static void keeps_refused_requests_in_the_order_of_their_first_sending(void **state)
{
    struct redis_request *all[4], *again[3];
    struct redis_pipeline p;

    (void)state;
    redis_pipeline_init(&p, TIMEOUT);
    for (uintptr_t i = 0; i < 4; i++)
        redis_pipeline_push(&p, all[i] = request(i, 0), 0);
    for (int i = 0; i < 4; i++)
        redis_pipeline_refuse(&p, redis_pipeline_pop(&p));
    for (int i = 0; i < 3; i++)
        redis_pipeline_push(&p, again[i] = redis_pipeline_pop_refused(&p), 10);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(redis_pipeline_pop(&p), again[i]);
    redis_pipeline_refuse(&p, again[1]);
    redis_pipeline_refuse(&p, again[0]);
    redis_pipeline_refuse(&p, again[2]);
    assert_ptr_equal(redis_pipeline_first_refused(&p), all[0]);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(redis_pipeline_pop_refused(&p), all[i]);
        redis_request_finish(all[i], REDIS_ANSWERED, NULL);
    }
}

static void keeps_refused_calls_when_the_connection_is_lost(void **state)
{
    struct redis_request *call;
    struct redis_pipeline p;

    (void)state;
    redis_pipeline_init(&p, TIMEOUT);
    for (uintptr_t i = 0; i < 3; i++)
        redis_pipeline_push(&p, request(i, 0), 0);
    call = redis_pipeline_pop(&p);
    call->remake = remake;
    redis_pipeline_refuse(&p, call);
    redis_pipeline_refuse(&p, redis_pipeline_pop(&p));
    redis_pipeline_lose(&p);
    assert_int_equal(fates[0], NONE); /* a call, and refused */
    assert_int_equal(fates[1], REDIS_NOT_DONE);
    assert_int_equal(fates[2], REDIS_UNKNOWN);
    assert_ptr_equal(redis_pipeline_first_refused(&p), call);
    redis_pipeline_give_back(&p);
    assert_int_equal(fates[0], REDIS_NOT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_a_request_until_its_last_answer),
        cmocka_unit_test(gives_a_request_up_at_its_deadline),
        cmocka_unit_test(keeps_the_place_of_a_request_that_was_given_up),
        cmocka_unit_test(times_out_with_the_oldest_request),
        cmocka_unit_test(drops_a_refused_request_at_its_deadline),
        cmocka_unit_test(does_not_resend_a_request_that_was_given_up),
        cmocka_unit_test(keeps_refused_requests_in_the_order_of_their_first_sending),
        cmocka_unit_test(counts_the_calls_under_way),
        cmocka_unit_test(keeps_refused_calls_when_the_connection_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
