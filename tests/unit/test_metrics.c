#include "hub/metrics.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/array.h"

#define CELLS      2
#define MAX_LINES  400
#define BASE_VALUE 1000

struct fixture {
    struct metrics_cell cell[CELLS];
    struct metrics_cell *cells[CELLS];
    struct metrics_source src;
    struct buf out;
};

static struct fixture *fixture_new(void)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    for (size_t i = 0; i < CELLS; i++)
        f->cells[i] = &f->cell[i];
    f->src = (struct metrics_source){
        f->cells, CELLS, STR("eh"), STR("1.2.3"), STR("redis.example:6379"),
    };
    return f;
}

static void fixture_free(struct fixture *f)
{
    buf_done(&f->out);
    free(f);
}

static const char *prometheus(struct fixture *f)
{
    buf_clear(&f->out);
    metrics_write_prometheus(&f->src, &f->out);
    buf_add_char(&f->out, '\0');
    return buf_head(&f->out);
}

static json_t *json(struct fixture *f)
{
    json_t *tree;

    buf_clear(&f->out);
    metrics_write_json(&f->src, &f->out);
    tree = json_loadb(buf_head(&f->out), buf_used(&f->out), JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(tree));
    return tree;
}

static void expect_line(struct fixture *f, const char *line)
{
    char whole[256];

    (void)snprintf(whole, sizeof(whole), "\n%s\n", line);
    if (!strstr(prometheus(f), whole))
        fail_msg("the line '%s' is missing in:\n%s", line, buf_head(&f->out));
}

/* Each metric gets its own value, which must appear under the documented name. */
static void exports_the_documented_names(void **state)
{
    static const struct {
        enum metric m;
        const char *sample;
    } cases[] = {
        { METRIC_WORKERS, "eh_worker_count" },
        { METRIC_PUBLISHED, "eh_publish_count" },
        { METRIC_REDIS_FAILS, "eh_redis_connection_fail_count" },
        { METRIC_PUBLISH_DELAY_MS, "eh_redis_publish_delay_ms" },
        { METRIC_CONNECTIONS, "eh_current_connections_count" },
        { METRIC_CONNECTS, "eh_total_connect_count" },
        { METRIC_DISCONNECTS, "eh_total_disconnect_count" },
        { METRIC_LOOP_DELAY_MS, "eh_eventloop_delay_ms" },
        { METRIC_MESSAGES_IN, "eh_websocket_messages_received_total" },
        { METRIC_DELIVERIES, "eh_deliveries_total" },
        { METRIC_SUBSCRIPTIONS, "eh_subscriptions" },
        { METRIC_CLOSED_CLIENT, "eh_disconnects_total{reason=\"client\"}" },
        { METRIC_CLOSED_RESET, "eh_disconnects_total{reason=\"reset\"}" },
        { METRIC_REFUSED_AUTH, "eh_refused_requests_total{reason=\"unauthorized\"}" },
        { METRIC_REFUSED_BROKER, "eh_refused_requests_total{reason=\"broker_unavailable\"}" },
        { METRIC_DEFLATE_IN, "eh_deflate_input_bytes_total" },
        { METRIC_DEFLATE_OUT, "eh_deflate_output_bytes_total" },
        { METRIC_INFLATE_IN, "eh_inflate_input_bytes_total" },
        { METRIC_INFLATE_OUT, "eh_inflate_output_bytes_total" },
        { METRIC_INFLATE_REFUSED, "eh_inflate_refused_total" },
        { METRIC_HISTORY_INCOMPLETE, "eh_history_requests_total{outcome=\"incomplete\"}" },
        { METRIC_BROKER_CONNECTED, "eh_broker_connected" },
        { METRIC_MASTER_CHANGES, "eh_redis_master_changes_total" },
        { METRIC_PROCESS_START_S, "process_start_time_seconds" },
        { METRIC_PROCESS_RSS, "process_resident_memory_bytes" },
        { METRIC_PROCESS_FDS, "process_open_fds" },
        { METRIC_PROCESS_MAX_FDS, "process_max_fds" },
        { METRIC_OUTPUT_LIMIT, "eh_output_memory_limit_bytes" },
        { METRIC_CONNECTIONS_LIMIT, "eh_connections_limit" },
        { METRIC_LOG_DROPPED, "eh_log_lines_dropped_total" },
    };
    struct fixture *f = fixture_new();
    char line[128];

    (void)state;
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        metrics_set(&f->cell[0], m, BASE_VALUE + m);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(line, sizeof(line), "%s %d", cases[i].sample, BASE_VALUE + (int)cases[i].m);
        expect_line(f, line);
    }
    (void)snprintf(line, sizeof(line), "process_cpu_seconds_total 1.%03d",
                   (int)METRIC_PROCESS_CPU_MS);
    expect_line(f, line);
    fixture_free(f);
}

