/* listeners.h - the listening sockets for clients and for the operator, and the protocol of each.
 * Thread:  main opens them; then they are immutable and shared.
 * Owns:    the descriptors until the acceptor runs, which then closes them; the file of the Unix
 *          socket until listeners_remove_file.
 */
#ifndef EH_APP_LISTENERS_H
#define EH_APP_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "app/config/config.h"
#include "app/conn/context.h"
#include "app/handover.h"
#include "base/err.h"
#include "net/unix_socket.h"

#define LISTENERS_MAX (HANDOVER_MAX + 3) /* sockets handed over, and those opened here */

struct listeners {
    size_t n;
    size_t n_public; /* how many are for clients; the internal ones come last */
    int fds[LISTENERS_MAX];
    bool are_kept[LISTENERS_MAX]; /* they were handed over, and outlive this process */
    struct listener at[LISTENERS_MAX];
    struct unix_socket file; /* of LISTEN_UNIX, if it was opened here */
};

/* Takes the sockets that were handed over and opens the others that the options ask for; tls is
 * NULL without TLS. EH_EIO, EH_EINVAL: it has logged the reason. */
int listeners_open(const struct config *config, struct tls *tls, struct listeners *ret) EH_MUST_USE;
void listeners_log(const struct listeners *l); /* logs the address and port, or path, of each */
/* Removes the file of the Unix socket, if there is one, so that no more clients come. Call it
 * before the descriptors are closed. */
void listeners_remove_file(struct listeners *l);

#endif
