/* acceptor.h - the thread that accepts and hands each socket to the next worker, round-robin.
 * Thread:  acceptor_start and acceptor_stop from main; the rest runs on its own thread.
 * Owns:    the listening sockets from acceptor_start on, and an accepted fd until it is posted.
 * Limits:  when descriptors run out it stops listening for events and tries again every
 *          ACCEPTOR_RETRY_MS: connections wait in the kernel's backlog, nothing spins. So they do
 *          while `rate` is used up. What is not used adds up for a tenth of a second at most.
 */
#ifndef EH_NET_ACCEPTOR_H
#define EH_NET_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/mailbox.h"
#include "net/sock.h"

#define ACCEPTOR_RETRY_MS 100

/* One accepted socket on its way to a worker, which frees it. */
struct accepted {
    struct mail mail;
    int fd;
    size_t listener; /* where it came from: the place in listen_fds */
    struct sock_addr peer;
};

struct acceptor;

/* The arrays live as long as the acceptor. */
struct acceptor_config {
    const int *listen_fds;
    const bool *are_kept; /* each of them: somebody else has it, too, and takes over at the end */
    size_t n_listen_fds;
    struct mailbox *const *workers; /* where sockets go, in turn */
    size_t n_workers;
    uint64_t rate;        /* connections a second; 0: no limit */
    size_t n_rated_fds;   /* the first so many of listen_fds are under it together */
    mail_fn *on_accepted; /* runs on the worker with a struct accepted */
    void (*on_exhausted)(void *arg,
                         int err); /* acceptor's thread: out of descriptors, once a try */
    void (*on_paced)(void *arg);   /* acceptor's thread: the rate is used up, once a pause */
    void *arg;
};

int acceptor_start(const struct acceptor_config *config,
                   struct acceptor **ret_acceptor) EH_MUST_USE;
/* Mail for its thread; what the thread does not read acceptor_stop delivers. */
struct mailbox *acceptor_inbox(struct acceptor *a);
/* Closes the listening sockets; returns when it is done. Who waits there is accepted first,
 * whatever the rate; not where the socket is kept. */
void acceptor_stop(struct acceptor *a);

#endif
