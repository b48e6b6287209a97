#include "hub/metrics.h"

#include <inttypes.h>
#include <stdbool.h>

#include "hub/metrics_table.h"
#include "proto/json.h"

static const struct {
    const char *name, *help;
    bool is_size; /* else a time */
} histograms[METRIC_HISTOGRAM_COUNT] = {
    [METRIC_BROKER_SECONDS] = { "broker_request_duration_seconds",
                                "Time from a request to the broker to its answer.", false },
    [METRIC_DELIVERY_SECONDS] = { "delivery_duration_seconds",
                                  "Time from a message's id to the subscriber's queue.", false },
    [METRIC_REPLAY_SECONDS] = { "broker_replay_duration_seconds",
                                "Time that a replay took until live messages went on.", false },
    [METRIC_REDIS_BATCH] = { "redis_publish_batch_size",
                             "Publishes that one command to Redis carries.", true },
};

#define FIRST_BOUND_US 500 /* each bound is twice the one before */

static const char *const bounds[][METRIC_BUCKETS] = {
    { "0.0005", "0.001", "0.002", "0.004", "0.008", "0.016", "0.032", "0.064", "0.128", "0.256",
      "0.512", "1.024", "2.048", "+Inf" },
    { "1", "2", "4", "8", "16", "32", "64", "128", "256", "512", "1024", "2048", "4096", "+Inf" },
};

static void cell_add(_Atomic uint64_t *cell, uint64_t n) /* owner only, like metrics_add */
{
    uint64_t old = atomic_load_explicit(cell, memory_order_relaxed);

    atomic_store_explicit(cell, old + n, memory_order_relaxed);
}

static void observe(struct metrics_cell *c, enum metric_histogram h, uint64_t value,
                    uint64_t first_bound, uint64_t times)
{
    unsigned i = 0;

    while (i < METRIC_BUCKETS - 1 && value > first_bound << i)
        i++;
    cell_add(&c->bucket[h][i], times);
    cell_add(&c->sum[h], value * times);
}

void metrics_observe_us(struct metrics_cell *c, enum metric_histogram h, uint64_t us,
                        uint64_t times)
{
    observe(c, h, us, FIRST_BOUND_US, times);
}

void metrics_observe_size(struct metrics_cell *c, enum metric_histogram h, uint64_t size)
{
    observe(c, h, size, 1, 1);
}

/* ---- sums over the cells ---- */

struct observed {
    uint64_t upto[METRIC_BUCKETS]; /* cumulative; the last is the count */
    uint64_t sum;
};

/* Sums are modulo 2^64, so that a gauge may go up in one cell and down in another. */
static uint64_t total(const struct metrics_source *src, enum metric m)
{
    uint64_t result = 0;

    for (size_t i = 0; i < src->n_cells; i++) {
        uint64_t v = metrics_get(src->cells[i], m);

        if (!(metrics_table[m].traits & MAX))
            result += v;
        else if (v > result)
            result = v;
    }
    return result;
}

static struct observed observed(const struct metrics_source *src, enum metric_histogram h)
{
    struct observed o = { 0 };

    for (size_t i = 0; i < src->n_cells; i++) {
        const struct metrics_cell *c = src->cells[i];

        for (size_t b = 0; b < METRIC_BUCKETS; b++)
            o.upto[b] += atomic_load_explicit(&c->bucket[h][b], memory_order_relaxed);
        o.sum += atomic_load_explicit(&c->sum[h], memory_order_relaxed);
    }
    for (size_t b = 1; b < METRIC_BUCKETS; b++)
        o.upto[b] += o.upto[b - 1];
    return o;
}

static void add_value(struct buf *out, const struct metrics_source *src, enum metric m)
{
    uint64_t v = total(src, m);

    if (metrics_table[m].traits & MILLIS)
        buf_addf(out, "%" PRIu64 ".%03u", v / 1000, (unsigned)(v % 1000));
    else
        buf_addf(out, "%" PRId64, (int64_t)v);
}

static void add_seconds(struct buf *out, uint64_t us)
{
    buf_addf(out, "%" PRIu64 ".%06u", us / 1000000, (unsigned)(us % 1000000));
}

static bool same_family(enum metric a, enum metric b)
{
    return strcmp(metrics_table[a].name, metrics_table[b].name) == 0;
}

static bool begins_family(enum metric m)
{
    return m == 0 || !same_family(m, m - 1);
}

static bool ends_family(enum metric m)
{
    return m + 1 == METRIC_COUNT || !same_family(m, m + 1);
}

/* ---- Prometheus ---- */

static void add_name(struct buf *out, struct str prefix, const char *name)
{
    if (prefix.n) {
        buf_add_str(out, prefix);
        buf_add_char(out, '_');
    }
    buf_add_str(out, str_of(name));
}

