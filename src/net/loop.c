/* loop.c - one turn after another, and which time counts.
 *
 * Timers judge: a client has been silent for too long, Redis has not answered in time. That is fair
 * only if the loop has read what arrived before, and if it was running at all. But the process may
 * be stopped for seconds (docker pause, a virtual machine that migrates, swapping). When it goes
 * on, every timer is overdue. The answers that timers wait for lie unread in their sockets, are
 * still in another thread, or never came because the question was never sent. Two rules make every
 * timer fair, so that their users need not think of it:
 *
 * 1. Reading comes first. Timers run at the end of a turn that has read all there was. They wait
 *    for another turn if more descriptors were ready than one epoll_wait returns, if a stream has
 *    left input in its socket, or if the list of ready descriptors is not fresh: a signal
 *    interrupted the wait (SIGCONT does), or the thread was stopped between the wait and the clock.
 *    No flood can hold timers back for ever. epoll returns the ready descriptors in turn, so each
 *    has had its chance after as many events as there are descriptors. For streams, and for
 *    signals, UNREAD_TURNS is the bound.
 *
 * 2. The time for which the loop was stopped does not count. It was stopped if something took
 *    longer than STALL_MS: the work of a turn, a wait that a signal interrupted, or the delay of a
 *    wait that should have ended for a timer. The loop's clock then goes on from where that began,
 *    or from GRACE_MS before the next timer if that is earlier, so that other threads and peers can
 *    answer first:
 *
 *        system clock   10.0     10.2                     14.2       14.7
 *                       waits    stopped . . . . . . . .  reads      runs the timer
 *        loop's clock   10.0                              10.0       10.5
 *
 *    loop_now does not go back: it stays where it was until the clock is there again. A loop whose
 *    turns are all long is not stopped but overloaded. Its timers must still run, so STALL_MS count
 *    of a stop before which no timer has run since the last stop, or before which the loop has not
 *    had to wait. A stop that leaves no trace, because it ends before the next timer is due and no
 *    signal ends it, counts.
 *
 * None of this costs a system call. Rejected: to ask the kernel again before timers run (one more
 * call for each of them), and to look into the socket in each user of a timer (some would forget).
 */
#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define READY_MAX 256 /* events taken from the kernel at once */
#define STALL_MS  250 /* longer delays mean that the loop was stopped */
#define GRACE_MS  250 /* between the end of a stop and the next timer */

#define UNREAD_TURNS 64 /* for which timers wait for streams whose input does not end */

struct loop {
    int epoll_fd;
    bool has_owner; /* loop_run has begun: `owner` is its thread */
    bool stopping;
    pthread_t owner;
    uint64_t stopped_ms; /* by which the loop's clock is behind the monotonic one */
    uint64_t turn_ms;    /* the loop's clock when this turn began */
    uint64_t now_ms;     /* loop_now: the latest turn_ms so far */
    size_t n_watched;    /* descriptors */
    bool has_unread;     /* a stream has left input in its socket, or a mailbox mail */
    bool is_holding;     /* one of the rules held timers back, and none has run since */
    bool is_behind;      /* it has had something to do ever since the last stop */
    unsigned n_held;     /* turns in which rule 1 held back timers that were due */
    uint64_t held_ms;    /* turn_ms of the first of them */
    size_t n_served;     /* events since then */
    uint64_t longest_turn_us;
    size_t waiting;
    struct timers timers;
    struct list next;    /* for the start of the next turn */
    struct list tasks;   /* for the end of this turn */
    struct list flushes; /* after them */
    uint64_t n_flushes;  /* ever queued */
    struct list dead;    /* to be freed at the end of the turn */
    int n_ready;         /* entries of ready[] in this turn */
    struct epoll_event ready[READY_MAX];
    char scratch[LOOP_SCRATCH];
};

int loop_create(struct loop **ret_loop)
{
    struct loop *lp;
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0)
        return EH_EIO;
    lp = mem_zalloc(sizeof(*lp));
    lp->epoll_fd = fd;
    lp->now_ms = lp->turn_ms = clock_mono_ms();
    timers_init(&lp->timers, lp->now_ms);
    list_init(&lp->next);
    list_init(&lp->tasks);
    list_init(&lp->flushes);
    list_init(&lp->dead);
    *ret_loop = lp;
    return EH_OK;
}

static void run_tasks(struct list *queue)
{
    struct list todo;
    struct list *link;

    /* Tasks that these tasks queue wait for the next turn. */
    list_init(&todo);
    list_take(&todo, queue);
    while ((link = list_pop(&todo))) {
        struct loop_task *task = container_of(link, struct loop_task, link);

        task->fn(task);
    }
}

void loop_free(struct loop *lp)
{
    if (!lp)
        return;
    while (!list_empty(&lp->dead))
        run_tasks(&lp->dead);
    close(lp->epoll_fd);
    free(lp);
}

