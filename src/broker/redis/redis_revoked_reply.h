/* redis_revoked_reply.h - the answers of Redis about revoked tokens (scripts/revoke.lua and
 * revoked.lua).
 * Thread:  any; pure.
 * Trusts:  nothing that comes from Redis.
 * Fails:   EH_EINVAL if a reply does not have the form that our scripts give it.
 */
#ifndef EH_BROKER_REDIS_REVOKED_REPLY_H
#define EH_BROKER_REDIS_REVOKED_REPLY_H

#include <stdbool.h>

#include "hub/revoked.h"

struct redisReply;

int redis_revoke_reply(const struct redisReply *r, bool *ret_full) EH_MUST_USE;

/* A page of revoked.lua. */
struct redis_revoked_page {
    uint64_t last; /* the number of the last change in Redis */
    uint64_t next; /* where the next page begins; 0: this is the last one */
    size_t n;
};
int redis_revoked_reply(const struct redisReply *r, struct redis_revoked_page *ret) EH_MUST_USE;
/* Reads entry i < n; its name is a view into the reply. */
int redis_revoked_entry(const struct redisReply *r, size_t i, struct revocation *ret) EH_MUST_USE;

#endif
