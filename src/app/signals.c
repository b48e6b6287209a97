#include "app/signals.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Also ignores SIGPIPE, because the reader of stderr may go away. Sockets use MSG_NOSIGNAL
 * anyway. */
int signals_watch(struct loop *lp, struct loop_io *io)
{
    sigset_t set;
    int fd;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return EH_EIO;
    return loop_watch(lp, io, fd, EPOLLIN);
}

int signals_read(const struct loop_io *io)
{
    struct signalfd_siginfo info;

    return read(io->fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}
