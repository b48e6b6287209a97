#include "ctl/top/top_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/array.h"
#include "ctl/top/top_print.h"
#include "support/assert_str.h"

static const struct top_styles plain = { "", "", "" };
static const struct top_sample busy = { .connections = 1200,
                                        .subscriptions = 34000,
                                        .is_ready = true,
                                        .master = "redis:6379",
                                        .redis_ms = 1 };
static const struct top_sample idle = { .connections = 3, .is_ready = true };
static const struct top_sample cut_off = { .connections = 5, .master = "redis:6379" };
static const struct top_figures rates = {
    { 12.5, 150000, 2048, 3e6, 0, 0 }, { 0 }, 0.0004, 0.0123, 2.048
};
static const struct top_figures slow = { { 1, 2, 3, 4, 0, 0 }, { 0 }, 0.5, INFINITY, 2.048 };
static const struct top_figures quiet = { { 0 }, { 0 }, NAN, NAN, 2.048 };

static void expect_number(double value, const char *want)
{
    struct buf out = { 0 };

    top_number_add(&out, value);
    assert_str(buf_str(&out), want);
    buf_done(&out);
}

static void writes_short_numbers(void **state)
{
    static const struct {
        double value;
        const char *want;
    } cases[] = {
        { 0, "0" },         { 0.04, "0.0" },    { 0.5, "0.5" },       { 7, "7" },
        { 9.94, "9.9" },    { 9.96, "10" },     { 99999.4, "99999" }, { 99999.6, "100k" },
        { 123456, "123k" }, { 999499, "999k" }, { 999500, "1.0M" },   { 1234567, "1.2M" },
        { 56.7e6, "57M" },  { 1.8e19, "18E" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_number(cases[i].value, cases[i].want);
}

static void writes_short_times(void **state)
{
    static const struct {
        double value;
        const char *want;
    } cases[] = {
        { 0, "0.0ms" },     { 0.0003, "0.3ms" }, { 0.00994, "9.9ms" }, { 0.00996, "10ms" },
        { 0.999, "999ms" }, { 0.9996, "1.0s" },  { 2.048, "2.0s" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        top_time_add(&out, cases[i].value);
        assert_str(buf_str(&out), cases[i].want);
        buf_done(&out);
    }
}

static void expect_table(const struct top_row *rows, size_t n, size_t width, const char *want)
{
    struct buf out = { 0 };

    top_table_add(&out, rows, n, width, TOP_BY_OUT, &plain);
    assert_str(buf_str(&out), want);
    buf_done(&out);
}

static void shows_every_column_if_there_is_room(void **state)
{
    static const struct top_row rows[] = {
        { "a:8080", NULL, &busy, &rates, 2, 7 },
        { "b:8080", NULL, &cut_off, &slow, 0, 0 },
        { "c:8080", NULL, &idle, NULL, 0, 0 },
        { "d:8080", "no answer for 2s", NULL, NULL, 0, 1 },
    };

    (void)state;
    expect_table(
        rows, 4, 200,
        "NODE      CONN    SUBS    IN/s  OUT/s*  B IN/s  B OUT/s     P50     P99      REDIS    SLOW"
        "  REFUSED\n"
        "a:8080    1200   34000      12    150k    2048     3.0M   0.4ms    12ms     ok 1ms       2"
        "        7\n"
        "b:8080       5       0       1       2       3        4   500ms   >2.0s       down       0"
        "        0\n"
        "c:8080       3       0       -       -       -        -       -       -   embedded       0"
        "        0\n"
        "d:8080  no answer for 2s\n"
        "all       1208   34000      14    150k    2051     3.0M                                  2"
        "        8\n");
}

static void leaves_out_what_does_not_fit(void **state)
{
    static const struct top_row row = { "a.example.org:8080", NULL, &busy, &rates, 2, 7 };
    static const struct top_row dead = { "a:8080", "cannot connect: connection refused",
                                         NULL,     NULL,
                                         0,        0 };

    (void)state;
    expect_table(
        &row, 1, 80,
        "NODE                  CONN    SUBS    IN/s  OUT/s*     P99      REDIS  REFUSED\n"
        "a.example.org:8080    1200   34000      12    150k    12ms     ok 1ms        7\n");
    expect_table(&row, 1, 42,
                 "NODE                  CONN    IN/s  OUT/s*\n"
                 "a.example.org:8080    1200      12    150k\n");
    expect_table(&dead, 1, 20, "NODE    OUT/s*\na:8080  cannot conne\n");
}

static void marks_what_calls_for_attention(void **state)
{
    static const struct top_styles styles = { "<", "!", ">" };
    static const struct top_row rows[] = {
        { "a:8080", NULL, &busy, &rates, 0, 0 },
        { "b:8080", NULL, &cut_off, &rates, 0, 0 },
        { "c:8080", "no answer", NULL, NULL, 0, 0 },
    };
    struct buf out = { 0 };

    (void)state;
    top_table_add(&out, rows, 3, 50, TOP_BY_NAME, &styles);
    assert_str(buf_str(&out), "<NODE*     CONN    IN/s   OUT/s     P99      REDIS>\n"
                              "a:8080    1200      12    150k    12ms     ok 1ms\n"
                              "b:8080       5      12    150k    12ms!       down>\n"
                              "c:8080  !no answer>\n"
                              "all       1205      25    300k                   \n");
    buf_done(&out);
}

/* No line is ever wider than the terminal. */
static void keeps_to_the_width(void **state)
{
    static const struct top_row rows[] = {
        { "a.example.org:8080", NULL, &busy, &rates, 2, 7 },
        { "b", "cannot connect: connection refused", NULL, NULL, 0, 0 },
    };

    (void)state;
    for (size_t width = 1; width < 200; width++) {
        struct buf out = { 0 };
        struct str text, line;

        top_table_add(&out, rows, 2, width, TOP_BY_NAME, &plain);
        text = buf_str(&out);
        while (str_cut(&text, '\n', &line)) {
            if (line.n > width)
                fail_msg("%zu columns: '%.*s'", width, STR_ARG(line));
        }
        buf_done(&out);
    }
}

static void sorts_rows(void **state)
{
    static const struct {
        enum top_sort by;
        const char *want;
    } cases[] = {
        { TOP_BY_NAME, "abcd" },          { TOP_BY_CONNECTIONS, "acbd" },
        { TOP_BY_SUBSCRIPTIONS, "abcd" }, { TOP_BY_IN, "abcd" },
        { TOP_BY_OUT, "abcd" },           { TOP_BY_LATENCY, "bacd" },
        { TOP_BY_REFUSED, "bacd" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct top_row rows[] = {
            { "d", "no answer", &busy, &rates, 0, 100 },
            { "b", NULL, &idle, &slow, 0, 2 },
            { "c", NULL, &cut_off, &quiet, 0, 0 },
            { "a", NULL, &busy, &rates, 0, 1 },
        };

        top_rows_sort(rows, ARRAY_LEN(rows), cases[i].by);
        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
            if (rows[k].name[0] != cases[i].want[k])
                fail_msg("by %s: row %zu is %s", top_sorts[cases[i].by].name, k, rows[k].name);
        }
    }
}

static struct top_row two[] = {
    { "a:8080", NULL, &busy, &rates, 2, 7 },
    { "d:8080", "no answer for 2s", NULL, NULL, 0, 1 },
};
static const struct top_reasons reasons = { { { "unauthorized", 7 }, { "bad\x1b[31m", 1 } }, 2 };
static const struct top_view example = { .now_ms = UINT64_C(1796042822999),
                                         .interval_ms = 2000,
                                         .rows = two,
                                         .n = 2,
                                         .refusals = &reasons,
                                         .sort = TOP_BY_NAME };

static void fills_a_screen(void **state)
{
    struct buf out = { 0 };

    (void)state;
    top_print_screen(&example, 60, 10, &plain, &out);
    assert_str(buf_str(&out),
               "\x1b[H\x1b[Keventhubctl top   2 nodes, 1 without an answer   every 2s   \r\n"
               "\x1b[KNODE*     CONN    IN/s   OUT/s     P99      REDIS  REFUSED\r\n"
               "\x1b[Ka:8080    1200      12    150k    12ms     ok 1ms        7\r\n"
               "\x1b[Kd:8080  no answer for 2s\r\n"
               "\x1b[Kall       1200      12    150k                           8\r\n"
               "\x1b[Krefused since the start: unauthorized 7, bad\\x1b[31m 1\r\n"
               "\x1b[Jq quit   sort by:  n name  c conn  s subs  i in  o out  l la");
    buf_clear(&out);
    top_print_screen(&example, 20, 2, &plain, &out);
    assert_str(buf_str(&out), "\x1b[H\x1b[Keventhubctl top   2 \r\n\x1b[KNODE*    OUT/s");
    buf_done(&out);
}

static void writes_a_block_and_json(void **state)
{
    struct buf out = { 0 };
    json_t *o = top_print_json(&example);
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(4));

    (void)state;
    top_print_block(&example, &out);
    assert_true(str_starts_with(buf_str(&out), STR("2026-11-30 12:47:02 UTC\nNODE*     CONN")));
    assert_string_equal(
        text,
        "{\"time\":1796042822999,\"nodes\":[{\"node\":\"a:8080\",\"error\":null,\"version\":\"\","
        "\"connections\":1200,\"subscriptions\":34000,\"messages_in_per_s\":12.5,"
        "\"messages_out_per_s\":1.5e5,\"bytes_in_per_s\":2048.0,\"bytes_out_per_s\":3e6,"
        "\"refused_per_s\":0.0,\"delivery_p50_ms\":0.4,\"delivery_p99_ms\":12.3,\"redis\":"
        "{\"state\":\"ok\",\"address\":\"redis:6379\",\"latency_ms\":1},\"slow_clients\":2,"
        "\"refused\":7},{\"node\":\"d:8080\",\"error\":\"no answer for 2s\",\"slow_clients\":0,"
        "\"refused\":1}],\"refused\":{\"unauthorized\":7,\"bad\\u001B[31m\":1}}");
    free(text);
    json_decref(o);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_short_numbers),
        cmocka_unit_test(writes_short_times),
        cmocka_unit_test(shows_every_column_if_there_is_room),
        cmocka_unit_test(leaves_out_what_does_not_fit),
        cmocka_unit_test(marks_what_calls_for_attention),
        cmocka_unit_test(keeps_to_the_width),
        cmocka_unit_test(sorts_rows),
        cmocka_unit_test(fills_a_screen),
        cmocka_unit_test(writes_a_block_and_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
