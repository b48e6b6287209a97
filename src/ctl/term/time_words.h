/* time_words.h - times and dates as text, for people.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_TIME_WORDS_H
#define EH_CTL_TIME_WORDS_H

#include <stdint.h>

#include "base/buf.h"

/* Adds a duration in its best unit, rounded down: "1 second", "59 minutes", "3 days". */
void time_words_add(struct buf *out, uint64_t ms);

/* Adds the distance of a time from now: "in 59 minutes", "now", "3 minutes ago". */
void time_words_add_distance(struct buf *out, uint64_t when_ms, uint64_t now_ms);

/* Adds a time of the years 1970 to 9999 as "2026-11-30 12:47:02 UTC"; a later one as "after the
 * year 9999". */
void time_words_add_utc(struct buf *out, uint64_t ms);

/* Adds a time of the years 1970 to 9999 as "2026-11-30T12:47:02.123Z"; a later one as ms since the
 * epoch. */
void time_words_add_iso(struct buf *out, uint64_t ms);

#endif
