#include "ctl/bench/bench_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

static const struct bench_plan plan = { .subs = 1000, .pubs = 1, .window = 16, .size = 128 };
static const struct bench_result result = {
    .connect_us = 500000, .publishes = 12000, .deliveries = 12000000, .measured_us = 10000000
};
static struct histogram latency;

static struct bench_report report_of(const struct bench_plan *p, struct bench_totals totals)
{
    latency = (struct histogram){ 0 };
    for (int i = 0; i < 100; i++)
        histogram_add(&latency, 1 << 20); /* the edge of a bucket: it is reported exactly */
    return (
        struct bench_report){ .plan = p, .result = &result, .totals = totals, .latency = &latency };
}

static void prints_a_table(void **state)
{
    const struct bench_report r =
        report_of(&plan, (struct bench_totals){ .out_of_order = 1234567 });
    struct buf out = { 0 };

    (void)state;
    bench_report_add_table(&out, &r);
    assert_str(buf_str(&out),
               "1000 subscribers, 1 publisher, messages of 128 bytes, 16 in flight at a time\n\n"
               "connects               1,001   in 0.50 s          2,002 per second\n"
               "publishes             12,000   in 10.00 s          1,200 per second\n"
               "deliveries        12,000,000   in 10.00 s      1,200,000 per second\n"
               "latency         p50 1.05 ms   p90 1.05 ms   p99 1.05 ms   max 1.05 ms\n"
               "lost                       0\n"
               "doubled                    0\n"
               "out of order       1,234,567\n");
    buf_done(&out);
}

static void names_the_rate(void **state)
{
    const struct bench_plan p = { .subs = 1, .pubs = 2, .rate = 50, .window = 16, .size = 64 };
    const struct bench_report r = report_of(&p, (struct bench_totals){ 0 });
    struct str want = STR("1 subscriber, 2 publishers, messages of 64 bytes, 50 per second\n");
    struct buf out = { 0 };

    (void)state;
    bench_report_add_table(&out, &r);
    assert_true(str_starts_with(buf_str(&out), want));
    buf_done(&out);
}

static void makes_json(void **state)
{
    const struct bench_report r =
        report_of(&plan, (struct bench_totals){ .sent = 12001, .received = 12000999, .lost = 1 });
    json_auto_t *got = bench_report_json(&r);
    json_t *per_second = json_object_get(got, "per_second");

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(got, "published")), 12001);
    assert_int_equal(json_integer_value(json_object_get(got, "delivered")), 12000999);
    assert_int_equal(json_integer_value(json_object_get(got, "lost")), 1);
    assert_true(json_real_value(json_object_get(per_second, "deliveries")) == 1200000);
    assert_non_null(json_object_get(json_object_get(got, "latency_ms"), "p90"));
}

static void judges(void **state)
{
    static const struct {
        struct bench_totals totals;
        const char *why;
    } cases[] = {
        { { .expected = 9, .received = 9 }, "" },
        { { .expected = 9, .lost = 1 },
          "of 9 deliveries, 1 were lost, 0 doubled and 0 out of order: " },
        { { .expected = 9, .doubled = 2 },
          "of 9 deliveries, 0 were lost, 2 doubled and 0 out of order: " },
        { { .expected = 9, .out_of_order = 3 },
          "of 9 deliveries, 0 were lost, 0 doubled and 3 out of order: " },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct bench_report r = report_of(&plan, cases[i].totals);
        struct buf why = { 0 };

        assert_int_equal(bench_report_is_good(&r, &why), i == 0);
        assert_true(str_starts_with(buf_str(&why), str_of(cases[i].why)));
        buf_done(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_a_table),
        cmocka_unit_test(names_the_rate),
        cmocka_unit_test(makes_json),
        cmocka_unit_test(judges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