bool loop_is_mine(const struct loop *lp)
{
    return !lp->has_owner || pthread_equal(lp->owner, pthread_self());
}

uint64_t loop_now(const struct loop *lp)
{
    return lp->now_ms;
}

char *loop_scratch(struct loop *lp)
{
    return lp->scratch;
}

static int epoll_control(struct loop *lp, int op, struct loop_io *io, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.ptr = io };

    if (epoll_ctl(lp->epoll_fd, op, io->fd, &ev) < 0)
        return EH_EIO;
    io->events = events;
    return EH_OK;
}

int loop_watch(struct loop *lp, struct loop_io *io, int fd, uint32_t events)
{
    assert(loop_is_mine(lp));
    io->fd = fd;
    if (epoll_control(lp, EPOLL_CTL_ADD, io, events) < 0) {
        io->fd = -1;
        return EH_EIO;
    }
    lp->n_watched++;
    return EH_OK;
}

void loop_rewatch(struct loop *lp, struct loop_io *io, uint32_t events)
{
    int rc;

    assert(loop_is_mine(lp));
    if (io->events == events)
        return;
    rc = epoll_control(lp, EPOLL_CTL_MOD, io, events);
    assert(rc == EH_OK); /* epoll does not refuse a watched, open descriptor */
    (void)rc;
}

static void forget(struct loop *lp, struct loop_io *io)
{
    io->fd = -1;
    lp->n_watched--;
    for (int i = 0; i < lp->n_ready; i++) { /* events of this turn not yet dispatched */
        if (lp->ready[i].data.ptr == io)
            lp->ready[i].data.ptr = NULL;
    }
}

void loop_close(struct loop *lp, struct loop_io *io)
{
    assert(loop_is_mine(lp));
    if (io->fd < 0)
        return;
    /* epoll forgets a closed descriptor if no copy of it is open. There is none: we never fork. */
    close(io->fd);
    forget(lp, io);
}

void loop_unwatch(struct loop *lp, struct loop_io *io)
{
    struct epoll_event unused = { 0 };

    assert(loop_is_mine(lp));
    if (io->fd < 0)
        return;
    (void)epoll_ctl(lp->epoll_fd, EPOLL_CTL_DEL, io->fd, &unused); /* it is watched and open */
    forget(lp, io);
}

void loop_timer(struct loop *lp, struct timer *t, uint64_t after_ms)
{
    assert(loop_is_mine(lp));
    timers_start(&lp->timers, t, lp->now_ms, after_ms);
}

/* Returns false if the task is queued already. */
static bool queue(struct loop *lp, struct list *tasks, struct loop_task *task)
{
    assert(loop_is_mine(lp));
    (void)lp;
    if (list_linked(&task->link))
        return false;
    list_push(tasks, &task->link);
    return true;
}

void loop_at_end(struct loop *lp, struct loop_task *task)
{
    (void)queue(lp, &lp->tasks, task);
}

void loop_flush_later(struct loop *lp, struct loop_task *task)
{
    lp->n_flushes += queue(lp, &lp->flushes, task);
}

bool loop_is_crowded(const struct loop *lp)
{
    return lp->n_ready == READY_MAX;
}

uint64_t loop_n_flushes(const struct loop *lp)
{
    return lp->n_flushes;
}

void loop_next_turn(struct loop *lp, struct loop_task *task)
{
    (void)queue(lp, &lp->next, task);
    lp->has_unread = true;
}

void loop_cancel(struct loop_task *task)
{
    if (list_linked(&task->link))
        list_remove(&task->link);
}

void loop_reap_later(struct loop *lp, struct loop_task *task)
{
    assert(loop_is_mine(lp) && !list_linked(&task->link));
    list_push(&lp->dead, &task->link);
}

void loop_left_unread(struct loop *lp)
{
    assert(loop_is_mine(lp));
    lp->has_unread = true;
}

