#include "ctl/top/top_figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "hub/metrics.h"

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

/* Scrapes the cell as a server writes it. */
static struct top_sample scrape(struct metrics_cell *cell, uint64_t at_ms)
{
    struct metrics_cell *const cells[] = { cell };
    const struct metrics_source source = {
        .cells = cells, .n_cells = 1, .version = STR("1.2.3"), .master = STR("10.0.0.5:6379")
    };
    struct top_sample s;
    struct buf out = { 0 };

    metrics_write_json(&source, &out);
    assert_true(top_sample_parse(buf_str(&out), at_ms, &s));
    buf_done(&out);
    return s;
}

static void reads_what_a_server_writes(void **state)
{
    static struct metrics_cell cell;
    struct top_sample s;

    (void)state;
    metrics_set(&cell, METRIC_CONNECTIONS, 7);
    metrics_set(&cell, METRIC_SUBSCRIPTIONS, 9);
    metrics_set(&cell, METRIC_PUBLISHED, 1);
    metrics_set(&cell, METRIC_DELIVERIES, 2);
    metrics_set(&cell, METRIC_BYTES_IN, 3);
    metrics_set(&cell, METRIC_BYTES_OUT, 4);
    metrics_set(&cell, METRIC_CLOSED_SLOW, 5);
    metrics_set(&cell, METRIC_CLOSED_MEMORY, 6);
    metrics_set(&cell, METRIC_REFUSED_AUTH, 10);
    metrics_set(&cell, METRIC_REFUSED_PER_IP, 20);
    metrics_set(&cell, METRIC_BROKER_CONNECTED, 1);
    metrics_set(&cell, METRIC_PUBLISH_DELAY_MS, 3);
    metrics_set(&cell, METRIC_PROCESS_START_S, 1796040240);
    metrics_observe_us(&cell, METRIC_DELIVERY_SECONDS, 1500, 8);
    s = scrape(&cell, 1000);
    assert_int_equal(s.at_ms, 1000);
    assert_int_equal(s.connections, 7);
    assert_int_equal(s.subscriptions, 9);
    assert_int_equal(s.counter[TOP_MESSAGES_IN], 1);
    assert_int_equal(s.counter[TOP_MESSAGES_OUT], 2);
    assert_int_equal(s.counter[TOP_BYTES_IN], 3);
    assert_int_equal(s.counter[TOP_BYTES_OUT], 4);
    assert_int_equal(s.counter[TOP_SLOW], 11);
    assert_int_equal(s.counter[TOP_REFUSED], 30);
    assert_true(s.is_ready);
    assert_int_equal(s.redis_ms, 3);
    assert_int_equal(s.start_s, 1796040240);
    assert_string_equal(s.master, "10.0.0.5:6379");
    assert_string_equal(s.version, "1.2.3");
    assert_int_equal(s.delivery.n, METRIC_BUCKETS);
    assert_int_equal(s.delivery.upto[1], 0);
    assert_int_equal(s.delivery.upto[2], 8);
    assert_true(is_near(s.delivery.bound[2], 0.002));
    assert_true(isinf(s.delivery.bound[METRIC_BUCKETS - 1]));
}

static void refuses_other_texts(void **state)
{
    static const char *const texts[] = {
        "",
        "hello",
        "[]",
        "{}",
        "{\"deliveries_total\":1}",
        "{\"current_connections_count\":1,\"deliveries_total\":\"1\"}"
    };
    struct top_sample s;

    (void)state;
    assert_false(top_sample_parse((struct str){ NULL, 0 }, 1, &s));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(top_sample_parse(str_of(texts[i]), 1, &s));
}

/* A peer may send anything: members are of any type and number, and texts of any length. */
static void keeps_its_bounds(void **state)
{
    struct buf text = { 0 };
    struct top_sample s;

    (void)state;
    buf_add_str(&text, STR("{\"current_connections_count\":-1,\"deliveries_total\":1e300,"));
    buf_add_str(&text, STR("\"deliveries_total\":1,\"subscriptions\":[],\"disconnects_total\":3,"
                           "\"redis_master_info\":{\"address\":\""));
    for (size_t i = 0; i < 1000; i++)
        buf_add_char(&text, 'x');
    buf_add_str(&text, STR("\"},\"refused_requests_total\":{"));
    for (size_t i = 0; i < 100; i++)
        buf_addf(&text, "%s\"reason%zu\":1", i ? "," : "", i);
    buf_add_str(&text, STR("},\"delivery_duration_seconds\":{\"buckets\":{"));
    for (size_t i = 0; i < 100; i++)
        buf_addf(&text, "%s\"%zu\":1", i ? "," : "", i);
    buf_add_str(&text, STR("}}}"));
    assert_true(top_sample_parse(buf_str(&text), 1, &s));
    assert_int_equal(s.connections, 0);
    assert_int_equal(strlen(s.master), TOP_TEXT_MAX - 1);
    assert_int_equal(s.refusals.n, TOP_REASONS);
    assert_int_equal(s.counter[TOP_REFUSED], TOP_REASONS);
    assert_int_equal(s.delivery.n, TOP_BUCKETS);
    buf_done(&text);
}

