#include "ctl/bench/bench_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/array.h"

static struct bench_totals totals_of(const struct bench_stats *s)
{
    struct bench_totals t;

    bench_stats_totals(s, &t);
    return t;
}

static void counts_what_arrives_as_it_was_sent(void **state)
{
    struct bench_stats *s = bench_stats_create(2, 3);
    struct bench_totals t;

    (void)state;
    assert_int_equal(bench_stats_send(s, 0), 0);
    assert_int_equal(bench_stats_send(s, 0), 1);
    assert_int_equal(bench_stats_send(s, 1), 0);
    assert_int_equal(bench_stats_due(s), 9);
    for (size_t sub = 0; sub < 3; sub++) {
        bench_stats_receive(s, sub, 0, 0, 1000000);
        bench_stats_receive(s, sub, 1, 0, 2000000);
        bench_stats_receive(s, sub, 0, 1, 3000000);
    }
    t = totals_of(s);
    assert_int_equal(bench_stats_due(s), 0);
    assert_int_equal(t.sent, 3);
    assert_int_equal(t.expected, 9);
    assert_int_equal(t.received, 9);
    assert_int_equal(t.lost + t.doubled + t.out_of_order, 0);
    assert_int_equal(bench_stats_latency(s)->count, 9);
    assert_int_equal(bench_stats_latency(s)->max_ns, 3000000);
    bench_stats_free(s);
}

/* One publisher sends 0 to 5; one subscriber receives the digits of `received`. */
static void finds_each_fault(void **state)
{
    static const struct {
        const char *received;
        uint64_t lost, doubled, out_of_order, due;
    } cases[] = {
        { "012345", 0, 0, 0, 0 },    { "", 6, 0, 0, 6 },         { "0123", 2, 0, 0, 2 },
        { "01345", 1, 0, 0, 0 },     { "2345", 2, 0, 0, 0 },     { "5", 5, 0, 0, 0 },
        { "0012345", 0, 1, 0, 0 },   { "0123455", 0, 1, 0, 0 },  { "0123450", 0, 1, 0, 0 },
        { "012012345", 0, 3, 0, 0 }, { "102345", 0, 0, 1, 0 },   { "012354", 0, 0, 1, 0 },
        { "543210", 0, 0, 5, 0 },    { "501234", 0, 0, 5, 0 },   { "503142", 0, 0, 5, 0 },
        { "0543", 2, 0, 2, 0 },      { "0244135", 0, 1, 2, 0 },  { "0211345", 0, 1, 1, 0 },
        { "13", 4, 0, 0, 2 },        { "01234599", 0, 0, 0, 0 }, /* 9 was not sent */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench_stats *s = bench_stats_create(1, 1);
        struct bench_totals t;

        for (int n = 0; n < 6; n++)
            (void)bench_stats_send(s, 0);
        for (const char *c = cases[i].received; *c; c++)
            bench_stats_receive(s, 0, 0, (uint64_t)(*c - '0'), 1);
        t = totals_of(s);
        if (t.lost != cases[i].lost || t.doubled != cases[i].doubled ||
            t.out_of_order != cases[i].out_of_order || bench_stats_due(s) != cases[i].due)
            fail_msg("'%s': %d lost, %d doubled, %d out of order, %d due", cases[i].received,
                     (int)t.lost, (int)t.doubled, (int)t.out_of_order, (int)bench_stats_due(s));
        bench_stats_free(s);
    }
}

/* Messages of one publisher to one subscriber say nothing about the others. */
static void keeps_pairs_apart(void **state)
{
    struct bench_stats *s = bench_stats_create(2, 2);
    struct bench_totals t;

    (void)state;
    for (int i = 0; i < 4; i++)
        (void)bench_stats_send(s, (size_t)i % 2);
    bench_stats_receive(s, 0, 0, 1, 1); /* leaves a hole */
    bench_stats_receive(s, 0, 1, 0, 1);
    bench_stats_receive(s, 1, 0, 0, 1);
    bench_stats_receive(s, 1, 1, 0, 1);
    bench_stats_receive(s, 1, 1, 0, 1); /* doubled: it does not fill the hole of another pair */
    bench_stats_receive(s, 0, 2, 0, 1); /* no such publisher */
    t = totals_of(s);
    assert_int_equal(t.received, 4);
    assert_int_equal(t.doubled, 1);
    assert_int_equal(t.out_of_order, 0);
    assert_int_equal(bench_stats_due(s), 3);
    bench_stats_free(s);
}

static void counts_more_holes_than_it_notes(void **state)
{
    const uint64_t n = 2 * (BENCH_HOLES_MAX + 100);
    struct bench_stats *s = bench_stats_create(1, 1);
    struct bench_totals t;

    (void)state;
    for (uint64_t i = 0; i < n; i++)
        (void)bench_stats_send(s, 0);
    for (uint64_t i = 1; i < n; i += 2)
        bench_stats_receive(s, 0, 0, i, 1);
    assert_int_equal(totals_of(s).lost, n / 2);
    assert_int_equal(bench_stats_due(s), 0);
    bench_stats_receive(s, 0, 0, 0, 1);
    bench_stats_receive(s, 0, 0, n - 2, 1);
    t = totals_of(s);
    assert_int_equal(t.lost, n / 2 - 1);
    assert_int_equal(t.out_of_order, 1);
    assert_int_equal(t.doubled, 1);
    bench_stats_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_arrives_as_it_was_sent),
        cmocka_unit_test(finds_each_fault),
        cmocka_unit_test(keeps_pairs_apart),
        cmocka_unit_test(counts_more_holes_than_it_notes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
