/* calls.c - makes one system call of the server fail (plan.h); the tests preload it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plan.h"

/* Defines a wrapper that fails with -1 and errno, or calls the function of the C library. */
#define WRAP(type, name, params, ...)                                                              \
    type name params;                                                                              \
    type name params                                                                               \
    {                                                                                              \
        static type(*real) params;                                                                 \
        int error;                                                                                 \
                                                                                                   \
        if (fault_now(#name, &error)) {                                                            \
            errno = error;                                                                         \
            return (type)-1;                                                                       \
        }                                                                                          \
        if (!real)                                                                                 \
            real = (type(*) params)dlsym(RTLD_NEXT, #name);                                        \
        return real(__VA_ARGS__);                                                                  \
    }

WRAP(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), fd, a, n, flags)
WRAP(int, bind, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
WRAP(int, epoll_create1, (int flags), flags)
WRAP(int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), fd, e, n, ms)
WRAP(int, eventfd, (unsigned n, int flags), n, flags)
WRAP(int, eventfd_read, (int fd, eventfd_t *n), fd, n)
WRAP(ssize_t, getrandom, (void *p, size_t n, unsigned flags), p, n, flags)
WRAP(int, listen, (int fd, int n), fd, n)
WRAP(ssize_t, read, (int fd, void *p, size_t n), fd, p, n)
WRAP(int, setsockopt, (int fd, int level, int name, const void *p, socklen_t n), fd, level, name, p,
     n)
WRAP(int, signalfd, (int fd, const sigset_t *set, int flags), fd, set, flags)
WRAP(int, socket, (int family, int type, int protocol), family, type, protocol)

/* The kernel can refuse only a new watch. */
int epoll_ctl(int fd, int op, int target, struct epoll_event *e)
{
    static int (*real)(int, int, int, struct epoll_event *);
    int error;

    if (op == EPOLL_CTL_ADD && fault_now("epoll_ctl", &error)) {
        errno = error;
        return -1;
    }
    if (!real)
        real = (int (*)(int, int, int, struct epoll_event *))dlsym(RTLD_NEXT, "epoll_ctl");
    return real(fd, op, target, e);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    static ssize_t (*real)(int, void *, size_t, int);
    int error;

    if (!real)
        real = (ssize_t(*)(int, void *, size_t, int))dlsym(RTLD_NEXT, "recv");
    if (!fault_now("recv", &error))
        return real(fd, p, n, flags);
    if (error == 0)
        return real(fd, p, 1, flags);
    errno = error;
    return -1;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    static ssize_t (*real)(int, const struct msghdr *, int);
    struct iovec one = { m->msg_iov->iov_base, 1 };
    struct msghdr less = { .msg_iov = &one, .msg_iovlen = 1 };
    int error;

    if (!real)
        real = (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");
    if (!fault_now("sendmsg", &error))
        return real(fd, m, flags);
    if (error == 0)
        return real(fd, &less, flags);
    errno = error;
    return -1;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    int error;

    if (fault_now("pthread_create", &error))
        return error;
    if (!real)
        real = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
            RTLD_NEXT, "pthread_create");
    return real(thread, attr, fn, arg);
}

FILE *fopen(const char *path, const char *mode)
{
    static FILE *(*real)(const char *, const char *);
    int error;

    if (fault_now("fopen", &error)) {
        errno = error;
        return NULL;
    }
    if (!real)
        real = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen");
    return real(path, mode);
}
