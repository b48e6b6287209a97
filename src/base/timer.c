#include "base/timer.h"

#include <assert.h>
#include <stddef.h>

#define BITS_PER_WORD 64
#define WORDS         (TIMER_SLOTS / BITS_PER_WORD)

/* Invariant: each timer in the wheel has due_tick > ts->tick and is in slot due_tick % TIMER_SLOTS.
 * A slot with timers always has its bit in `occupied` set. A bit may stay set after its timers are
 * gone, since timer_stop does not know the wheel; the next sweep of the slot clears it. */

static size_t slot_of(uint64_t tick)
{
    return (size_t)(tick % TIMER_SLOTS);
}

void timers_init(struct timers *ts, uint64_t now_ms)
{
    *ts = (struct timers){ .tick = now_ms / TIMER_TICK_MS };
    for (size_t i = 0; i < TIMER_SLOTS; i++)
        list_init(&ts->slots[i]);
    list_init(&ts->firing);
}

void timer_init(struct timer *t, timer_fn *fn)
{
    *t = (struct timer){ .fn = fn };
}

void timer_stop(struct timer *t)
{
    if (timer_is_running(t))
        list_remove(&t->link);
}

/* Returns the first tick that begins at or after now_ms + after_ms; rounding up keeps every timer
 * from being early. If that tick has already run, returns the next one to run. */
static uint64_t tick_of(const struct timers *ts, uint64_t now_ms, uint64_t after_ms)
{
    uint64_t due_ms, tick;

    if (__builtin_add_overflow(now_ms, after_ms, &due_ms))
        due_ms = UINT64_MAX;
    tick = due_ms / TIMER_TICK_MS + (due_ms % TIMER_TICK_MS != 0);
    return tick > ts->tick ? tick : ts->tick + 1;
}

void timers_start(struct timers *ts, struct timer *t, uint64_t now_ms, uint64_t after_ms)
{
    size_t slot;

    assert(t->fn);
    timer_stop(t);
    t->due_tick = tick_of(ts, now_ms, after_ms);
    slot = slot_of(t->due_tick);
    list_push(&ts->slots[slot], &t->link);
    ts->occupied[slot / BITS_PER_WORD] |= UINT64_C(1) << slot % BITS_PER_WORD;
}

/* Returns the first slot in [from, to) whose bit is set, or `to`. */
static size_t find_occupied(const struct timers *ts, size_t from, size_t to)
{
    while (from < to) {
        uint64_t bits = ts->occupied[from / BITS_PER_WORD] >> from % BITS_PER_WORD;

        if (bits) {
            from += (size_t)__builtin_ctzll(bits);
            return from < to ? from : to;
        }
        from = (from / BITS_PER_WORD + 1) * BITS_PER_WORD;
    }
    return to;
}

/* Like find_occupied, but skips slots whose timers are gone. */
static size_t find_timers(const struct timers *ts, size_t from, size_t to)
{
    size_t slot = find_occupied(ts, from, to);

    while (slot < to && list_empty(&ts->slots[slot]))
        slot = find_occupied(ts, slot + 1, to);
    return slot;
}

uint64_t timers_due_ms(const struct timers *ts)
{
    size_t first = slot_of(ts->tick + 1);
    size_t slot = find_timers(ts, first, TIMER_SLOTS);

    if (slot == TIMER_SLOTS) {
        slot = find_timers(ts, 0, first);
        if (slot == first)
            return UINT64_MAX;
        slot += TIMER_SLOTS;
    }
    return (ts->tick + 1 + (slot - first)) * TIMER_TICK_MS;
}

int timers_next_ms(const struct timers *ts, uint64_t now_ms)
{
    uint64_t due_ms = timers_due_ms(ts);

    if (due_ms == UINT64_MAX)
        return -1;
    return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

/* Moves the due timers of this slot to the firing list; those of a later turn of the wheel stay. */
static void sweep_slot(struct timers *ts, size_t slot)
{
    list_for_each_safe(it, &ts->slots[slot])
    {
        if (container_of(it, struct timer, link)->due_tick > ts->tick)
            continue;
        list_remove(it);
        list_push(&ts->firing, it);
    }
    if (list_empty(&ts->slots[slot]))
        ts->occupied[slot / BITS_PER_WORD] &= ~(UINT64_C(1) << slot % BITS_PER_WORD);
}

static void sweep(struct timers *ts, size_t from, size_t to)
{
    for (size_t s = find_occupied(ts, from, to); s < to; s = find_occupied(ts, s + 1, to))
        sweep_slot(ts, s);
}

void timers_run(struct timers *ts, uint64_t now_ms)
{
    uint64_t tick = now_ms / TIMER_TICK_MS;
    size_t first = slot_of(ts->tick + 1);
    size_t end;
    struct list *link;

    if (tick <= ts->tick)
        return;
    end = first + (size_t)(tick - ts->tick < TIMER_SLOTS ? tick - ts->tick : TIMER_SLOTS);
    ts->tick = tick; /* before the calls: timers that they start are due in a later tick */
    sweep(ts, first, end < TIMER_SLOTS ? end : TIMER_SLOTS);
    if (end > TIMER_SLOTS)
        sweep(ts, 0, end - TIMER_SLOTS);
    while ((link = list_pop(&ts->firing))) {
        struct timer *t = container_of(link, struct timer, link);

        t->fn(t);
    }
}
