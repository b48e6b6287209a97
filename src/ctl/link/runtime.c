#include "ctl/link/runtime.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct runtime {
    struct term *term;
    struct loop *loop;
    struct mailbox *mailbox;
    struct loop_io signals;
    sigset_t mask;          /* of the process, without what watch_signals blocks */
    struct loop_io out;     /* stdout: only whether its reader is gone */
    struct loop_task flush; /* the output of this turn */
    bool has_ended;
    int status;
    void (*on_interrupt)(void *arg);
    void *on_interrupt_arg;
    void (*on_resize)(void *arg);
    void *on_resize_arg;
};

/* ---- signals ---- */

static void interrupt(struct runtime *rt)
{
    void (*fn)(void *) = rt->on_interrupt;

    rt->on_interrupt = NULL; /* a second signal does not wait for what fn has begun */
    if (fn) {
        fn(rt->on_interrupt_arg);
        return;
    }
    rt->has_ended = false; /* it counts more than how the command wanted to end */
    runtime_end(rt, CTL_INTERRUPTED);
}

/* Returns the signal that came first; 0: none. */
static int next_signal(struct runtime *rt)
{
    struct signalfd_siginfo info;

    return read(rt->signals.fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    struct runtime *rt = container_of(io, struct runtime, signals);
    const int signal = next_signal(rt);

    (void)events;
    if (signal == SIGINT || signal == SIGTERM)
        interrupt(rt);
    else if (signal == SIGWINCH && rt->on_resize)
        rt->on_resize(rt->on_resize_arg);
}

/* Blocks the signals, so that no thread of the resolver takes them. */
static int watch_signals(struct runtime *rt)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    rt->signals.fn = on_signal;
    return fd < 0 ? EH_EIO : loop_watch(rt->loop, &rt->signals, fd, EPOLLIN);
}

/* ---- stdout ---- */

static void on_out(struct loop_io *io, uint32_t events)
{
    (void)io;
    if (events & (EPOLLERR | EPOLLHUP))
        term_end_by_closed_pipe();
}

/* A command can do nothing more when its output has no way out, so the first signal ends it. */
static void on_wait(void *arg)
{
    struct runtime *rt = arg;
    struct pollfd fds[] = { { .fd = STDOUT_FILENO, .events = POLLOUT },
                            { .fd = rt->signals.fd, .events = POLLIN } };

    while (poll(fds, 2, -1) < 0 || !fds[0].revents) {
        const int signal = next_signal(rt);

        if (signal == SIGINT || signal == SIGTERM)
            _exit(CTL_INTERRUPTED);
    }
}

static void on_flush(struct loop_task *task)
{
    term_flush(container_of(task, struct runtime, flush)->term);
}

static void on_output(void *arg)
{
    struct runtime *rt = arg;

    loop_flush_later(rt->loop, &rt->flush);
}

/* ---- the loop ---- */

int runtime_create(struct term *term, struct runtime **ret)
{
    struct runtime *rt = mem_zalloc(sizeof(*rt));

    rt->term = term;
    rt->signals.fd = rt->out.fd = -1;
    rt->out.fn = on_out;
    rt->flush.fn = on_flush;
    pthread_sigmask(SIG_BLOCK, NULL, &rt->mask);
    if (loop_create(&rt->loop) < 0 || mailbox_create(rt->loop, rt, &rt->mailbox) < 0 ||
        watch_signals(rt) < 0) {
        term_error(term, "cannot start: %m");
        runtime_free(rt);
        return CTL_NO_CONNECTION;
    }
    /* A file cannot be watched, and need not be. */
    if (loop_watch(rt->loop, &rt->out, STDOUT_FILENO, 0) < 0)
        rt->out.fd = -1;
    term->on_output = on_output;
    term->on_wait = on_wait;
    term->arg = rt;
    *ret = rt;
    return CTL_OK;
}

void runtime_free(struct runtime *rt)
{
    if (!rt)
        return;
    rt->term->on_output = rt->term->on_wait = NULL;
    if (rt->mailbox) {
        while (mailbox_drain(rt->mailbox))
            ;
        mailbox_free(rt->mailbox);
    }
    if (rt->loop) {
        loop_close(rt->loop, &rt->signals);
        loop_cancel(&rt->flush);
        loop_free(rt->loop); /* stdout stays open */
    }
    pthread_sigmask(SIG_SETMASK, &rt->mask, NULL);
    free(rt);
}

struct loop *runtime_loop(struct runtime *rt)
{
    return rt->loop;
}

struct mailbox *runtime_mailbox(struct runtime *rt)
{
    return rt->mailbox;
}

void runtime_on_interrupt(struct runtime *rt, void (*fn)(void *arg), void *arg)
{
    rt->on_interrupt = fn;
    rt->on_interrupt_arg = arg;
}

void runtime_on_resize(struct runtime *rt, void (*fn)(void *arg), void *arg)
{
    rt->on_resize = fn;
    rt->on_resize_arg = arg;
}

void runtime_end(struct runtime *rt, int status)
{
    if (!rt->has_ended)
        rt->status = status;
    rt->has_ended = true;
    loop_stop(rt->loop);
}

int runtime_run(struct runtime *rt)
{
    loop_run(rt->loop);
    rt->has_ended = false;
    term_flush(rt->term);
    return rt->status;
}
