/* auth.h - a JWT becomes a set of rights (docs/protocol.md, section 5).
 * Thread:  any; pure (the time is a parameter). A struct auth is immutable.
 * Checks:  the envelope and its key (hub/token.h); aud and iss where the policy names them;
 *          exp and nbf are integers and hold, without leeway; every claim has its type; read, write
 *          and presence are arrays whose invalid entries are ignored; read and write have at least
 *          one valid in all. Invalid entries of rlimit are ignored, too (hub/ratelimit.h).
 * Secrets: neither token nor secret ever reaches ret_why.
 */
#ifndef EH_HUB_AUTH_H
#define EH_HUB_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "hub/keyring.h"
#include "hub/ratelimit.h"

#define AUTH_SUB_MAX 256 /* bytes of `sub`; a longer one refuses the token */

enum auth_right {
    AUTH_READ,
    AUTH_WRITE,
    AUTH_PRESENCE, /* to see who subscribes */
};

struct auth;

/* What a token must be; all of it outlives whoever verifies. */
struct auth_policy {
    const struct keyring *keys;
    struct str audience; /* which `aud` must be or hold; empty: any */
    struct str issuer;   /* which `iss` must be; empty: any */
};

/* Verifies the token at now_s, seconds since the epoch. EH_EINVAL with a short reason for the 401's
 * body in *ret_why (static text), else *ret_auth is the caller's. */
int auth_verify(struct str token, const struct auth_policy *policy, uint64_t now_s,
                struct auth **ret_auth, const char **ret_why) EH_MUST_USE;
/* Everybody may do everything (DISABLE_AUTH): no sub, never expires. */
struct auth *auth_everything(void);
void auth_free(struct auth *a); /* NULL is fine */

/* Does the right cover everything that the valid filter can match? True only where ONE entry of
 * its list does (filter_covers). */
bool auth_allows(const struct auth *a, enum auth_right right, struct str filter);

struct str auth_sub(const struct auth *a);   /* empty: the token has none */
uint64_t auth_expires(const struct auth *a); /* seconds since the epoch; 0: never */

/* The rule that limits the holder's publishing to a valid topic; false: there is none, as always
 * without a sub. The rule's topic is a view into `a`. */
bool auth_rate_rule(const struct auth *a, struct str topic, struct rate_rule *ret_rule);

/* `Authorization: Bearer <token>` or `Authorization: <token>`: the token in the field's value. */
struct str auth_header_token(struct str value);

#endif