static void add_head(struct buf *out, struct str prefix, const char *name, const char *help,
                     const char *type)
{
    buf_add_str(out, STR("# HELP "));
    add_name(out, prefix, name);
    buf_addf(out, " %s\n# TYPE ", help);
    add_name(out, prefix, name);
    buf_addf(out, " %s\n", type);
}

static void series_prometheus(struct buf *out, const struct metrics_source *src, enum metric m)
{
    const struct metric_series *s = &metrics_table[m];
    struct str prefix = s->traits & BARE ? STR("") : src->prefix;

    if (begins_family(m))
        add_head(out, prefix, s->name, s->help, s->traits & GAUGE ? "gauge" : "counter");
    add_name(out, prefix, s->name);
    if (s->label)
        buf_addf(out, "{%s=\"%s\"}", s->label, s->value);
    buf_add_char(out, ' ');
    add_value(out, src, m);
    buf_add_char(out, '\n');
}

static void add_sum(struct buf *out, enum metric_histogram h, uint64_t sum)
{
    if (histograms[h].is_size)
        buf_addf(out, "%" PRIu64, sum);
    else
        add_seconds(out, sum);
}

static void histogram_prometheus(struct buf *out, const struct metrics_source *src,
                                 enum metric_histogram h)
{
    const char *name = histograms[h].name;
    struct observed o = observed(src, h);

    add_head(out, src->prefix, name, histograms[h].help, "histogram");
    for (size_t b = 0; b < METRIC_BUCKETS; b++) {
        add_name(out, src->prefix, name);
        buf_addf(out, "_bucket{le=\"%s\"} %" PRIu64 "\n", bounds[histograms[h].is_size][b],
                 o.upto[b]);
    }
    add_name(out, src->prefix, name);
    buf_add_str(out, STR("_sum "));
    add_sum(out, h, o.sum);
    buf_add_char(out, '\n');
    add_name(out, src->prefix, name);
    buf_addf(out, "_count %" PRIu64 "\n", o.upto[METRIC_BUCKETS - 1]);
}

static void info_prometheus(struct buf *out, struct str prefix, const char *name, const char *label,
                            struct str value)
{
    add_name(out, prefix, name);
    buf_addf(out, "{%s=", label);
    json_add_string(out, value); /* JSON escapes everything that a label value must */
    buf_addf(out, "} %d\n", value.n > 0);
}

void metrics_write_prometheus(const struct metrics_source *src, struct buf *out)
{
    for (enum metric m = 0; m < METRIC_COUNT; m++)
        series_prometheus(out, src, m);
    for (enum metric_histogram h = 0; h < METRIC_HISTOGRAM_COUNT; h++)
        histogram_prometheus(out, src, h);
    add_head(out, src->prefix, "redis_master_info",
             "The Redis master that this node uses: 1, or 0 if it knows none.", "gauge");
    info_prometheus(out, src->prefix, "redis_master_info", "address", src->master);
    add_head(out, src->prefix, "build_info", "The version that runs; always 1.", "gauge");
    info_prometheus(out, src->prefix, "build_info", "version", src->version);
}

/* ---- JSON ---- */

static void histogram_json(struct buf *out, const struct metrics_source *src,
                           enum metric_histogram h)
{
    struct observed o = observed(src, h);

    buf_addf(out, "\"%s\":{\"buckets\":{", histograms[h].name);
    for (size_t b = 0; b < METRIC_BUCKETS; b++)
        buf_addf(out, "%s\"%s\":%" PRIu64, b ? "," : "", bounds[histograms[h].is_size][b],
                 o.upto[b]);
    buf_addf(out, "},\"count\":%" PRIu64 ",\"sum\":", o.upto[METRIC_BUCKETS - 1]);
    add_sum(out, h, o.sum);
    buf_add_str(out, STR("},"));
}

void metrics_write_json(const struct metrics_source *src, struct buf *out)
{
    buf_add_char(out, '{');
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        const struct metric_series *s = &metrics_table[m];

        if (begins_family(m))
            buf_addf(out, s->label ? "\"%s\":{" : "\"%s\":", s->name);
        if (s->label)
            buf_addf(out, "\"%s\":", s->value);
        add_value(out, src, m);
        if (s->label && ends_family(m))
            buf_add_char(out, '}');
        buf_add_char(out, ',');
    }
    for (enum metric_histogram h = 0; h < METRIC_HISTOGRAM_COUNT; h++)
        histogram_json(out, src, h);
    buf_add_str(out, STR("\"redis_master_info\":{\"address\":"));
    json_add_string(out, src->master);
    buf_add_str(out, STR("},\"build_info\":{\"version\":"));
    json_add_string(out, src->version);
    buf_add_str(out, STR("}}"));
}
