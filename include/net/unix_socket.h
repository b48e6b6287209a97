/* unix_socket.h - listening Unix-domain sockets, and the files that are their addresses.
 * Thread:  unix_socket_listen changes the umask of the process for a moment, so it runs on main
 *          before other threads start; the rest: any.
 * Owns:    nothing. The file outlives the descriptor, until unix_socket_remove.
 */
#ifndef EH_NET_UNIX_SOCKET_H
#define EH_NET_UNIX_SOCKET_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/err.h"

#define UNIX_SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* The file of a socket that was opened here. */
struct unix_socket {
    char path[UNIX_SOCKET_PATH_MAX + 1]; /* "": none */
    dev_t dev;
    ino_t ino;
};

/* Opens a listening socket at `path`, which has at most UNIX_SOCKET_PATH_MAX bytes, with exactly
 * this mode. A socket there in which nobody listens is replaced. EH_EINVAL: something other than a
 * socket is there; EH_EIO: errno (EADDRINUSE: somebody listens there). */
int unix_socket_listen(const char *path, mode_t mode, int *ret_fd,
                       struct unix_socket *ret) EH_MUST_USE;
/* Removes the file before the descriptor is closed, unless it is another one by now. *s is empty
 * then. */
void unix_socket_remove(struct unix_socket *s);

/* Fills *ret with a path of at most UNIX_SOCKET_PATH_MAX bytes, and returns its length. */
socklen_t unix_socket_address(const char *path, struct sockaddr_un *ret);
/* Connects. This call and later reads and writes block for at most timeout_ms. EH_EIO: errno. */
int unix_socket_dial(const char *path, unsigned timeout_ms, int *ret_fd) EH_MUST_USE;

/* Writes the path of a socket's own address; an abstract name begins with "@". Without one it is
 * "". */
void unix_socket_path(int fd, char out[UNIX_SOCKET_PATH_MAX + 2]);

#endif
