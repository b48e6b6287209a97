/* metrics_table.h - the names of the metrics, their help and their kind.
 * Thread:  any; constant.
 * To add:  a member of enum metric (hub/metrics.h), and a row here at the place where it is shown.
 */
#ifndef EH_HUB_METRICS_TABLE_H
#define EH_HUB_METRICS_TABLE_H

#include "hub/metrics.h"

enum metric_trait {
    GAUGE = 1,  /* otherwise a counter */
    MAX = 2,    /* the largest of the cells; otherwise their sum */
    BARE = 4,   /* a well-known name, without the prefix */
    MILLIS = 8, /* stored in thousandths of the unit shown */
};

struct metric_series {
    const char *name, *label, *value; /* name{label="value"}, or no label */
    const char *help;
    unsigned traits;
};

/* In the order of the output. The series of one family are adjacent. */
extern const struct metric_series metrics_table[METRIC_COUNT];

#endif
