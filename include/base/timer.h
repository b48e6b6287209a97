/* timer.h - a hashed timing wheel (Varghese & Lauck, scheme 6): start and stop cost O(1) however
 * many timers there are, and nothing is allocated.
 * Thread:  its owner's; pure data, takes the time as a parameter.
 * Owns:    nothing; a struct timer lives in the struct that it is about and must be stopped before
 *          that is freed.
 * Exact:   never early; late by at most TIMER_TICK_MS plus the wait of the caller.
 */
#ifndef EH_BASE_TIMER_H
#define EH_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define TIMER_TICK_MS 16
#define TIMER_SLOTS   1024 /* one turn of the wheel is 16.4 s; longer timers stay for several */

struct timer;
typedef void timer_fn(struct timer *t); /* may start and stop any timer, itself included */

struct timer {
    struct list link; /* {NULL, NULL} while stopped */
    uint64_t due_tick;
    timer_fn *fn;
};

struct timers {
    uint64_t tick;                       /* everything due up to here has run */
    uint64_t occupied[TIMER_SLOTS / 64]; /* one bit a slot: it may hold timers */
    struct list slots[TIMER_SLOTS];
    struct list firing; /* taken out of the wheel by timers_run, not yet called */
};

void timers_init(struct timers *ts, uint64_t now_ms);
void timer_init(struct timer *t, timer_fn *fn);

/* Due in after_ms from now_ms; one that runs already is moved. */
void timers_start(struct timers *ts, struct timer *t, uint64_t now_ms, uint64_t after_ms);
void timer_stop(struct timer *t); /* fine when stopped */

static inline bool timer_is_running(const struct timer *t)
{
    return list_linked(&t->link);
}

/* How long the caller may sleep: ms until the next slot that holds timers, -1 for ever. */
int timers_next_ms(const struct timers *ts, uint64_t now_ms);

/* Calls the fn of everything due, each stopped first. A fn may free its own timer's struct. */
void timers_run(struct timers *ts, uint64_t now_ms);

#endif
