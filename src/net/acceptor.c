#include "net/acceptor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/intake.h"
#include "net/loop.h"

#define ONE 1000 /* credit that one connection costs; each ms adds `rate` */

struct listener {
    struct loop_io io;
    struct acceptor *acceptor;
};

struct acceptor {
    struct acceptor_config config;
    struct loop *loop;
    struct mailbox *inbox;
    struct timer retry; /* runs while descriptors are exhausted */
    struct timer pause; /* runs while the rate is used up */
    struct timer look;  /* runs while connections wait for the load */
    enum acceptor_load load;
    uint64_t loaded_ms;          /* since when there is any */
    enum acceptor_load held_for; /* why connections wait now */
    bool is_stopping;            /* accepts the rest, whatever the load */
    uint64_t credit;             /* unused rate, in thousandths of a connection, as of credit_ms */
    uint64_t credit_ms;
    struct mail stop;
    pthread_t thread;
    struct intake **intakes; /* one for each worker */
    size_t next_worker;
    struct listener listeners[];
};

/* Watches each socket, unless one of the timers holds it back. */
static void update_listening(struct acceptor *a)
{
    bool is_exhausted = timer_is_running(&a->retry);
    bool is_paused = timer_is_running(&a->pause) || timer_is_running(&a->look);

    for (size_t i = 0; i < a->config.n_listen_fds; i++) {
        bool waits = is_exhausted || (is_paused && i < a->config.n_rated_fds);

        loop_rewatch(a->loop, &a->listeners[i].io, waits ? 0 : EPOLLIN);
    }
}

/* ---- the workers ---- */

/* Moves next_worker to the next one that is not late. False: all are. */
static bool find_worker(struct acceptor *a)
{
    uint64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < a->config.n_workers; i++) {
        size_t worker = (a->next_worker + i) % a->config.n_workers;

        if (intake_is_late(a->intakes[worker], now_ms))
            continue;
        a->next_worker = worker;
        return true;
    }
    return false;
}

static void hand_over(struct listener *l, int fd, const struct sock_addr *peer)
{
    struct acceptor *a = l->acceptor;
    struct accepted *got = mem_alloc(sizeof(*got));

    got->mail.fn = a->config.on_accepted;
    got->fd = fd;
    got->listener = (size_t)(l - a->listeners);
    got->peer = *peer;
    (void)find_worker(a); /* if all are late, the next one gets it */
    intake_post(a->intakes[a->next_worker], &got->mail, clock_mono_ms());
    a->next_worker = (a->next_worker + 1) % a->config.n_workers;
}

/* ---- the rate ---- */

/* Returns the most credit: unused rate accumulates for a tenth of a second, or up to one connection
 * if that is more. */
static uint64_t credit_most(const struct acceptor *a)
{
    uint64_t tenth = a->config.rate * ONE / 10;

    return tenth > ONE ? tenth : ONE;
}

static bool is_public(const struct listener *l)
{
    return (size_t)(l - l->acceptor->listeners) < l->acceptor->config.n_rated_fds;
}

static bool is_rated(const struct listener *l)
{
    return l->acceptor->config.rate && is_public(l);
}

/* Reports whether the rate lets this listener accept one more now. Otherwise pauses the rated
 * listeners until the credit is enough. */
static bool has_credit(struct listener *l)
{
    struct acceptor *a = l->acceptor;
    uint64_t rate = a->config.rate;
    uint64_t now;

    if (!is_rated(l))
        return true;
    now = clock_mono_ms();
    a->credit += (now - a->credit_ms) * rate;
    a->credit_ms = now;
    if (a->credit > credit_most(a))
        a->credit = credit_most(a);
    if (a->credit >= ONE)
        return true;
    a->config.on_paced(a->config.arg);
    loop_timer(a->loop, &a->pause, (ONE - a->credit + rate - 1) / rate);
    update_listening(a);
    return false;
}

/* ---- the load ---- */

static enum acceptor_load find_load(struct acceptor *a)
{
    bool was_loaded = a->load == ACCEPTOR_LOADED;

    if (a->config.is_loaded && a->config.is_loaded(a->config.arg, was_loaded))
        return ACCEPTOR_LOADED;
    return find_worker(a) ? ACCEPTOR_NOT_LOADED : ACCEPTOR_LATE_WORKERS;
}

/* A load that does not go away must not keep clients out for good: it is waited for only once. */
static bool must_hold(struct acceptor *a)
{
    enum acceptor_load before = a->load;

    a->load = find_load(a);
    if (a->load && !before)
        a->loaded_ms = clock_mono_ms();
    return a->load && clock_mono_ms() - a->loaded_ms < ACCEPTOR_HELD_MAX_MS;
}

