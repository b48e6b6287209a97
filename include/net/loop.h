/* loop.h - an epoll loop: descriptors, timers, work for the end of the turn, deferred free.
 * Thread:  the one that calls loop_run, which loop_watch and the others assert. Before loop_run,
 *          any one thread may use the loop.
 * Owns:    the epoll descriptor, the timing wheel, one scratch buffer to read into.
 * Borrows: struct loop_io, loop_task and timer, which are parts of their users' structs.
 * A turn:  wait, continue what the last turn left, dispatch events, run timers, run tasks, flush,
 *          free what was closed. One turn dispatches at most 256 events. Users that have more to do
 *          than a turn should take leave the rest for the next one (loop_next_turn).
 * Time:    a timer runs only when the input that arrived before it was due has been dispatched, or
 *          after some turns if the input does not end. The time for which the loop was stopped
 *          (docker pause, swapping) does not count. So a deadline is a time of loop_now, which
 *          falls behind clock_mono_ms, and is valid in its own loop only: another thread must be
 *          told how long to wait, not until when.
 */
#ifndef EH_NET_LOOP_H
#define EH_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/timer.h"

#define LOOP_SCRATCH (64 * 1024) /* bytes */

struct loop;
struct loop_io;
struct loop_task;

typedef void loop_io_fn(struct loop_io *io, uint32_t events); /* EPOLLIN, EPOLLOUT, ... */
typedef void loop_task_fn(struct loop_task *task);

struct loop_io {
    int fd;          /* -1: not watched */
    uint32_t events; /* those registered with epoll */
    loop_io_fn *fn;
};

struct loop_task {
    struct list link;
    loop_task_fn *fn;
};

int loop_create(struct loop **ret_loop) EH_MUST_USE; /* EH_EIO */
void loop_free(struct loop *lp);                     /* runs the pending frees */
void loop_run(struct loop *lp);                      /* until loop_stop */
void loop_stop(struct loop *lp); /* on the loop's thread: loop_run returns after this turn */
bool loop_is_mine(const struct loop *lp);

/* ms, read at the start of the turn; never goes back. */
uint64_t loop_now(const struct loop *lp);
char *loop_scratch(struct loop *lp); /* LOOP_SCRATCH bytes, valid during one callback */

int loop_watch(struct loop *lp, struct loop_io *io, int fd,
               uint32_t events) EH_MUST_USE; /* EH_EIO */
void loop_rewatch(struct loop *lp, struct loop_io *io, uint32_t events);
/* Closes the descriptor, which must have no copy (dup, fork). fn is not called again, not even in
 * this turn. Does nothing if it is not watched. */
void loop_close(struct loop *lp, struct loop_io *io);
/* The same, but leaves the descriptor open: for stdin, of which other processes have copies. */
void loop_unwatch(struct loop *lp, struct loop_io *io);

void loop_timer(struct loop *lp, struct timer *t, uint64_t after_ms); /* starts or restarts t */

/* Runs task->fn at the end of this turn; once, even if queued twice. */
void loop_at_end(struct loop *lp, struct loop_task *task);
/* Runs task->fn after all tasks of this turn, so that their output is sent with the rest. */
void loop_flush_later(struct loop *lp, struct loop_task *task);
/* Runs task->fn at the start of the next turn, before its events, and does not wait for events.
 * Timers wait for it. */
void loop_next_turn(struct loop *lp, struct loop_task *task);
void loop_cancel(struct loop_task *task);
/* Reports whether more descriptors may be ready than this turn dispatches. The others wait. */
bool loop_is_crowded(const struct loop *lp);
/* Returns how many flushes were queued so far. The difference tells a user how much sending it has
 * added to this turn, and sending takes most of the time. */
uint64_t loop_n_flushes(const struct loop *lp);
/* The caller, which reads a bounded piece per turn, has left input behind it that it will read in
 * the next turn. Timers wait for it. */
void loop_left_unread(struct loop *lp);
/* Runs task->fn when nothing in this turn can still use what it frees. */
void loop_reap_later(struct loop *lp, struct loop_task *task);

/* Heap bytes that wait to be sent by this loop's streams, or are buffered for them, so that a user
 * can limit them. Output queues (net/outq.h) and backlogs add what they hold and subtract what they
 * release. A block that waits in several loops is added to the first loop's figure and subtracted
 * from the last one's, so only the sum over all loops is meaningful. */
size_t *loop_waiting(struct loop *lp);

/* Returns the longest turn since the last call, in us, without the wait for events. A ready
 * descriptor may have waited that long. */
uint64_t loop_take_longest_turn_us(struct loop *lp);

#endif
