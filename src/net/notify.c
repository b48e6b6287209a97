#include "net/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

struct notify {
    int fd;
    socklen_t len;
    struct sockaddr_un to; /* not connected: a restarted manager binds a new socket */
};

static int set_address(struct notify *n, const char *path)
{
    size_t length = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof(n->to.sun_path))
        return EH_EINVAL;
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, path, length);
    if (path[0] == '@')
        n->to.sun_path[0] = '\0'; /* abstract: every byte of its length is part of the name */
    n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/'));
    return EH_OK;
}

int notify_create(const char *path, struct notify **ret)
{
    const struct timeval most = { .tv_usec = NOTIFY_WAIT_MS * 1000 };
    struct notify n = { .fd = -1 };

    EH_TRY(set_address(&n, path));
    n.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (n.fd < 0)
        return EH_EIO;
    (void)setsockopt(n.fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
    *ret = mem_alloc(sizeof(n));
    **ret = n;
    return EH_OK;
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    close(n->fd);
    free(n);
}

void notify_send(const struct notify *n, const char *state)
{
    (void)sendto(n->fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&n->to,
                 n->len); /* a failure cannot be reported to anyone */
}

uint64_t notify_watchdog_ms(const char *usec, const char *pid)
{
    uint64_t us, for_pid;

    if (!usec || str_parse_u64(str_of(usec), &us) < 0)
        return 0;
    if (pid && (str_parse_u64(str_of(pid), &for_pid) < 0 || for_pid != (uint64_t)getpid()))
        return 0;
    return us / 1000;
}
