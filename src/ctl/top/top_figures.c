#include "ctl/top/top_figures.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "proto/json.h"

/* ---- one scrape ---- */

/* Returns a member that counts something; 0 if it is absent or negative. */
static uint64_t number(const json_t *object, const char *name)
{
    double value = json_number_value(json_object_get(object, name));

    return value > 0 && value < 1.8e19 ? (uint64_t)value : 0;
}

static void copy_text(char to[TOP_TEXT_MAX], struct str text)
{
    size_t n = text.n < TOP_TEXT_MAX ? text.n : TOP_TEXT_MAX - 1;

    if (n)
        memcpy(to, text.p, n);
    to[n] = '\0';
}

static void read_histogram(const json_t *histogram, struct top_histogram *ret)
{
    json_t *buckets = json_object_get(histogram, "buckets"), *count;
    const char *bound;

    json_object_foreach(buckets, bound, count)
    {
        if (ret->n == TOP_BUCKETS)
            return;
        ret->bound[ret->n] = strtod(bound, NULL); /* reads "+Inf", too */
        ret->upto[ret->n++] = number(buckets, bound);
    }
}

static void read_refusals(const json_t *refusals, struct top_sample *ret)
{
    struct top_reasons *r = &ret->refusals;
    const char *name;
    json_t *count;

    json_object_foreach((json_t *)(uintptr_t)refusals, name, count)
    {
        if (r->n == TOP_REASONS)
            return;
        copy_text(r->at[r->n].name, str_of(name));
        r->at[r->n].count = number(refusals, name);
        ret->counter[TOP_REFUSED] += r->at[r->n++].count;
    }
}

static void read_counters(const json_t *root, struct top_sample *ret)
{
    const json_t *disconnects = json_object_get(root, "disconnects_total");

    ret->counter[TOP_MESSAGES_IN] = number(root, "publish_count");
    ret->counter[TOP_MESSAGES_OUT] = number(root, "deliveries_total");
    ret->counter[TOP_BYTES_IN] = number(root, "received_bytes_total");
    ret->counter[TOP_BYTES_OUT] = number(root, "sent_bytes_total");
    ret->counter[TOP_SLOW] =
        number(disconnects, "slow_reader") + number(disconnects, "output_memory");
}

bool top_sample_parse(struct str json, uint64_t at_ms, struct top_sample *ret)
{
    json_auto_t *root = json_loadb(json.p ? json.p : "", json.n, 0, NULL);
    struct top_sample s = { .at_ms = at_ms };

    if (!json_is_integer(json_object_get(root, "current_connections_count")) ||
        !json_is_integer(json_object_get(root, "deliveries_total")))
        return false;
    s.start_s = number(root, "process_start_time_seconds");
    s.connections = number(root, "current_connections_count");
    s.subscriptions = number(root, "subscriptions");
    s.is_ready = number(root, "broker_connected") > 0;
    s.redis_ms = number(root, "redis_publish_delay_ms");
    copy_text(s.master,
              json_text(json_object_get(json_object_get(root, "redis_master_info"), "address")));
    copy_text(s.version,
              json_text(json_object_get(json_object_get(root, "build_info"), "version")));
    read_counters(root, &s);
    read_refusals(json_object_get(root, "refused_requests_total"), &s);
    read_histogram(json_object_get(root, "delivery_duration_seconds"), &s.delivery);
    *ret = s;
    return true;
}

/* ---- between two ---- */

double top_quantile(const struct top_histogram *before, const struct top_histogram *after, double q)
{
    uint64_t total, below = 0;
    double rank;

    if (after->n == 0 || before->n != after->n)
        return NAN;
    total = after->upto[after->n - 1] - before->upto[after->n - 1];
    rank = q * (double)total;
    for (size_t i = 0; i < after->n && total; i++) {
        uint64_t upto = after->upto[i] - before->upto[i];
        double low = i ? after->bound[i - 1] : 0;

        if ((double)upto >= rank && upto > below)
            return isinf(after->bound[i]) ? INFINITY
                                          : low + (after->bound[i] - low) * (rank - (double)below) /
                                                      (double)(upto - below);
        below = upto;
    }
    return NAN;
}

static bool was_restarted(const struct top_sample *before, const struct top_sample *after)
{
    for (size_t i = 0; i < TOP_COUNTERS; i++) {
        if (after->counter[i] < before->counter[i])
            return true;
    }
    return after->start_s != before->start_s;
}

bool top_figures_between(const struct top_sample *before, const struct top_sample *after,
                         struct top_figures *ret)
{
    const struct top_histogram *d = &after->delivery;
    double seconds = (double)(after->at_ms - before->at_ms) / 1000;

    if (after->at_ms <= before->at_ms || was_restarted(before, after))
        return false;
    for (size_t i = 0; i < TOP_COUNTERS; i++) {
        ret->added[i] = after->counter[i] - before->counter[i];
        ret->rate[i] = (double)ret->added[i] / seconds;
    }
    ret->p50_s = top_quantile(&before->delivery, d, 0.5);
    ret->p99_s = top_quantile(&before->delivery, d, 0.99);
    ret->largest_s = d->n > 1 ? d->bound[d->n - 2] : 0;
    return true;
}

static uint64_t *count_of(struct top_reasons *r, const char *name)
{
    size_t i = 0;

    while (i < r->n && strcmp(r->at[i].name, name) != 0)
        i++;
    if (i == TOP_REASONS)
        return NULL;
    if (i == r->n)
        copy_text(r->at[r->n++].name, str_of(name));
    return &r->at[i].count;
}

void top_reasons_add(struct top_reasons *sum, const struct top_sample *before,
                     const struct top_sample *after)
{
    for (size_t i = 0; i < after->refusals.n; i++) {
        const struct top_reason *r = &after->refusals.at[i];
        uint64_t earlier = 0;
        uint64_t *count;

        for (size_t k = 0; k < before->refusals.n; k++) {
            if (strcmp(before->refusals.at[k].name, r->name) == 0)
                earlier = before->refusals.at[k].count;
        }
        count = r->count > earlier ? count_of(sum, r->name) : NULL;
        if (count)
            *count += r->count - earlier;
    }
}
