/* units.h - numbers with a unit, as options take them: durations and rates.
 * Thread:  any; pure.
 * Fails:   the parsers return false if the text has another form, or does not fit into 64 bits.
 */
#ifndef EH_CTL_UNITS_H
#define EH_CTL_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define YEAR_MS   (365 * DAY_MS)

bool duration_parse(struct str text, uint64_t *ret_ms); /* 500ms, 30s, 10m, 2h, 7d, or seconds */
bool rate_parse(struct str text, uint64_t *ret_per_s);  /* 10, 10/s */

/* Adds a duration in the longest unit in which it is a whole number: "90s", "2h". */
void duration_add(struct buf *out, uint64_t ms);

#endif
