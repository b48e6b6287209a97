/* loop.h - an epoll loop: descriptors, timers, work for the end of the turn, deferred free.
 * Thread:  one loop, one thread: the one that calls loop_run. loop_watch and the others assert it
 *          (before loop_run: any one thread).
 * Owns:    the epoll descriptor, the wheel of timers, one scratch buffer to read into.
 * Borrows: struct loop_io, loop_task and timer, which live in their users' structs.
 * A turn:  wait, dispatch what is ready, run timers, run tasks, flush, free what was closed.
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
    uint32_t events; /* what epoll was told */
    loop_io_fn *fn;
};

struct loop_task {
    struct list link;
    loop_task_fn *fn;
};

int loop_create(struct loop **ret_loop) EH_MUST_USE; /* EH_EIO */
void loop_free(struct loop *lp);                     /* runs what still waits to be freed */
void loop_run(struct loop *lp);                      /* until loop_stop */
void loop_stop(struct loop *lp); /* on the loop's thread; ends after this turn */
bool loop_is_mine(const struct loop *lp);

uint64_t loop_now(const struct loop *lp); /* monotonic ms, as of the start of the turn */
char *loop_scratch(struct loop *lp); /* LOOP_SCRATCH bytes, contents valid within one callback */

int loop_watch(struct loop *lp, struct loop_io *io, int fd,
               uint32_t events) EH_MUST_USE; /* EH_EIO */
void loop_rewatch(struct loop *lp, struct loop_io *io, uint32_t events);
/* Closes the descriptor, of which there must be no copy (dup, fork): no more calls, also within
 * this turn. Fine where it is not watched. */
void loop_close(struct loop *lp, struct loop_io *io);

void loop_timer(struct loop *lp, struct timer *t, uint64_t after_ms); /* starts or moves it */

/* Runs task->fn once at the end of this turn; queued twice it runs once. */
void loop_at_end(struct loop *lp, struct loop_task *task);
/* The same when all tasks of this turn have run: what they have to send goes with the rest. */
void loop_flush_later(struct loop *lp, struct loop_task *task);
void loop_cancel(struct loop_task *task);
/* Runs task->fn when nothing of this turn can still point to what it frees. */
void loop_reap_later(struct loop *lp, struct loop_task *task);

/* Bytes of the heap that wait to be sent by streams of this loop, or are held back from them: a
 * figure for whoever bounds it. Who makes something wait (net/outq.h) adds it here, and takes it
 * off again. What waits in several loops is in the figure of the first that had it and leaves that
 * of the last: only the sum of all loops means something. */
size_t *loop_waiting(struct loop *lp);

/* The longest turn since the last call, in us (waiting not counted): how long a ready descriptor
 * may have waited. */
uint64_t loop_take_longest_turn_us(struct loop *lp);

#endif
