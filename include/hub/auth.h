/* auth.h - turns a JWT into a set of rights (docs/protocol.md, section 5).
 * Thread:  any; pure (the time is a parameter). A struct auth is immutable.
 * Checks:  the envelope and its key (hub/token.h); aud and iss, if the policy names them; exp and
 *          nbf are numbers, fractions included, and hold within the leeway; every claim has the
 *          right type and occurs once; read, write and presence are arrays, whose invalid entries
 *          are ignored; read, write and admin together have at least one valid entry; every rule of
 *          rlimit is valid (hub/ratelimit.h). Every claim that is not named here is ignored, and so
 *          is an admin that is not an array: providers use that name for other things. A jti that
 *          is not a text of at most REVOKED_NAME_MAX bytes is ignored, and an iat that is not a
 *          number. So are both if they occur twice, or if jansson cannot represent them.
 * Secrets: neither the token nor a secret ever appears in ret_why.
 */
#ifndef EH_HUB_AUTH_H
#define EH_HUB_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "hub/keyring.h"
#include "hub/ratelimit.h"

#define AUTH_SUB_MAX 256 /* bytes of `sub`; a token with a longer one is refused */

enum auth_right {
    AUTH_READ,
    AUTH_WRITE,
    AUTH_PRESENCE, /* to see who subscribes */
};

/* Rights over the whole server, for the control API: the entries of the claim `admin`. */
enum auth_admin {
    AUTH_ADMIN_CLIENTS, /* to see and disconnect clients */
    AUTH_ADMIN_PUBLISH, /* to publish to all topics */
    AUTH_ADMIN_LOG,     /* to see and empty the logs of all topics */
    AUTH_ADMIN_TOKENS,  /* to revoke tokens */
};

#define AUTH_ADMIN_RIGHTS (AUTH_ADMIN_TOKENS + 1)

struct auth;

/* The requirements on a token. The policy must outlive the calls that use it. */
struct auth_policy {
    const struct keyring *keys;
    struct str audience; /* `aud` must be or contain it; empty: any */
    struct str issuer;   /* `iss` must be it; empty: any */
    uint64_t leeway_ms;  /* a token begins this much before nbf, and ends this much after exp */
};

/* Verifies the token as of now_ms, milliseconds since the epoch. On success the caller owns
 * *ret_auth. EH_EINVAL: *ret_why is a short reason (static text) for the body of the 401; it names
 * the claim. EH_ENOENT: the same, and the reason is that no key verifies the token (token_open). */
int auth_verify(struct str token, const struct auth_policy *policy, uint64_t now_ms,
                struct auth **ret_auth, const char **ret_why) EH_MUST_USE;
/* Does the same for the payload of a token whose signature is not examined, such as one that is
 * about to be signed. policy->keys is not used. */
int auth_check(struct str payload, const struct auth_policy *policy, uint64_t now_ms,
               struct auth **ret_auth, const char **ret_why) EH_MUST_USE;
/* Creates the rights for DISABLE_AUTH: everything is allowed, without a sub or an expiry. */
struct auth *auth_everything(void);
void auth_free(struct auth *a); /* NULL is fine */

/* Reports whether the right covers everything that the valid filter can match. A single entry of
 * its list must do so (filter_covers). */
bool auth_allows(const struct auth *a, enum auth_right right, struct str filter);

bool auth_administers(const struct auth *a, enum auth_admin right);
const char *auth_admin_name(enum auth_admin right); /* as in the claim */
bool auth_admin_is_known(struct str name);

struct str auth_sub(const struct auth *a);      /* empty: none */
struct str auth_jti(const struct auth *a);      /* empty: none */
uint64_t auth_issued_ms(const struct auth *a);  /* `iat` in ms since the epoch; 0: none */
uint64_t auth_expires_ms(const struct auth *a); /* ms since the epoch, with leeway; 0: never */

/* Finds the rule that limits how often the holder may publish to a valid topic. False: there is
 * none; without a sub there never is. The rule's topic is a view into `a`. */
bool auth_rate_rule(const struct auth *a, struct str topic, struct rate_rule *ret_rule);

/* Returns the token in the value of `Authorization: Bearer <token>` or, as a word with a dot, of
 * `Authorization: <token>`. {NULL, 0}: the value is empty, or of another scheme. */
struct str auth_header_token(struct str value);

#endif
