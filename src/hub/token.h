/* token.h - opens the signed envelope of a token: compact JWS (RFC 7515) in, claims out.
 * Thread:  any; pure.
 * Checks:  the size; exactly three parts of canonical base64url; header and payload are JSON
 *          objects without duplicate names; `typ`, if present, is JWT; `kid`, if present, is a
 *          string; no `crit`, since we support no extensions; algorithm, key and signature
 *          (hub/keyring.h).
 * Secrets: neither the token nor a key ever appears in ret_why.
 */
#ifndef EH_HUB_TOKEN_H
#define EH_HUB_TOKEN_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "hub/keyring.h"

#define TOKEN_MAX 65536 /* bytes; libjwt keeps copies of a token on the stack */

/* Verifies the envelope, without examining the claims. On success the caller owns *ret_claims, an
 * object. EH_EINVAL: *ret_why says why (static text). */
int token_open(struct str token, const struct keyring *keys, json_t **ret_claims,
               const char **ret_why) EH_MUST_USE;

#endif
