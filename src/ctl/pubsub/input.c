/* input.c - stdin on an event loop.
 *
 * Two things make stdin special. epoll refuses regular files (EPERM), for which read never waits:
 * these are read once in every turn, so that answers of the server get their turn too. And stdin is
 * shared: O_NONBLOCK would be set for the shell and for every other program that has the terminal
 * open, too. So the descriptor stays blocking, and is read once after epoll has reported it, when
 * read does not wait. It stays open, too: epoll would go on to watch the shell's copy of it.
 *
 * A paused descriptor cannot simply be watched without events: epoll reports the end of a pipe
 * (EPOLLHUP) in every turn, even if no event was asked for. With EPOLLET it does so once. Asking
 * for EPOLLIN again reports what is there.
 */
#include "ctl/pubsub/input.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/list.h"

static void read_some(struct input *in)
{
    char *p = loop_scratch(in->loop);
    ssize_t n = read(in->fd, p, LOOP_SCRATCH);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0)
        in->events->on_data(in, p, (size_t)n);
    else
        in->events->on_end(in, n < 0 ? errno : 0);
}

static void on_readable(struct loop_io *io, uint32_t events)
{
    struct input *in = container_of(io, struct input, io);

    (void)events;
    if (!in->is_paused)
        read_some(in);
}

static void on_turn(struct loop_task *task)
{
    struct input *in = container_of(task, struct input, again);

    loop_next_turn(in->loop, task);
    read_some(in);
}

int input_open(struct input *in, struct loop *lp, int fd, const struct input_events *events)
{
    *in = (struct input){
        .io = { .fd = -1, .fn = on_readable },
        .again = { .fn = on_turn },
        .loop = lp,
        .events = events,
        .fd = fd,
    };
    if (loop_watch(lp, &in->io, fd, EPOLLIN) == EH_OK)
        return EH_OK;
    if (errno != EPERM) {
        in->fd = -1;
        return EH_EIO;
    }
    loop_next_turn(lp, &in->again);
    return EH_OK;
}

void input_close(struct input *in)
{
    if (in->fd < 0)
        return;
    loop_cancel(&in->again);
    loop_unwatch(in->loop, &in->io);
    in->fd = -1;
}

void input_pause(struct input *in)
{
    in->is_paused = true;
    if (in->io.fd >= 0)
        loop_rewatch(in->loop, &in->io, EPOLLET);
    loop_cancel(&in->again);
}

void input_resume(struct input *in)
{
    in->is_paused = false;
    if (in->io.fd >= 0)
        loop_rewatch(in->loop, &in->io, EPOLLIN);
    else if (in->fd >= 0)
        loop_next_turn(in->loop, &in->again);
}
