/* token.h - the signed envelope of a token: compact JWS (RFC 7515) in, claims out.
 * Thread:  any; pure.
 * Checks:  size; exactly three parts of canonical base64url; header and payload are JSON objects
 *          in which no name stands twice; `alg` is HS256, `typ` JWT if it is there, no `crit` (we
 *          know no extension); the signature, by libjwt.
 * Timing:  libjwt compares signatures in constant time since 1.17; older packages need the fix of
 *          CVE-2024-25189 (Debian 12 has it).
 * Secrets: neither token nor secret ever reaches ret_why.
 */
#ifndef EH_HUB_TOKEN_H
#define EH_HUB_TOKEN_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

#define TOKEN_MAX 65536 /* bytes: libjwt keeps copies of a token on the stack */

/* EH_EINVAL with static text in *ret_why, else *ret_claims is an object and the caller's. What the
 * claims say is not looked at. An empty secret verifies nothing. */
int token_open(struct str token, struct str secret, json_t **ret_claims,
               const char **ret_why) EH_MUST_USE;

#endif
