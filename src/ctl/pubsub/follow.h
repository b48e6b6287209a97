/* follow.h - where a set of subscriptions is, so that it continues there after a reconnect.
 * Thread:  its owner's; pure.
 * Rules:   ids increase within a subscription, so a message that is not above the last one is a
 *          repetition. A message that several filters match belongs to the first of them; the
 *          others get it as well, and drop it.
 * Owns:    its array. Borrows the filters.
 */
#ifndef EH_CTL_FOLLOW_H
#define EH_CTL_FOLLOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "ctl/pubsub/start.h"
#include "hub/msgid.h"

struct follow {
    struct str filter;
    struct msgid last; /* the position: everything up to it was delivered */
    bool has_last;
};

struct follows {
    struct follow *at;
    size_t n;
    int64_t since; /* where they begin without a position; 0: with live messages */
    bool latest;   /* ... or with the newest message of each topic */
};

/* Takes the filters, which are valid, and drops repeated ones: the server keeps one subscription
 * for each filter. */
void follows_init(struct follows *fs, const char *const *filters, size_t n, struct start start);
void follows_done(struct follows *fs);

/* Returns the params of `subscribe`, a new reference. */
json_t *follow_params(const struct follows *fs, const struct follow *f);
/* Takes the result of `subscribe`. Returns false if messages are missing since the position that
 * was asked for. */
bool follow_confirm(struct follow *f, const json_t *result);
/* Moves the position to a message that arrived. Returns true if it is new and belongs to f. */
bool follow_accept(struct follows *fs, struct follow *f, struct msgid id, struct str topic);

#endif
