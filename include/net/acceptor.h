/* acceptor.h - the thread that accepts connections and hands them to the workers in turn.
 * Thread:  acceptor_start and acceptor_stop run on main; the rest runs on a thread of its own.
 * Owns:    the listening sockets from acceptor_start on, and an accepted fd until it is posted.
 * Limits:  when descriptors run out, it stops watching its sockets and tries again every
 *          ACCEPTOR_RETRY_MS: connections wait in the kernel's backlog, and nothing spins. They
 *          wait there too while `rate` is used up, or under load: while is_loaded, or while all
 *          workers are late, that is, have not taken sockets that were posted to them 100 ms ago.
 *          Then it looks again every ACCEPTOR_LOOK_MS, and accepts after ACCEPTOR_HELD_MAX_MS in
 *          any case, until the load is gone and comes again. Unused rate accumulates for at most a
 *          tenth of a second.
 */
#ifndef EH_NET_ACCEPTOR_H
#define EH_NET_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/mailbox.h"
#include "net/sock.h"

#define ACCEPTOR_RETRY_MS    100
#define ACCEPTOR_LOOK_MS     20
#define ACCEPTOR_HELD_MAX_MS 5000

/* One accepted socket on its way to a worker, which frees it. */
struct accepted {
    struct mail mail;
    int fd;
    size_t listener; /* index in listen_fds of the socket that accepted it */
    struct sock_addr peer;
};

enum acceptor_load { ACCEPTOR_NOT_LOADED, ACCEPTOR_LOADED, ACCEPTOR_LATE_WORKERS };

struct acceptor;

/* The arrays must outlive the acceptor. */
struct acceptor_config {
    const int *listen_fds;
    const bool *are_kept; /* for each: another process holds it too, and takes over at the end */
    size_t n_listen_fds;
    struct mailbox *const *workers; /* they get the sockets in turn, without those that are late */
    size_t n_workers;
    uint64_t rate;        /* connections per second; 0: no limit */
    size_t n_rated_fds;   /* the first n_rated_fds of listen_fds share the rate, and wait under
                             load */
    mail_fn *on_accepted; /* runs on the worker with a struct accepted */
    /* These run on the acceptor's thread. */
    void (*on_exhausted)(void *arg, int err); /* out of descriptors; once per try */
    void (*on_paced)(void *arg);              /* the rate is used up; once per pause */
    /* Reports whether connections should wait for the load. was_loaded is what it returned last:
     * the load must then fall further. NULL: never. */
    bool (*is_loaded)(void *arg, bool was_loaded);
    /* Connections begin to wait for this load, or no longer wait (ACCEPTOR_NOT_LOADED). */
    void (*on_held)(void *arg, enum acceptor_load load);
    void *arg;
};

int acceptor_start(const struct acceptor_config *config,
                   struct acceptor **ret_acceptor) EH_MUST_USE;
/* Returns the mailbox of its thread. acceptor_stop delivers the mail that the thread has not
 * read. */
struct mailbox *acceptor_inbox(struct acceptor *a);
/* Closes the listening sockets and returns when the thread has ended. Connections in the backlog of
 * a socket are accepted first, regardless of the rate, unless the socket is kept. */
void acceptor_stop(struct acceptor *a);

#endif
