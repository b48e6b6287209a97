/* mem_read.h - answers one page of history from the log of the memory engine.
 * Thread:  the broker's; the time is a parameter.
 * Bounds:  a page that skips MEM_READ_SKIP entries ends early, with ret_more set and `after` at the
 *          last entry it looked at: one client cannot hold up the thread. The search for the
 *          `newest` entries ends after MEM_READ_SKIP_BACK skipped ones; ret_complete is then false.
 *          It is also false if more than MEM_READ_EXPIRE entries have expired and are still there.
 *          If more than BROKER_MAX_TOPICS topics match, or more than MEM_READ_NAMES names must be
 *          compared, every matching entry is still found, but ret_complete is false. With `latest`,
 *          only the first topics are then read. A page with `latest` that skips MEM_READ_SKIP
 *          expired entries looks at no further one.
 */
#ifndef EH_BROKER_MEM_READ_H
#define EH_BROKER_MEM_READ_H

#include "broker/call.h"
#include "broker/mem/mem_log.h"

#define MEM_READ_NAMES     100000
#define MEM_READ_SKIP      20000
#define MEM_READ_SKIP_BACK 200000
#define MEM_READ_EXPIRE    200000

/* Fills in the page and turns `h` into the request for the next one (broker/call.h). */
void mem_read(struct mem_log *log, struct broker_history *h, struct mem_now now);

/* Answers the same request without a log: sets snapshot_end and since, and returns no entry. */
void mem_read_nothing(const struct mem_log *log, struct broker_history *h, uint64_t wall_ms);

#endif
