/* resolver.h - host names to addresses without stopping the thread that asks.
 * Thread:  its owner's; each question runs getaddrinfo on a short-lived thread of its own and comes
 *          back by mail to the owner's box.
 * Owns:    a question under way, which outlives resolver_free: its answer is then thrown away.
 *          A delivered answer is the receiver's.
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
    uint64_t tag;          /* the asker's own */
};

struct resolver *resolver_create(struct mailbox *box); /* box lives at least as long */
void resolver_free(struct resolver *r);                /* never waits for a question */

/* Posts a resolver_answer with fn to the box. EH_EIO when no thread can be started. */
int resolver_ask(struct resolver *r, mail_fn *fn, const char *host, uint16_t port,
                 uint64_t tag) EH_MUST_USE;
void resolver_answer_free(struct resolver_answer *a);

#endif
