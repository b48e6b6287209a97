/* unix_socket.c - the life of a socket's file.
 *
 * bind() creates the file and never replaces one, and nothing removes it when its process dies. So
 * a server that was killed leaves a stale file behind, which the next one must replace; but it must
 * not take the path away from a server that runs, whose clients would then reach the wrong one. A
 * connection attempt tells them apart: the kernel refuses it if nobody listens.
 *
 * Two servers that start at the same moment could both find the stale file, and the slower one
 * would remove the new socket of the faster. So they take turns, by a lock on the directory, which
 * leaves no lock file behind. Anyone who can read the directory can hold that lock, so we wait for
 * it only for a while, and then go on without.
 *
 * The mode must be right from the start: a chmod after bind() would leave a moment in which others
 * could connect, or follow a link that somebody has put there. Linux gives the file the mode 0777
 * without the umask.
 */
#include "net/unix_socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "net/sock.h"

#define LOCK_TRIES    50
#define LOCK_PAUSE_NS 20000000 /* 20 ms */

static int close_keeping_errno(int fd)
{
    int err = errno;

    if (fd >= 0)
        close(fd);
    errno = err;
    return EH_EIO;
}

socklen_t unix_socket_address(const char *path, struct sockaddr_un *ret)
{
    size_t n = strlen(path);

    assert(n <= UNIX_SOCKET_PATH_MAX);
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(ret->sun_path, path, n);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
}

/* ---- the file ---- */

/* Opens and locks the directory of the path. Returns -1 if that fails: bind() then says why. */
static int lock_directory(const char *path)
{
    const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
    const char *slash = strrchr(path, '/');
    char directory[UNIX_SOCKET_PATH_MAX + 2];
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    int fd;

    memcpy(directory, path, n);
    memcpy(directory + n, ".", 2);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
        (void)nanosleep(&pause, NULL);
    return fd;
}

static bool is_in_use(const struct sockaddr_un *addr, socklen_t len)
{
    int fd;

    if (sock_connect((const struct sockaddr *)addr, len, &fd) < 0)
        return errno != ECONNREFUSED;
    close(fd);
    return true;
}

/* Makes room for a new socket at the path. */
static int remove_stale(const struct sockaddr_un *addr, socklen_t len)
{
    struct stat st;

    if (lstat(addr->sun_path, &st) < 0)
        return errno == ENOENT ? EH_OK : EH_EIO;
    if (!S_ISSOCK(st.st_mode))
        return EH_EINVAL;
    if (is_in_use(addr, len)) {
        errno = EADDRINUSE;
        return EH_EIO;
    }
    return unlink(addr->sun_path) == 0 || errno == ENOENT ? EH_OK : EH_EIO;
}

static int bind_with_mode(int fd, const struct sockaddr_un *addr, socklen_t len, mode_t mode)
{
    mode_t before = umask(0777 & ~mode);
    int rc = bind(fd, (const struct sockaddr *)addr, len);
    int err = errno;

    (void)umask(before);
    errno = err;
    return rc < 0 ? EH_EIO : EH_OK;
}

static int listen_at(const char *path, mode_t mode, int fd, struct unix_socket *ret)
{
    struct sockaddr_un addr;
    socklen_t len = unix_socket_address(path, &addr);
    struct stat st;

    EH_TRY(remove_stale(&addr, len));
    EH_TRY(bind_with_mode(fd, &addr, len, mode));
    if (listen(fd, SOCK_BACKLOG) < 0 || lstat(path, &st) < 0) {
        (void)unlink(path);
        return EH_EIO;
    }
    *ret = (struct unix_socket){ .dev = st.st_dev, .ino = st.st_ino };
    memcpy(ret->path, path, strlen(path) + 1);
    return EH_OK;
}

int unix_socket_listen(const char *path, mode_t mode, int *ret_fd, struct unix_socket *ret)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int lock, rc;

    if (fd < 0)
        return EH_EIO;
    lock = lock_directory(path);
    rc = listen_at(path, mode, fd, ret);
    (void)close_keeping_errno(lock);
    if (rc < 0) {
        (void)close_keeping_errno(fd);
        return rc;
    }
    *ret_fd = fd;
    return EH_OK;
}

/* The number of our file belongs to no other one as long as the descriptor is open. */
void unix_socket_remove(struct unix_socket *s)
{
    struct stat st;
    int lock;

    if (!s->path[0])
        return;
    lock = lock_directory(s->path);
    if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
        (void)unlink(s->path);
    (void)close_keeping_errno(lock);
    *s = (struct unix_socket){ .path = "" };
}

/* ---- the rest ---- */

int unix_socket_dial(const char *path, unsigned timeout_ms, int *ret_fd)
{
    struct sockaddr_un addr;
    socklen_t len = unix_socket_address(path, &addr);

    return sock_dial_to((const struct sockaddr *)&addr, len, timeout_ms, ret_fd);
}

void unix_socket_path(int fd, char out[UNIX_SOCKET_PATH_MAX + 2])
{
    struct sockaddr_un local = { .sun_family = AF_UNSPEC };
    socklen_t len = sizeof(local);
    size_t n = 0;

    if (getsockname(fd, (struct sockaddr *)&local, &len) == 0 && local.sun_family == AF_UNIX &&
        len > offsetof(struct sockaddr_un, sun_path))
        n = len - offsetof(struct sockaddr_un, sun_path);
    if (n > sizeof(local.sun_path))
        n = sizeof(local.sun_path);
    memcpy(out, local.sun_path, n);
    out[n] = '\0';
    if (n > 0 && out[0] == '\0')
        out[0] = '@';
}
