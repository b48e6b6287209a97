/* bench_load.h - the load of bench: opens the connections, publishes for a while, waits until
 * everything has arrived.
 * Thread:  that of its runtime, which it creates; many connections share one loop.
 * Clock:   sender and receivers are one process, so the time of sending travels in the message.
 *          With a rate it is the time at which the message was due, even if it was sent later: a
 *          server that stalls is charged for every message that had to wait (no coordinated
 *          omission).
 * Borrows: the target, the term and the plan.
 * Fails:   with one line on stderr if a connection cannot be made or ends, or if the server refuses
 *          a request: figures of fewer clients than planned would be wrong.
 */
#ifndef EH_CTL_BENCH_LOAD_H
#define EH_CTL_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/bench/bench_stats.h"

struct target;
struct term;

struct bench_plan {
    uint64_t subs;
    uint64_t pubs;
    uint64_t rate;   /* messages per second, by all publishers; 0: `window` counts */
    uint64_t window; /* messages under way at a time, by all publishers */
    uint64_t size;   /* bytes of a message */
    uint64_t duration_ms;
    const char *topic;
    bool is_topic_own; /* nobody has chosen it */
    uint64_t run;      /* random */
};

struct bench_result {
    uint64_t connect_us; /* until every subscription was answered */
    uint64_t publishes;  /* in the time that was measured, as are deliveries */
    uint64_t deliveries;
    uint64_t measured_us;
    bool is_complete; /* the end was reached; otherwise all the figures mean nothing */
};

/* Returns CTL_OK, or CTL_INTERRUPTED if a signal ended it early, where *ret may be complete.
 * Another exit status: it has said why. */
int bench_load(const struct bench_plan *plan, const struct target *target, struct term *term,
               struct bench_stats *stats, struct bench_result *ret);

#endif
