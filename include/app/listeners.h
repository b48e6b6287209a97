/* listeners.h - the sockets to which clients connect, and what is spoken on each.
 * Thread:  main opens them; then immutable and shared.
 * Owns:    nothing once the acceptor runs: it closes the descriptors.
 */
#ifndef EH_APP_LISTENERS_H
#define EH_APP_LISTENERS_H

#include <stddef.h>

#include "app/config.h"
#include "base/err.h"

#define LISTENERS_MAX 2

struct tls;

struct listeners {
    size_t n;
    int fds[LISTENERS_MAX];
    struct tls *tls[LISTENERS_MAX]; /* NULL: plain */
};

/* tls NULL: no listener for it. EH_EIO, EH_EINVAL: it was logged. */
int listeners_open(const struct config *config, struct tls *tls, struct listeners *ret) EH_MUST_USE;
void listeners_log(const struct listeners *l); /* each with its address and port */

#endif