static void writes_each_metric_once(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        bool is_in_ms = m == METRIC_PROCESS_CPU_MS || m == METRIC_MASTERLESS_MS;
        const char *value = is_in_ms ? " 777.777\n" : " 777777\n", *at;

        metrics_set(&f->cell[1], m, 777777);
        at = strstr(prometheus(f), value);
        if (!at || strstr(at + 1, value))
            fail_msg("metric %d does not have exactly one sample", (int)m);
        metrics_set(&f->cell[1], m, 0);
    }
    fixture_free(f);
}

static void adds_up_cells_or_takes_their_maximum(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    metrics_set(&f->cell[0], METRIC_PUBLISHED, 40);
    metrics_inc(&f->cell[1], METRIC_PUBLISHED);
    metrics_add(&f->cell[1], METRIC_PUBLISHED, 1);
    metrics_set(&f->cell[0], METRIC_LOOP_DELAY_MS, 7);
    metrics_set(&f->cell[1], METRIC_LOOP_DELAY_MS, 5);
    metrics_add(&f->cell[0], METRIC_BROKER_QUEUE, 3);
    metrics_add(&f->cell[1], METRIC_BROKER_QUEUE, -2);
    metrics_set(&f->cell[0], METRIC_PROCESS_CPU_MS, 12034);
    expect_line(f, "eh_publish_count 42");
    expect_line(f, "eh_eventloop_delay_ms 7");
    expect_line(f, "eh_broker_queue_requests 1");
    expect_line(f, "process_cpu_seconds_total 12.034");
    fixture_free(f);
}

static void adds_the_prefix_to_names(void **state)
{
    struct fixture *f = fixture_new();

    (void)state;
    f->src.prefix = STR("");
    expect_line(f, "publish_count 0");
    expect_line(f, "build_info{version=\"1.2.3\"} 1");
    expect_line(f, "process_open_fds 0");
    f->src.prefix = STR("my_app");
    f->src.version = STR("a\"b\\c\n");
    expect_line(f, "my_app_publish_count 0");
    expect_line(f, "my_app_build_info{version=\"a\\\"b\\\\c\\n\"} 1");
    expect_line(f, "my_app_redis_master_info{address=\"redis.example:6379\"} 1");
    f->src.master = STR("");
    expect_line(f, "my_app_redis_master_info{address=\"\"} 0");
    expect_line(f, "process_open_fds 0");
    expect_line(f, "my_app_delivery_duration_seconds_count 0");
    fixture_free(f);
}

static void counts_observations_in_buckets(void **state)
{
    static const uint64_t observed[] = { 0, 500, 501, 1000, 2048000, 2048001, 3600000000 };
    struct fixture *f = fixture_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(observed); i++)
        metrics_observe_us(&f->cell[i % CELLS], METRIC_BROKER_SECONDS, observed[i], 1);
    expect_line(f, "# TYPE eh_broker_request_duration_seconds histogram");
    expect_line(f, "eh_broker_request_duration_seconds_bucket{le=\"0.0005\"} 2");
    expect_line(f, "eh_broker_request_duration_seconds_bucket{le=\"0.001\"} 4");
    expect_line(f, "eh_broker_request_duration_seconds_bucket{le=\"1.024\"} 4");
    expect_line(f, "eh_broker_request_duration_seconds_bucket{le=\"2.048\"} 5");
    expect_line(f, "eh_broker_request_duration_seconds_bucket{le=\"+Inf\"} 7");
    expect_line(f, "eh_broker_request_duration_seconds_sum 3604.098002");
    expect_line(f, "eh_broker_request_duration_seconds_count 7");
    expect_line(f, "eh_delivery_duration_seconds_count 0");
    fixture_free(f);
}

/* The labels must be the bounds by which observations are counted. */
static void labels_buckets_with_their_bounds(void **state)
{
    struct fixture *f = fixture_new();
    uint64_t us = 500;
    char line[128];

    (void)state;
    for (unsigned b = 0; b < METRIC_BUCKETS - 1; b++, us *= 2) {
        metrics_observe_us(&f->cell[0], METRIC_DELIVERY_SECONDS, us, 1);
        (void)snprintf(line, sizeof(line), "eh_delivery_duration_seconds_bucket{le=\"%g\"} %u",
                       (double)us / 1e6, b + 1);
        expect_line(f, line);
    }
    fixture_free(f);
}

/* Returns the length of the family name at the start of a sample, which may have the ending of a
 * histogram; 0: the sample belongs to another family. */
static size_t family_length(const char *sample, const char *family)
{
    static const char *const endings[] = { "", "_bucket", "_sum", "_count" };
    size_t n = strcspn(sample, "{ "), f = strlen(family);

    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t e = strlen(endings[i]);

        if (n == f + e && memcmp(sample, family, f) == 0 && memcmp(sample + f, endings[i], e) == 0)
            return f;
    }
    return 0;
}

