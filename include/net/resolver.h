/* resolver.h - resolves host names without blocking the thread that asks.
 * Thread:  its owner's. Each question runs getaddrinfo on a short-lived thread of its own; the
 *          answer is mail to the owner's mailbox.
 * Owns:    questions in progress. They outlive resolver_free, and their answers are then discarded.
 *          A delivered answer belongs to the receiver.
 */
#ifndef EH_NET_RESOLVER_H
#define EH_NET_RESOLVER_H

#include <netdb.h>
#include <stdint.h>

#include "base/err.h"
#include "net/mailbox.h"

struct resolver;

struct resolver_answer {
    struct mail mail;
    int err;               /* 0 or an EAI_ code, for gai_strerror */
    struct addrinfo *list; /* NULL with err */
    uint64_t tag;          /* from resolver_ask */
};

struct resolver *resolver_create(struct mailbox *box); /* which must outlive the resolver */
void resolver_free(struct resolver *r);                /* does not wait for questions */

/* Resolves host, then posts a resolver_answer with fn to the mailbox. EH_EIO: no thread could be
 * started. */
int resolver_ask(struct resolver *r, mail_fn *fn, const char *host, uint16_t port,
                 uint64_t tag) EH_MUST_USE;
void resolver_answer_free(struct resolver_answer *a);

#endif