static void computes_rates(void **state)
{
    static struct metrics_cell cell;
    struct top_sample before = scrape(&cell, 1000), after;
    struct top_figures f;

    (void)state;
    metrics_add(&cell, METRIC_PUBLISHED, 50);
    metrics_add(&cell, METRIC_BYTES_OUT, 1);
    metrics_add(&cell, METRIC_REFUSED_RATE, 4);
    after = scrape(&cell, 3000);
    assert_true(top_figures_between(&before, &after, &f));
    assert_true(is_near(f.rate[TOP_MESSAGES_IN], 25));
    assert_true(is_near(f.rate[TOP_BYTES_OUT], 0.5));
    assert_int_equal(f.added[TOP_REFUSED], 4);
    assert_true(isnan(f.p50_s));
    assert_true(is_near(f.largest_s, 2.048));
}

static void says_nothing_over_a_restart(void **state)
{
    static struct metrics_cell cell, fewer;
    struct top_sample before, after;
    struct top_figures f;

    (void)state;
    metrics_set(&cell, METRIC_PUBLISHED, 50);
    before = scrape(&cell, 1000);
    after = scrape(&fewer, 3000);
    assert_false(top_figures_between(&before, &after, &f));
    after = scrape(&cell, 1000); /* no time has passed */
    assert_false(top_figures_between(&before, &after, &f));
    metrics_set(&cell, METRIC_PROCESS_START_S, 1);
    after = scrape(&cell, 3000);
    assert_false(top_figures_between(&before, &after, &f));
}

static void interpolates_quantiles(void **state)
{
    static const struct top_histogram empty = { { 1, 2, 4, INFINITY }, { 0, 0, 0, 0 }, 4 };
    static const struct {
        uint64_t upto[4];
        double q, want;
    } cases[] = {
        { { 0, 0, 0, 0 }, 0.5, NAN },
        { { 10, 10, 10, 10 }, 0.5, 0.5 },
        { { 10, 10, 10, 10 }, 0.99, 0.99 },
        { { 0, 0, 10, 10 }, 0.5, 3 },
        { { 50, 50, 100, 100 }, 0.5, 1 },
        { { 50, 50, 100, 100 }, 0.75, 3 },
        { { 0, 0, 0, 1 }, 0.5, INFINITY },
        { { 99, 99, 99, 100 }, 0.99, 1 },
        { { 98, 98, 98, 100 }, 0.99, INFINITY },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct top_histogram h = empty;
        double got;

        memcpy(h.upto, cases[i].upto, sizeof(cases[i].upto));
        got = top_quantile(&empty, &h, cases[i].q);
        if (isnan(cases[i].want)   ? !isnan(got)
            : isinf(cases[i].want) ? !isinf(got)
                                   : !is_near(got, cases[i].want))
            fail_msg("case %zu: want %g, got %g", i, cases[i].want, got);
    }
}

static void takes_quantiles_of_what_is_new(void **state)
{
    static const struct top_histogram before = { { 1, 2, INFINITY }, { 1000, 1000, 1000 }, 3 };
    static const struct top_histogram after = { { 1, 2, INFINITY }, { 1000, 1010, 1010 }, 3 };
    static const struct top_histogram other = { { 1, INFINITY }, { 5, 5 }, 2 };
    static const struct top_histogram none = { .n = 0 };

    (void)state;
    assert_true(is_near(top_quantile(&before, &after, 0.5), 1.5));
    assert_true(isnan(top_quantile(&other, &after, 0.5)));
    assert_true(isnan(top_quantile(&none, &none, 0.5)));
}

static void sums_refusals_by_reason(void **state)
{
    struct top_sample before = { .refusals = { { { "auth", 3 }, { "rate", 1 } }, 2 } };
    struct top_sample after = { .refusals = { { { "auth", 5 }, { "rate", 1 }, { "new", 2 } }, 3 } };
    struct top_reasons sum = { .n = 0 };

    (void)state;
    top_reasons_add(&sum, &before, &after);
    top_reasons_add(&sum, &before, &after);
    assert_int_equal(sum.n, 2);
    assert_string_equal(sum.at[0].name, "auth");
    assert_int_equal(sum.at[0].count, 4);
    assert_string_equal(sum.at[1].name, "new");
    assert_int_equal(sum.at[1].count, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_a_server_writes),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(computes_rates),
        cmocka_unit_test(says_nothing_over_a_restart),
        cmocka_unit_test(interpolates_quantiles),
        cmocka_unit_test(takes_quantiles_of_what_is_new),
        cmocka_unit_test(sums_refusals_by_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
