/* bench_report.h - the figures of bench, as a table, as JSON and as a verdict.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_BENCH_REPORT_H
#define EH_CTL_BENCH_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "ctl/bench/bench_load.h"

struct bench_report {
    const struct bench_plan *plan;
    const struct bench_result *result;
    struct bench_totals totals;
    const struct histogram *latency;
};

void bench_report_add_table(struct buf *out, const struct bench_report *r);
json_t *bench_report_json(const struct bench_report *r); /* a new reference */

/* Reports whether each message arrived once and in order. If not, *why is one line. */
bool bench_report_is_good(const struct bench_report *r, struct buf *why);

#endif
