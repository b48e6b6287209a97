/* sock.h - the few socket calls we make, each non-blocking and close-on-exec. Thread: any. */
#ifndef EH_NET_SOCK_H
#define EH_NET_SOCK_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define SOCK_ADDR_TEXT 64 /* "[ffff:...:ffff]:65535" and the NUL */

/* Address of a peer, small enough to keep for every connection. */
struct sock_addr {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;  /* host order */
};

/* A listening socket; what it accepts has TCP_NODELAY. address "" is :: with IPv4 too (0.0.0.0
 * where there is no IPv6). EH_EINVAL: not a numeric address; EH_EIO: errno. */
int sock_listen(struct str address, uint16_t port, int *ret_fd) EH_MUST_USE;

/* A listening TCP socket that somebody else has opened, made non-blocking and close-on-exec.
 * EH_EINVAL: it is none. */
int sock_adopt(int fd) EH_MUST_USE;

/* The next waiting connection. EH_EIO: errno (EAGAIN: none; EMFILE, ENFILE: out of descriptors). */
int sock_accept(int listen_fd, int *ret_fd, struct sock_addr *ret_peer) EH_MUST_USE;

void sock_nodelay(int fd); /* what is small goes out at once: we batch by ourselves */

/* Starts to connect; completes when the fd turns writable, then sock_error tells. */
int sock_connect(const struct sockaddr *addr, socklen_t len, int *ret_fd) EH_MUST_USE;
/* Connects to a numeric address and waits for it, as reads and writes do afterwards, timeout_ms at
 * most: for a process that does nothing else. EH_EINVAL: not an address; EH_EIO: errno. */
int sock_dial(struct str address, uint16_t port, unsigned timeout_ms, int *ret_fd) EH_MUST_USE;
int sock_error(int fd); /* SO_ERROR: 0 or an errno */

/* The connection ends (ETIMEDOUT) when for so long nothing that waits was sent or acknowledged. */
void sock_user_timeout(int fd, unsigned ms);

/* "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80"; without a port it is 0. */
int sock_addr_parse(struct str text, struct sock_addr *ret) EH_MUST_USE;
void sock_addr_format(const struct sock_addr *a, char out[SOCK_ADDR_TEXT]); /* "1.2.3.4:80" */
void sock_local_addr(int fd, struct sock_addr *ret); /* all zero when it has none */

#endif
