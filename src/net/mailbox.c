/* mailbox.c - a queue that any thread fills, and a loop that takes a share of it in each turn.
 *
 * Thousands of answers may wait for a worker at once: after an outage all clients ask for history,
 * and one answer of Redis may serve many of them. Most of the work is not in the mails but in what
 * they cause: each client that gets something costs a system call at the end of the turn. If a turn
 * delivered all mail, it would last as long as all these calls, and clients that only ping would
 * wait. So a mailbox counts the flushes that its mails cause. After SHARE of them, or after
 * SHARE_US, it leaves the rest for the next turn, which also handles up to 256 events:
 *
 *     posted       1 .......... 600
 *     turn 1       mails 1..256         events   timers   sends to 256 clients
 *     turn 2       mails 257..512       events   timers   sends to 256 clients
 *     turn 3       mails 513..600 ...
 *
 * Mails for the same client cause one flush, so its answers still leave together. The rest is
 * delivered at the start of a turn, and not when the eventfd is ready: epoll would report it behind
 * all other descriptors, and while these cause more than SHARE answers, answers would gather.
 *
 * Order: `taken` is delivered to its end before anything in `waiting`.
 */
#include "net/mailbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#define SHARE       256  /* flushes that the mails of one turn cause */
#define SHARE_US    5000 /* for which one turn delivers mails */
#define CLOCK_EVERY 32   /* mails, because reading the clock costs as much as a small mail */

struct mailbox {
    struct loop_io io;     /* the eventfd */
    struct list taken;     /* from `waiting`, and not delivered yet */
    struct loop_task rest; /* delivers more of it in the next turn */
    struct loop *loop;
    void *owner;
    pthread_mutex_t lock; /* guards `waiting` and nothing else */
    struct list waiting;
};

static void take(struct mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    list_take(&box->taken, &box->waiting);
    pthread_mutex_unlock(&box->lock);
}

static void deliver(struct mailbox *box, struct list *link)
{
    struct mail *m = container_of(link, struct mail, link);

    m->fn(m, box->owner);
}

bool mailbox_drain(struct mailbox *box)
{
    struct list *link;
    bool any;

    take(box);
    any = !list_empty(&box->taken);
    while ((link = list_pop(&box->taken)))
        deliver(box, link);
    return any;
}

/* Delivers mail, up to the share of a turn. */
static void deliver_share(struct mailbox *box)
{
    uint64_t flushes = loop_n_flushes(box->loop);
    uint64_t from_us = clock_mono_us();
    struct list *link;

    take(box);
    for (unsigned n = 1; (link = list_pop(&box->taken)); n++) {
        deliver(box, link);
        if (loop_n_flushes(box->loop) - flushes >= SHARE ||
            (n % CLOCK_EVERY == 0 && clock_mono_us() - from_us >= SHARE_US))
            break;
    }
    if (!list_empty(&box->taken))
        loop_next_turn(box->loop, &box->rest);
}

static void on_rest(struct loop_task *task)
{
    deliver_share(container_of(task, struct mailbox, rest));
}

static void on_event(struct loop_io *io, uint32_t events)
{
    struct mailbox *box = container_of(io, struct mailbox, io);
    eventfd_t n;

    (void)events;
    /* Reset first: a post after the take must wake us again. */
    (void)eventfd_read(io->fd, &n); /* EAGAIN: a drain came first */
    if (!list_linked(&box->rest.link))
        deliver_share(box); /* a spurious wake-up is harmless */
}

int mailbox_create(struct loop *lp, void *owner, struct mailbox **ret_box)
{
    struct mailbox *box;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return EH_EIO;
    box = mem_zalloc(sizeof(*box));
    box->loop = lp;
    box->owner = owner;
    box->io.fn = on_event;
    box->rest.fn = on_rest;
    list_init(&box->taken);
    list_init(&box->waiting);
    pthread_mutex_init(&box->lock, NULL);
    if (loop_watch(lp, &box->io, fd, EPOLLIN) < 0) {
        close(fd);
        free(box);
        return EH_EIO;
    }
    *ret_box = box;
    return EH_OK;
}

void mailbox_post(struct mailbox *box, struct mail *m)
{
    bool was_empty;

    pthread_mutex_lock(&box->lock);
    was_empty = list_empty(&box->waiting);
    list_push(&box->waiting, &m->link);
    pthread_mutex_unlock(&box->lock);
    if (was_empty)
        (void)eventfd_write(box->io.fd, 1); /* a full counter: the receiver is already awake */
}

void mailbox_free(struct mailbox *box)
{
    if (!box)
        return;
    assert(list_empty(&box->waiting) && list_empty(&box->taken));
    loop_cancel(&box->rest);
    loop_close(box->loop, &box->io);
    pthread_mutex_destroy(&box->lock);
    free(box);
}
