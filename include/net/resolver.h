/* resolver.h - host names to addresses without stopping the thread that asks.
 * Thread:  each question runs getaddrinfo on a short-lived thread of its own and comes back by
 *          mail; at most one question of an asker is under way.
 * Owns:    the question, until its mail is delivered; then the receiver frees it.
 */
#ifndef EH_NET_RESOLVER_H
#define EH_NET_RESOLVER_H

#include <netdb.h>
#include <stdint.h>

#include "base/err.h"
#include "net/mailbox.h"

struct resolver_answer {
    struct mail mail;
    int err;               /* 0 or an EAI_ code, for gai_strerror */
    struct addrinfo *list; /* freeaddrinfo it; NULL with err */
    uint64_t tag;          /* the asker's own */
};

/* Posts a resolver_answer with fn to box. EH_EIO when no thread can be started. */
int resolver_ask(struct mailbox *box, mail_fn *fn, const char *host, uint16_t port, uint64_t tag)
    EH_MUST_USE;
void resolver_answer_free(struct resolver_answer *a);

#endif
