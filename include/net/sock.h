/* sock.h - our few socket calls. Except in sock_dial, sockets are non-blocking; all are
 * close-on-exec.
 * Thread:  any.
 */
#ifndef EH_NET_SOCK_H
#define EH_NET_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define SOCK_ADDR_TEXT 64   /* "[ffff:...:ffff]:65535" and the NUL */
#define SOCK_BACKLOG   4096 /* the kernel limits it to net.core.somaxconn */

/* A peer's address, small enough to keep one for every connection. All zero: the peer of a Unix
 * socket, which has no address. */
struct sock_addr {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;  /* host order */
};

bool sock_addr_is_none(const struct sock_addr *a); /* its ip is ::, which no peer can have */

/* Opens a listening socket; connections that it accepts have TCP_NODELAY. address "" is ::, which
 * takes IPv4 too (0.0.0.0 if the system has no IPv6). EH_EINVAL: not a numeric address; EH_EIO:
 * errno. */
int sock_listen(struct str address, uint16_t port, int *ret_fd) EH_MUST_USE;

enum sock_family { SOCK_TCP, SOCK_UNIX };

/* Makes a listening socket from another process non-blocking and close-on-exec. EH_EINVAL: fd is
 * not such a socket, or of another family. */
int sock_adopt(int fd, enum sock_family family) EH_MUST_USE;

/* Accepts the next connection. EH_EIO: errno (EAGAIN: none; EMFILE, ENFILE: out of descriptors). */
int sock_accept(int listen_fd, int *ret_fd, struct sock_addr *ret_peer) EH_MUST_USE;

void sock_nodelay(int fd); /* sends small writes at once: we do our own batching */

/* Starts to connect. When the fd becomes writable, sock_error returns the outcome. */
int sock_connect(const struct sockaddr *addr, socklen_t len, int *ret_fd) EH_MUST_USE;
/* Connects to a numeric address. This call and later reads and writes block for at most timeout_ms,
 * so it is for a process that does nothing else. EH_EINVAL: not an address; EH_EIO: errno. */
int sock_dial(struct str address, uint16_t port, unsigned timeout_ms, int *ret_fd) EH_MUST_USE;
/* Does the same for any address. */
int sock_dial_to(const struct sockaddr *addr, socklen_t len, unsigned timeout_ms,
                 int *ret_fd) EH_MUST_USE;
int sock_error(int fd); /* SO_ERROR: 0 or an errno */

/* Ends the connection (ETIMEDOUT) when waiting bytes are neither sent nor acknowledged for ms. */
void sock_user_timeout(int fd, unsigned ms);

/* Parses "1.2.3.4", "1.2.3.4:80", "::1", "[::1]" or "[::1]:80"; the port is 0 if absent. */
int sock_addr_parse(struct str text, struct sock_addr *ret) EH_MUST_USE;
/* Writes "1.2.3.4:80" or "[::1]:80", or "unix" if the address is all zero. */
void sock_addr_format(const struct sock_addr *a, char out[SOCK_ADDR_TEXT]);
void sock_local_addr(int fd, struct sock_addr *ret); /* all zero if it has none */

#endif