static void hold_for(struct acceptor *a, enum acceptor_load load)
{
    if (load != a->held_for)
        a->config.on_held(a->config.arg, load);
    a->held_for = load;
    if (load)
        loop_timer(a->loop, &a->look, ACCEPTOR_LOOK_MS);
    update_listening(a);
}

static bool may_accept(struct listener *l)
{
    struct acceptor *a = l->acceptor;

    if (!is_public(l) || a->is_stopping || !must_hold(a))
        return has_credit(l);
    hold_for(a, a->load);
    return false;
}

static void on_look(struct timer *t)
{
    struct acceptor *a = container_of(t, struct acceptor, look);

    hold_for(a, must_hold(a) ? a->load : ACCEPTOR_NOT_LOADED);
}

/* ---- accepting ---- */

/* Lets connections wait in the kernel's backlog, without spinning, when descriptors or memory run
 * out. */
static void on_refused(struct acceptor *a, int err)
{
    if (err != EMFILE && err != ENFILE && err != ENOBUFS && err != ENOMEM)
        return;
    a->config.on_exhausted(a->config.arg, err);
    loop_timer(a->loop, &a->retry, ACCEPTOR_RETRY_MS);
    update_listening(a);
}

static void accept_all(struct listener *l)
{
    struct acceptor *a = l->acceptor;
    struct sock_addr peer;
    int fd;

    while (may_accept(l)) {
        if (sock_accept(l->io.fd, &fd, &peer) < 0) {
            on_refused(a, errno);
            return;
        }
        /* A socket from another process may lack TCP_NODELAY, and so may connections that waited
         * in it before we took it. */
        if (a->config.are_kept[l - a->listeners])
            sock_nodelay(fd);
        if (is_rated(l))
            a->credit -= ONE;
        hand_over(l, fd, &peer);
    }
}

static void on_listener(struct loop_io *io, uint32_t events)
{
    (void)events;
    accept_all(container_of(io, struct listener, io));
}

static void on_retry(struct timer *t)
{
    update_listening(container_of(t, struct acceptor, retry));
}

static void on_pause_over(struct timer *t)
{
    update_listening(container_of(t, struct acceptor, pause));
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

    (void)pthread_setname_np(pthread_self(), "acceptor");
    loop_run(a->loop);
    /* Accepts the connections in the backlogs, because closing a socket would reset them. In a kept
     * socket they keep waiting for the other process. */
    a->config.rate = 0;
    a->is_stopping = true;
    for (size_t i = 0; i < a->config.n_listen_fds; i++) {
        if (!a->config.are_kept[i])
            accept_all(&a->listeners[i]);
    }
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
    timer_stop(&a->pause);
    timer_stop(&a->look);
    mailbox_free(a->inbox); /* before its loop */
    loop_free(a->loop);
    for (size_t i = 0; i < a->config.n_workers; i++)
        intake_free(a->intakes[i]);
    free(a->intakes);
    free(a);
}

int acceptor_start(const struct acceptor_config *config, struct acceptor **ret_acceptor)
{
    struct acceptor *a = mem_zalloc(sizeof(*a) + config->n_listen_fds * sizeof(a->listeners[0]));

    a->config = *config;
    a->intakes = mem_array(NULL, config->n_workers, sizeof(a->intakes[0]));
    for (size_t i = 0; i < config->n_workers; i++)
        a->intakes[i] = intake_create(config->workers[i]);
    a->stop.fn = on_stop;
    timer_init(&a->retry, on_retry);
    timer_init(&a->pause, on_pause_over);
    timer_init(&a->look, on_look);
    a->credit = credit_most(a);
    a->credit_ms = clock_mono_ms();
    if (loop_create(&a->loop) < 0 || mailbox_create(a->loop, a, &a->inbox) < 0 ||
        listen_all(a) < 0 || pthread_create(&a->thread, NULL, acceptor_main, a) != 0) {
        acceptor_free(a);
        return EH_EIO;
    }
    *ret_acceptor = a;
    return EH_OK;
}

struct mailbox *acceptor_inbox(struct acceptor *a)
{
    return a->inbox;
}

void acceptor_stop(struct acceptor *a)
{
    if (!a)
        return;
    mailbox_post(a->inbox, &a->stop);
    pthread_join(a->thread, NULL);
    while (mailbox_drain(a->inbox))
        ; /* mail posted in the meantime */
    for (size_t i = 0; i < a->config.n_listen_fds; i++)
        close(a->config.listen_fds[i]);
    acceptor_free(a);
}
