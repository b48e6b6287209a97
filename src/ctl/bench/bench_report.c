#include "ctl/bench/bench_report.h"

#include <inttypes.h>

#define COUNT_WIDTH 15

static double seconds_of(uint64_t us)
{
    return (double)us / 1e6;
}

static double rate_of(uint64_t n, uint64_t us)
{
    return us ? (double)n / seconds_of(us) : 0;
}

/* Adds a number with commas, at the right of its column. */
static void add_count(struct buf *out, uint64_t n)
{
    char digits[STR_U64], text[2 * STR_U64];
    const size_t len = str_format_u64(n, digits);
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    buf_addf(out, "%*s%.*s", (int)(at < COUNT_WIDTH ? COUNT_WIDTH - at : 0), "", (int)at, text);
}

static void add_rate(struct buf *out, const char *what, uint64_t n, uint64_t us)
{
    buf_addf(out, "%-13s", what);
    add_count(out, n);
    buf_addf(out, "   in %.2f s", seconds_of(us));
    add_count(out, (uint64_t)(rate_of(n, us) + 0.5));
    buf_addf(out, " per second\n");
}

static void add_total(struct buf *out, const char *what, uint64_t n)
{
    buf_addf(out, "%-13s", what);
    add_count(out, n);
    buf_add_char(out, '\n');
}

static double ms_at(const struct bench_report *r, double share)
{
    return histogram_us(r->latency, share) / 1000;
}

static double max_ms(const struct bench_report *r)
{
    return (double)r->latency->max_ns / 1e6;
}

void bench_report_add_table(struct buf *out, const struct bench_report *r)
{
    const struct bench_plan *p = r->plan;

    buf_addf(out,
             "%" PRIu64 " subscriber%s, %" PRIu64 " publisher%s, messages of %" PRIu64 " bytes, ",
             p->subs, p->subs == 1 ? "" : "s", p->pubs, p->pubs == 1 ? "" : "s", p->size);
    if (p->rate)
        buf_addf(out, "%" PRIu64 " per second\n\n", p->rate);
    else
        buf_addf(out, "%" PRIu64 " in flight at a time\n\n", p->window);
    add_rate(out, "connects", p->subs + p->pubs, r->result->connect_us);
    add_rate(out, "publishes", r->result->publishes, r->result->measured_us);
    add_rate(out, "deliveries", r->result->deliveries, r->result->measured_us);
    buf_addf(out, "%-13s   p50 %.2f ms   p90 %.2f ms   p99 %.2f ms   max %.2f ms\n", "latency",
             ms_at(r, 0.5), ms_at(r, 0.9), ms_at(r, 0.99), max_ms(r));
    add_total(out, "lost", r->totals.lost);
    add_total(out, "doubled", r->totals.doubled);
    add_total(out, "out of order", r->totals.out_of_order);
}

json_t *bench_report_json(const struct bench_report *r)
{
    const struct bench_plan *p = r->plan;
    const struct bench_result *m = r->result;
    json_t *latency = json_pack("{s:f, s:f, s:f, s:f}", "p50", ms_at(r, 0.5), "p90", ms_at(r, 0.9),
                                "p99", ms_at(r, 0.99), "max", max_ms(r));
    json_t *seconds = json_pack("{s:f, s:f}", "connecting", seconds_of(m->connect_us), "publishing",
                                seconds_of(m->measured_us));
    json_t *rates =
        json_pack("{s:f, s:f, s:f}", "connects", rate_of(p->subs + p->pubs, m->connect_us),
                  "publishes", rate_of(m->publishes, m->measured_us), "deliveries",
                  rate_of(m->deliveries, m->measured_us));

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", /* */
                     "subs", (json_int_t)p->subs, "pubs", (json_int_t)p->pubs, "size",
                     (json_int_t)p->size, "rate", (json_int_t)p->rate, "window",
                     (json_int_t)(p->rate ? 0 : p->window), "seconds", seconds, "per_second", rates,
                     "latency_ms", latency, "published", (json_int_t)r->totals.sent, "delivered",
                     (json_int_t)r->totals.received, "lost", (json_int_t)r->totals.lost, "doubled",
                     (json_int_t)r->totals.doubled, "out_of_order",
                     (json_int_t)r->totals.out_of_order);
}

bool bench_report_is_good(const struct bench_report *r, struct buf *why)
{
    const struct bench_totals *t = &r->totals;

    if (t->lost + t->doubled + t->out_of_order == 0)
        return true;
    buf_addf(why,
             "of %" PRIu64 " deliveries, %" PRIu64 " were lost, %" PRIu64 " doubled and %" PRIu64
             " out of order: this is a fault of the server, or of a proxy before it; please report "
             "it",
             t->expected, t->lost, t->doubled, t->out_of_order);
    return false;
}