static int wait_ms(const struct loop *lp, uint64_t asked_ms)
{
    if (lp->stopping || !list_empty(&lp->next) || !list_empty(&lp->tasks) ||
        !list_empty(&lp->flushes) || !list_empty(&lp->dead))
        return 0;
    return timers_next_ms(&lp->timers, asked_ms);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_stop(uint64_t from_ms, uint64_t to_ms)
{
    return from_ms < to_ms && to_ms - from_ms > STALL_MS;
}

/* Returns when the loop was stopped: during the work of the last turn, during a wait that a signal
 * interrupted, or when it should have woken for a timer. now_ms: it was not stopped. Timers that
 * rule 1 holds back are late, too, but then the loop does not wait. */
static uint64_t stopped_since(const struct loop *lp, uint64_t asked_ms, bool is_interrupted,
                              uint64_t now_ms)
{
    uint64_t due_ms = timers_due_ms(&lp->timers);
    uint64_t since_ms = now_ms;
    bool is_held = lp->n_held > 0;

    if (is_stop(lp->turn_ms, asked_ms))
        since_ms = lp->turn_ms;
    else if ((is_interrupted || is_held) && is_stop(asked_ms, now_ms))
        since_ms = asked_ms;
    return !is_held && is_stop(due_ms, now_ms) ? sooner(since_ms, due_ms) : since_ms;
}

/* Sets the loop's clock (rule 2). asked_ms: the time before the wait. */
static void advance(struct loop *lp, uint64_t asked_ms, bool is_interrupted, uint64_t mono_ms)
{
    uint64_t now_ms = mono_ms - lp->stopped_ms;
    uint64_t since_ms = stopped_since(lp, asked_ms, is_interrupted, now_ms);

    if (since_ms < now_ms) {
        bool is_again = lp->is_holding || lp->is_behind;
        uint64_t to_ms = is_again ? since_ms + STALL_MS
                                  : sooner(since_ms, timers_due_ms(&lp->timers) - GRACE_MS);

        lp->stopped_ms += now_ms - to_ms;
        lp->is_holding = lp->is_behind = true;
        now_ms = to_ms;
    }
    lp->turn_ms = now_ms;
    if (now_ms > lp->now_ms)
        lp->now_ms = now_ms;
}

/* Reports whether timers that are due must wait for the next turn. n: what epoll_wait returned.
 * is_unread: there may be more to read, in streams or because that was not fresh. */
static bool must_hold(struct loop *lp, int n, bool is_unread)
{
    bool is_round_over;

    if (lp->n_held++ == 0) {
        lp->held_ms = lp->turn_ms;
        lp->n_served = 0; /* what has just become ready comes behind the events of this turn */
    } else if (n > 0) {
        lp->n_served += (size_t)n;
    }
    is_round_over = n < READY_MAX || lp->n_served >= lp->n_watched;
    return !is_round_over || (is_unread && lp->n_held <= UNREAD_TURNS);
}

/* Runs the timers that are due (rule 1). */
static void run_timers(struct loop *lp, int n, bool is_fresh)
{
    bool is_due = timers_due_ms(&lp->timers) <= lp->turn_ms;
    bool is_unread = !is_fresh || lp->has_unread;
    uint64_t until_ms = lp->turn_ms;

    lp->has_unread = false;
    if (is_due && (is_unread || n == READY_MAX)) {
        lp->is_holding = true;
        if (must_hold(lp, n, is_unread))
            return;
        until_ms = lp->held_ms; /* for timers that became due later, there may be unread input */
    }
    if (is_due)
        lp->is_holding = false;
    lp->n_held = 0;
    timers_run(&lp->timers, until_ms);
}

static void dispatch(struct loop *lp)
{
    for (int i = 0; i < lp->n_ready; i++) {
        struct loop_io *io = lp->ready[i].data.ptr;

        if (io)
            io->fn(io, lp->ready[i].events);
    }
    lp->n_ready = 0;
}

static void loop_turn(struct loop *lp)
{
    uint64_t asked_ms = clock_mono_ms();
    int wait = wait_ms(lp, asked_ms - lp->stopped_ms);
    int n = epoll_wait(lp->epoll_fd, lp->ready, READY_MAX, wait);
    uint64_t began_us = clock_mono_us();
    /* Nothing was ready until the wait timed out, or something was, at any time in it. */
    uint64_t seen_ms = n == 0 && wait > 0 ? asked_ms + (uint64_t)wait : asked_ms;
    bool is_fresh = n >= 0 && began_us / 1000 < seen_ms + TIMER_TICK_MS;
    uint64_t took_us;

    if (n >= 0 && wait != 0 && began_us / 1000 > asked_ms + 1)
        lp->is_behind = false;
    advance(lp, asked_ms - lp->stopped_ms, n < 0, began_us / 1000);
    lp->n_ready = n > 0 ? n : 0;
    run_tasks(&lp->next);
    dispatch(lp);
    run_timers(lp, n, is_fresh);
    run_tasks(&lp->tasks);
    run_tasks(&lp->flushes);
    run_tasks(&lp->dead); /* the only place that frees what callbacks closed */

    took_us = clock_mono_us() - began_us;
    if (took_us > lp->longest_turn_us)
        lp->longest_turn_us = took_us;
}

void loop_run(struct loop *lp)
{
    lp->owner = pthread_self();
    lp->has_owner = true;
    while (!lp->stopping)
        loop_turn(lp);
    lp->stopping = false;
    lp->has_owner = false; /* whoever joins this thread may free it, or run it again */
}

void loop_stop(struct loop *lp)
{
    assert(loop_is_mine(lp));
    lp->stopping = true;
}

size_t *loop_waiting(struct loop *lp)
{
    return &lp->waiting;
}

uint64_t loop_take_longest_turn_us(struct loop *lp)
{
    uint64_t us = lp->longest_turn_us;

    lp->longest_turn_us = 0;
    return us;
}
