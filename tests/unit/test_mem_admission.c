#include "broker/mem/mem_admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

#define START 1000000u /* ms */
#define LOTS  (16u * 1024 * 1024)

/* Publishes as the engine does: the publish gets the next id unless it is stopped. */
static enum broker_status pass(struct mem_admission *a, struct broker_publish *p, uint64_t now)
{
    static uint64_t last;
    enum broker_status status = BROKER_DONE;

    if (mem_admission_stops(a, p, now, &status))
        return status;
    p->ret_id = (struct msgid){ .ms = ++last };
    assert_int_equal(mem_admission_note(a, p, now), p->key.n || p->limit.topic.n);
    return BROKER_DONE;
}

static struct broker_publish limited(const char *who, const char *rule, uint64_t max)
{
    return (struct broker_publish){
        .topic = STR("t"),
        .origin_json = str_of(who),
        .limit = { .topic = str_of(rule), .max = max, .interval_s = 10 },
    };
}

static void keeps_nothing_of_a_publish_without_key_or_limit(void **state)
{
    struct broker_publish p = { .topic = STR("t") };
    struct mem_admission a;

    (void)state;
    mem_admission_init(&a, 0);
    assert_int_equal(pass(&a, &p, START), BROKER_DONE);
    assert_int_equal(mem_admission_bytes(&a), 0);
    mem_admission_done(&a);
}

static void starts_an_interval_with_the_first_publish_and_does_not_move_it(void **state)
{
    static const struct {
        uint64_t at; /* after START */
        enum broker_status status;
        uint64_t retry_ms;
    } steps[] = {
        { 0, BROKER_DONE, 0 },           { 9000, BROKER_DONE, 0 },  { 9001, BROKER_LIMITED, 999 },
        { 9999, BROKER_LIMITED, 1 },     { 10000, BROKER_DONE, 0 }, { 10000, BROKER_DONE, 0 },
        { 10001, BROKER_LIMITED, 9999 },
    };
    struct mem_admission a;

    (void)state;
    mem_admission_init(&a, LOTS);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct broker_publish p = limited("\"me\"", "t", 2);

        assert_int_equal(pass(&a, &p, START + steps[i].at), steps[i].status);
        assert_int_equal(p.ret_retry_ms, steps[i].retry_ms);
    }
    mem_admission_done(&a);
}

static void admits_nothing_when_max_is_0(void **state)
{
    struct broker_publish p = limited("\"me\"", "t", 0);
    struct mem_admission a;

    (void)state;
    mem_admission_init(&a, LOTS);
    assert_int_equal(pass(&a, &p, START), BROKER_LIMITED);
    assert_int_equal(p.ret_retry_ms, 10000);
    assert_int_equal(mem_admission_bytes(&a), 0);
    mem_admission_done(&a);
}

/* Carelessly built names would be the same for some of these. */
static void keeps_the_counts_of_publishers_and_rules_apart(void **state)
{
    static const struct {
        const char *who, *rule;
    } cases[] = {
        { "\"me\"", "t" }, { "\"me2\"", "t" }, { "\"me\"", "#" },
        { "\"t\"", "t" },  { "\"\"", "tt" },
    };
    struct mem_admission a;

    (void)state;
    mem_admission_init(&a, LOTS);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_publish p = limited(cases[i].who, cases[i].rule, 1);

        assert_int_equal(pass(&a, &p, START), BROKER_DONE);
        assert_int_equal(pass(&a, &p, START), BROKER_LIMITED);
    }
    mem_admission_done(&a);
}

static void knows_a_key_until_it_expires(void **state)
{
    struct broker_publish p = { .topic = STR("t"), .key = STR("k") };
    struct mem_admission a;
    struct msgid first;

    (void)state;
    mem_admission_init(&a, LOTS);
    assert_int_equal(pass(&a, &p, START), BROKER_DONE);
    assert_false(p.ret_repeated);
    first = p.ret_id;
    p.ret_id = (struct msgid){ 0 };
    assert_int_equal(pass(&a, &p, START + BROKER_KEY_S * 1000 - 1), BROKER_DONE);
    assert_true(p.ret_repeated);
    assert_int_equal(msgid_cmp(p.ret_id, first), 0);
    assert_int_equal(pass(&a, &p, START + BROKER_KEY_S * 1000), BROKER_DONE);
    assert_false(p.ret_repeated);
    assert_true(msgid_cmp(p.ret_id, first) > 0);
    mem_admission_done(&a);
}

/* A full table stops only what needs it, and no half of a record stays. */
static void refuses_what_needs_a_full_table(void **state)
{
    enum { N = 100 };
    struct mem_admission a;
    size_t n = 0;
    uint64_t before;
    char key[16];

    (void)state;
    mem_admission_init(&a, 8192);
    for (; n < N; n++) {
        struct broker_publish p = { .topic = STR("t") };

        p.key = str_make(key, (size_t)snprintf(key, sizeof(key), "%zu", n));
        if (pass(&a, &p, START) == BROKER_FULL)
            break;
    }
    assert_in_range(n, 10, N - 1);
    before = mem_admission_bytes(&a);
    struct broker_publish p = limited("\"me\"", "t", 1);

    p.key = STR("new");
    assert_int_equal(pass(&a, &p, START), BROKER_FULL);
    assert_int_equal(mem_admission_bytes(&a), before);
    p.key = STR("");
    assert_int_equal(pass(&a, &p, START), BROKER_DONE); /* the refused one was not counted */
    p.key = STR("new");
    assert_int_equal(pass(&a, &p, START + BROKER_KEY_S * 1000), BROKER_DONE);
    assert_true(mem_admission_expire(&a, START + BROKER_KEY_S * 1000, 1));
    assert_false(mem_admission_expire(&a, START + 2 * BROKER_KEY_S * 1000, N));
    assert_int_equal(mem_admission_bytes(&a), 0);
    mem_admission_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_nothing_of_a_publish_without_key_or_limit),
        cmocka_unit_test(starts_an_interval_with_the_first_publish_and_does_not_move_it),
        cmocka_unit_test(admits_nothing_when_max_is_0),
        cmocka_unit_test(keeps_the_counts_of_publishers_and_rules_apart),
        cmocka_unit_test(knows_a_key_until_it_expires),
        cmocka_unit_test(refuses_what_needs_a_full_table),
    };

    return cmocka_run_group_tests_name("mem_admission", tests, NULL, NULL);
}
