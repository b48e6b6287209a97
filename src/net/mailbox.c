#include "net/mailbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/loop.h"

struct mailbox {
    struct loop_io io; /* the eventfd */
    struct loop *loop;
    void *owner;
    pthread_mutex_t lock; /* guards `waiting` and nothing else */
    struct list waiting;
};

bool mailbox_drain(struct mailbox *box)
{
    struct list todo;
    struct list *link;
    bool any;

    list_init(&todo);
    pthread_mutex_lock(&box->lock);
    list_take(&todo, &box->waiting);
    pthread_mutex_unlock(&box->lock);
    any = !list_empty(&todo);
    while ((link = list_pop(&todo))) {
        struct mail *m = container_of(link, struct mail, link);

        m->fn(m, box->owner);
    }
    return any;
}

static void on_event(struct loop_io *io, uint32_t events)
{
    struct mailbox *box = container_of(io, struct mailbox, io);
    eventfd_t n;

    (void)events;
    /* Reset first: a post after the take must wake us again. */
    (void)eventfd_read(io->fd, &n); /* EAGAIN: a drain came first */
    (void)mailbox_drain(box);       /* a spurious wake-up is harmless */
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
    assert(list_empty(&box->waiting));
    loop_close(box->loop, &box->io);
    pthread_mutex_destroy(&box->lock);
    free(box);
}
