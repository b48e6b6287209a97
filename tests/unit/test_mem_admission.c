#include "broker/mem/mem_admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START 1000000u /* ms */
#define LOTS  (16u * 1024 * 1024)

/* A publish as the engine does it: it gets the next id unless the gate stops it. */
static enum broker_status pass(struct mem_admission *g, struct broker_publish *p, uint64_t now)
{
    static uint64_t last;
    enum broker_status status = BROKER_DONE;

    if (mem_admission_stops(g, p, now, &status))
        return status;
    p->ret_id = (struct msgid){ .ms = ++last };
    assert_int_equal(mem_admission_note(g, p, now), p->key.n || p->limit.topic.n);
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

static void most_publishes_leave_nothing(void **state)
{
    struct broker_publish p = { .topic = STR("t") };
    struct mem_admission g;

    (void)state;
    mem_admission_init(&g, 0);
    assert_int_equal(pass(&g, &p, START), BROKER_DONE);
    assert_int_equal(mem_admission_bytes(&g), 0);
    mem_admission_done(&g);
}

static void an_interval_begins_with_the_first_and_does_not_move(void **state)
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
    struct mem_admission g;

    (void)state;
    mem_admission_init(&g, LOTS);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct broker_publish p = limited("\"me\"", "t", 2);

        assert_int_equal(pass(&g, &p, START + steps[i].at), steps[i].status);
        assert_int_equal(p.ret_retry_ms, steps[i].retry_ms);
    }
    mem_admission_done(&g);
}

static void max_0_waits_an_interval_in_vain(void **state)
{
    struct broker_publish p = limited("\"me\"", "t", 0);
    struct mem_admission g;

    (void)state;
    mem_admission_init(&g, LOTS);
    assert_int_equal(pass(&g, &p, START), BROKER_LIMITED);
    assert_int_equal(p.ret_retry_ms, 10000);
    assert_int_equal(mem_admission_bytes(&g), 0);
    mem_admission_done(&g);
}

/* Names that would be the same if they were put together carelessly. */
static void counts_do_not_mix(void **state)
{
    static const struct {
        const char *who, *rule;
    } cases[] = {
        { "\"me\"", "t" }, { "\"me2\"", "t" }, { "\"me\"", "#" },
        { "\"t\"", "t" },  { "\"\"", "tt" },
    };
    struct mem_admission g;

    (void)state;
    mem_admission_init(&g, LOTS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct broker_publish p = limited(cases[i].who, cases[i].rule, 1);

        assert_int_equal(pass(&g, &p, START), BROKER_DONE);
        assert_int_equal(pass(&g, &p, START), BROKER_LIMITED);
    }
    mem_admission_done(&g);
}

static void a_key_is_known_for_its_time(void **state)
{
    struct broker_publish p = { .topic = STR("t"), .key = STR("k") };
    struct mem_admission g;
    struct msgid first;

    (void)state;
    mem_admission_init(&g, LOTS);
    assert_int_equal(pass(&g, &p, START), BROKER_DONE);
    assert_false(p.ret_repeated);
    first = p.ret_id;
    p.ret_id = (struct msgid){ 0 };
    assert_int_equal(pass(&g, &p, START + BROKER_KEY_S * 1000 - 1), BROKER_DONE);
    assert_true(p.ret_repeated);
    assert_int_equal(msgid_cmp(p.ret_id, first), 0);
    assert_int_equal(pass(&g, &p, START + BROKER_KEY_S * 1000), BROKER_DONE);
    assert_false(p.ret_repeated);
    assert_true(msgid_cmp(p.ret_id, first) > 0);
    mem_admission_done(&g);
}

/* A full table stops what needs it, and that alone; nothing half noted stays. */
static void a_full_gate_stops_what_needs_it(void **state)
{
    enum { N = 100 };
    struct mem_admission g;
    size_t n = 0;
    uint64_t before;
    char key[16];

    (void)state;
    mem_admission_init(&g, 8192);
    for (; n < N; n++) {
        struct broker_publish p = { .topic = STR("t") };

        p.key = str_make(key, (size_t)snprintf(key, sizeof(key), "%zu", n));
        if (pass(&g, &p, START) == BROKER_FULL)
            break;
    }
    assert_in_range(n, 10, N - 1);
    before = mem_admission_bytes(&g);
    struct broker_publish p = limited("\"me\"", "t", 1);

    p.key = STR("new");
    assert_int_equal(pass(&g, &p, START), BROKER_FULL);
    assert_int_equal(mem_admission_bytes(&g), before);
    p.key = STR("");
    assert_int_equal(pass(&g, &p, START), BROKER_DONE); /* so it was not counted before */
    p.key = STR("new");
    assert_int_equal(pass(&g, &p, START + BROKER_KEY_S * 1000), BROKER_DONE);
    assert_true(mem_admission_expire(&g, START + BROKER_KEY_S * 1000, 1));
    assert_false(mem_admission_expire(&g, START + 2 * BROKER_KEY_S * 1000, N));
    assert_int_equal(mem_admission_bytes(&g), 0);
    mem_admission_done(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_publishes_leave_nothing),
        cmocka_unit_test(an_interval_begins_with_the_first_and_does_not_move),
        cmocka_unit_test(max_0_waits_an_interval_in_vain),
        cmocka_unit_test(counts_do_not_mix),
        cmocka_unit_test(a_key_is_known_for_its_time),
        cmocka_unit_test(a_full_gate_stops_what_needs_it),
    };

    return cmocka_run_group_tests_name("mem_gate", tests, NULL, NULL);
}
