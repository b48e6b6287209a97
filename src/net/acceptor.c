#include "net/acceptor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/loop.h"

struct listener {
    struct loop_io io;
    struct acceptor *acceptor;
};

struct acceptor {
    struct acceptor_config config;
    struct loop *loop;
    struct mailbox *inbox;
    struct timer retry; /* runs while descriptors are exhausted */
    struct mail stop;
    pthread_t thread;
    size_t next_worker;
    struct listener listeners[];
};

static void set_listening(struct acceptor *a, bool on)
{
    for (size_t i = 0; i < a->config.n_listen_fds; i++)
        loop_rewatch(a->loop, &a->listeners[i].io, on ? EPOLLIN : 0);
}

static void hand_over(struct listener *l, int fd, const struct sock_addr *peer)
{
    struct acceptor *a = l->acceptor;
    struct accepted *got = mem_alloc(sizeof(*got));

    got->mail.fn = a->config.on_accepted;
    got->fd = fd;
    got->listener = (size_t)(l - a->listeners);
    got->peer = *peer;
    mailbox_post(a->config.workers[a->next_worker], &got->mail);
    a->next_worker = (a->next_worker + 1) % a->config.n_workers;
}

/* Out of descriptors or memory: connections wait in the backlog, and nothing spins meanwhile. */
static void back_off(struct acceptor *a, int err)
{
    a->config.on_exhausted(a->config.arg, err);
    set_listening(a, false);
    loop_timer(a->loop, &a->retry, ACCEPTOR_RETRY_MS);
}

static void on_listener(struct loop_io *io, uint32_t events)
{
    struct listener *l = container_of(io, struct listener, io);
    struct sock_addr peer;
    int fd;

    (void)events;
    while (sock_accept(io->fd, &fd, &peer) == EH_OK)
        hand_over(l, fd, &peer);
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        back_off(l->acceptor, errno);
}

static void on_retry(struct timer *t)
{
    set_listening(container_of(t, struct acceptor, retry), true);
}

static void on_stop(struct mail *m, void *owner)
{
    struct acceptor *a = owner;

    (void)m;
    loop_stop(a->loop);
}

static void *acceptor_main(void *arg)
{
    struct acceptor *a = arg;

    loop_run(a->loop);
    return NULL;
}

static int listen_all(struct acceptor *a)
{
    for (size_t i = 0; i < a->config.n_listen_fds; i++) {
        struct listener *l = &a->listeners[i];

        l->acceptor = a;
        l->io.fn = on_listener;
        EH_TRY(loop_watch(a->loop, &l->io, a->config.listen_fds[i], EPOLLIN));
    }
    return EH_OK;
}

static void acceptor_free(struct acceptor *a)
{
    timer_stop(&a->retry);
    mailbox_free(a->inbox); /* before its loop */
    loop_free(a->loop);
    free(a);
}

int acceptor_start(const struct acceptor_config *config, struct acceptor **ret_acceptor)
{
    struct acceptor *a = mem_zalloc(sizeof(*a) + config->n_listen_fds * sizeof(a->listeners[0]));

    a->config = *config;
    a->stop.fn = on_stop;
    timer_init(&a->retry, on_retry);
    if (loop_create(&a->loop) < 0 || mailbox_create(a->loop, a, &a->inbox) < 0 ||
        listen_all(a) < 0 || pthread_create(&a->thread, NULL, acceptor_main, a) != 0) {
        acceptor_free(a);
        return EH_EIO;
    }
    *ret_acceptor = a;
    return EH_OK;
}

void acceptor_stop(struct acceptor *a)
{
    if (!a)
        return;
    mailbox_post(a->inbox, &a->stop);
    pthread_join(a->thread, NULL);
    for (size_t i = 0; i < a->config.n_listen_fds; i++)
        close(a->config.listen_fds[i]);
    acceptor_free(a);
}
