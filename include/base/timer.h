/* timer.h - a hashed timing wheel (Varghese & Lauck, scheme 6): a timer starts and stops in O(1),
 * however many timers there are, and nothing is allocated.
 * Thread:  its owner's; pure data, takes the time as a parameter.
 * Owns:    nothing; a struct timer is part of its user's struct, which stops it before it is freed.
 * Exact:   a timer is never early, and late by at most TIMER_TICK_MS plus the wait of the caller.
 */
#ifndef EH_BASE_TIMER_H
#define EH_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define TIMER_TICK_MS 16
#define TIMER_SLOTS   1024 /* a turn of the wheel takes 16.4 s; longer timers wait for several */

struct timer;
typedef void timer_fn(struct timer *t); /* may start and stop any timer, including t */

struct timer {
    struct list link; /* {NULL, NULL} while stopped */
    uint64_t due_tick;
    timer_fn *fn;
};

struct timers {
    uint64_t tick;                       /* all timers due up to this tick have run */
    uint64_t occupied[TIMER_SLOTS / 64]; /* one bit per slot: it may hold timers */
    struct list slots[TIMER_SLOTS];
    struct list firing; /* removed from the wheel by timers_run, not yet called */
};

void timers_init(struct timers *ts, uint64_t now_ms);
void timer_init(struct timer *t, timer_fn *fn);

/* Starts t, due after_ms after now_ms. A running timer is moved. */
void timers_start(struct timers *ts, struct timer *t, uint64_t now_ms, uint64_t after_ms);
void timer_stop(struct timer *t); /* does nothing if stopped */

static inline bool timer_is_running(const struct timer *t)
{
    return list_linked(&t->link);
}

/* Returns when the next slot that holds timers begins; it may have begun. UINT64_MAX: there are no
 * timers. */
uint64_t timers_due_ms(const struct timers *ts);
/* Returns how long the caller may sleep: ms until timers_due_ms; -1: forever. */
int timers_next_ms(const struct timers *ts, uint64_t now_ms);

/* Stops every timer that is due and calls its fn, which may free the struct of its own timer. */
void timers_run(struct timers *ts, uint64_t now_ms);

#endif
