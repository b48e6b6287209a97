/* listeners.h - the sockets to which clients, and whoever operates the server, connect, and what is
 * spoken on each.
 * Thread:  main opens them; then immutable and shared.
 * Owns:    nothing once the acceptor runs: it closes the descriptors.
 */
#ifndef EH_APP_LISTENERS_H
#define EH_APP_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "app/config/config.h"
#include "app/handover.h"
#include "base/err.h"

#define LISTENERS_MAX (HANDOVER_MAX + 2) /* with those that are not handed over */

struct tls;

struct listener {
    struct tls *tls;       /* NULL: plain */
    bool has_proxy_header; /* PROXY_PROTOCOL */
    bool is_internal;      /* health and metrics, nothing else */
};

struct listeners {
    size_t n;
    size_t n_public; /* of them; the internal one comes last */
    int fds[LISTENERS_MAX];
    bool are_kept[LISTENERS_MAX]; /* they were handed over, and outlive us */
    struct listener at[LISTENERS_MAX];
};

/* Takes sockets that are handed over, opens the others that the options want. tls NULL: none for
 * TLS. EH_EIO, EH_EINVAL: it was logged. */
int listeners_open(const struct config *config, struct tls *tls, struct listeners *ret) EH_MUST_USE;
void listeners_log(const struct listeners *l); /* each with its address and port */

#endif
