/* redis_redirect.h - decides from an error whether Redis certainly did not run the command, and
 * where or when to send it again.
 * Thread:  any; pure.
 * Trusts:  nothing. An error that looks like one of these and is malformed is an error like any
 *          other (NONE), so its command is not sent again.
 */
#ifndef EH_BROKER_REDIS_REDIRECT_H
#define EH_BROKER_REDIS_REDIRECT_H

#include "broker/config.h"

#define REDIS_SLOTS 16384 /* of a cluster */

struct redisReply;

enum redis_redirect_kind {
    REDIS_REDIRECT_NONE,     /* it ran, or failed for good */
    REDIS_REDIRECT_NOSCRIPT, /* after SCRIPT LOAD */
    REDIS_REDIRECT_MOVED,    /* to the new owner of the slot */
    REDIS_REDIRECT_ASK,      /* this one to the endpoint, after ASKING; the next one here again */
    REDIS_REDIRECT_TRYAGAIN, /* after a moment: the slot migrates */
    REDIS_REDIRECT_CLUSTERDOWN, /* after a moment: the slot has no owner */
    REDIS_REDIRECT_FENCE,       /* after the feed has joined again (publish.lua) */
};

struct redis_redirect {
    enum redis_redirect_kind kind;
    unsigned slot; /* MOVED, ASK */
    /* MOVED, ASK. host "": the one that answered. port 0: the endpoint is unknown ("?"), ask the
     * cluster for it. */
    struct redis_endpoint endpoint;
};

struct redis_redirect redis_redirect_of(const struct redisReply *r);

/* Reports whether a read that failed with this error may succeed a moment later, or over another
 * connection: Redis loads, is a replica or runs a long script, or the slot of our keys has moved,
 * is moving or has no owner. Such an error says nothing about the log. */
bool redis_redirect_passes(const struct redisReply *error);

/* Fills in the host that answered if the endpoint has no host. */
void redis_redirect_complete(struct redis_redirect *redirect, const char *host);

/* The name of the kind, for the log: "MOVED", ... */
const char *redis_redirect_name(enum redis_redirect_kind kind);

#endif