static void check_family(const char *help, const char *type, char *ret_name, char *ret_type)
{
    char name[128], text[256];

    if (sscanf(help, "# HELP %127s %255[^\n]", name, text) != 2)
        fail_msg("no HELP: %s", help);
    if (sscanf(type, "# TYPE %127s %15s", ret_name, ret_type) != 2)
        fail_msg("no TYPE: %s", type);
    assert_string_equal(name, ret_name);
    assert_true(strcmp(ret_type, "counter") == 0 || strcmp(ret_type, "gauge") == 0 ||
                strcmp(ret_type, "histogram") == 0);
}

static bool is_of_cpp_eventhub(const char *name)
{
    static const char *const names[] = { "publish_count", "redis_connection_fail_count",
                                         "total_connect_count", "total_disconnect_count" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void check_name(const char *name, const char *type)
{
    const char *end = strstr(name, "_total");
    bool is_total = end && end[6] == '\0';

    if (!is_of_cpp_eventhub(name) && is_total != (strcmp(type, "counter") == 0))
        fail_msg("%s is a %s", name, type);
}

/* Each family appears once, as HELP, TYPE and all its samples. */
static void groups_samples_by_family(void **state)
{
    struct fixture *f = fixture_new();
    char *line[MAX_LINES], *rest, families[MAX_LINES][128], type[16];
    size_t n = 0, n_families = 0, i = 0;

    (void)state;
    f->src.prefix = STR("");
    rest = (char *)(uintptr_t)prometheus(f);
    assert_true(buf_head(&f->out)[buf_used(&f->out) - 2] == '\n');
    for (char *l = strtok_r(rest, "\n", &rest); l; l = strtok_r(NULL, "\n", &rest)) {
        assert_true(n < MAX_LINES);
        line[n++] = l;
    }
    while (i + 2 < n) {
        char *name = families[n_families++];

        check_family(line[i], line[i + 1], name, type);
        check_name(name, type);
        for (size_t k = 0; k + 1 < n_families; k++)
            assert_string_not_equal(families[k], name);
        i += 2;
        assert_true(family_length(line[i], name));
        while (i < n && family_length(line[i], name))
            i++;
    }
    assert_int_equal(i, n);
    fixture_free(f);
}

static void writes_json(void **state)
{
    struct fixture *f = fixture_new();
    json_t *tree, *closed, *histogram, *buckets;

    (void)state;
    metrics_set(&f->cell[0], METRIC_WORKERS, 4);
    metrics_set(&f->cell[0], METRIC_CLOSED_SLOW, 9);
    metrics_set(&f->cell[0], METRIC_PROCESS_CPU_MS, 1500);
    metrics_observe_us(&f->cell[0], METRIC_DELIVERY_SECONDS, 250000, 1);
    tree = json(f);
    assert_int_equal(json_integer_value(json_object_get(tree, "worker_count")), 4);
    closed = json_object_get(tree, "disconnects_total");
    assert_int_equal(json_object_size(closed), METRIC_CLOSED_RESET - METRIC_CLOSED_CLIENT + 1);
    assert_int_equal(json_integer_value(json_object_get(closed, "slow_reader")), 9);
    assert_true(json_real_value(json_object_get(tree, "process_cpu_seconds_total")) == 1.5);
    histogram = json_object_get(tree, "delivery_duration_seconds");
    assert_int_equal(json_integer_value(json_object_get(histogram, "count")), 1);
    assert_true(json_real_value(json_object_get(histogram, "sum")) == 0.25);
    buckets = json_object_get(histogram, "buckets");
    assert_int_equal(json_object_size(buckets), METRIC_BUCKETS);
    assert_int_equal(json_integer_value(json_object_get(buckets, "0.128")), 0);
    assert_int_equal(json_integer_value(json_object_get(buckets, "0.256")), 1);
    assert_int_equal(json_integer_value(json_object_get(buckets, "+Inf")), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(tree, "build_info"), "version")),
        "1.2.3");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(tree, "redis_master_info"), "address")),
        "redis.example:6379");
    json_decref(tree);
    fixture_free(f);
}

/* Dashboards of the C++ Eventhub read these as plain numbers at the top level. */
static void keeps_the_json_names_of_the_cpp_eventhub(void **state)
{
    static const char *const names[] = {
        "worker_count",
        "publish_count",
        "redis_connection_fail_count",
        "redis_publish_delay_ms",
        "current_connections_count",
        "total_connect_count",
        "total_disconnect_count",
        "eventloop_delay_ms",
    };
    struct fixture *f = fixture_new();
    json_t *tree = json(f);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(json_is_integer(json_object_get(tree, names[i])));
    json_decref(tree);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_the_documented_names),
        cmocka_unit_test(writes_each_metric_once),
        cmocka_unit_test(adds_up_cells_or_takes_their_maximum),
        cmocka_unit_test(adds_the_prefix_to_names),
        cmocka_unit_test(counts_observations_in_buckets),
        cmocka_unit_test(labels_buckets_with_their_bounds),
        cmocka_unit_test(groups_samples_by_family),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(keeps_the_json_names_of_the_cpp_eventhub),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
