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

struct loop {
    int epoll_fd;
    bool has_owner; /* loop_run has begun: `owner` is its thread */
    bool stopping;
    pthread_t owner;
    uint64_t now_ms;
    uint64_t longest_turn_us;
    size_t waiting;
    struct timers timers;
    struct list tasks;   /* for the end of this turn */
    struct list flushes; /* after them */
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
    lp->now_ms = clock_mono_ms();
    timers_init(&lp->timers, lp->now_ms);
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

void loop_close(struct loop *lp, struct loop_io *io)
{
    assert(loop_is_mine(lp));
    if (io->fd < 0)
        return;
    /* epoll forgets a closed descriptor if no copy of it is open. There is none: we never fork. */
    close(io->fd);
    io->fd = -1;
    for (int i = 0; i < lp->n_ready; i++) { /* events of this turn not yet dispatched */
        if (lp->ready[i].data.ptr == io)
            lp->ready[i].data.ptr = NULL;
    }
}

void loop_timer(struct loop *lp, struct timer *t, uint64_t after_ms)
{
    assert(loop_is_mine(lp));
    timers_start(&lp->timers, t, lp->now_ms, after_ms);
}

static void queue(struct loop *lp, struct list *tasks, struct loop_task *task)
{
    assert(loop_is_mine(lp));
    (void)lp;
    if (!list_linked(&task->link))
        list_push(tasks, &task->link);
}

void loop_at_end(struct loop *lp, struct loop_task *task)
{
    queue(lp, &lp->tasks, task);
}

void loop_flush_later(struct loop *lp, struct loop_task *task)
{
    queue(lp, &lp->flushes, task);
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

static int wait_ms(const struct loop *lp)
{
    if (lp->stopping || !list_empty(&lp->tasks) || !list_empty(&lp->flushes) ||
        !list_empty(&lp->dead))
        return 0;
    return timers_next_ms(&lp->timers, clock_mono_ms());
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
    int n = epoll_wait(lp->epoll_fd, lp->ready, READY_MAX, wait_ms(lp));
    uint64_t began_us = clock_mono_us();
    uint64_t took_us;

    lp->now_ms = began_us / 1000;
    lp->n_ready = n > 0 ? n : 0; /* EINTR is an empty turn */
    dispatch(lp);
    timers_run(&lp->timers, lp->now_ms);
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
