/* token.h - the signed envelope of a token: compact JWS (RFC 7515) in, claims out.
 * Thread:  any; pure.
 * Checks:  size; exactly three parts of canonical base64url; header and payload are JSON objects
 *          in which no name stands twice; `typ` is JWT if it is there, `kid` a string, no `crit`
 *          (we know no extension); algorithm, key and signature (hub/keyring.h).
 * Secrets: neither token nor key ever reaches ret_why.
 */
#ifndef EH_HUB_TOKEN_H
#define EH_HUB_TOKEN_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "hub/keyring.h"

#define TOKEN_MAX 65536 /* bytes: libjwt keeps copies of a token on the stack */

/* EH_EINVAL with static text in *ret_why, else *ret_claims is an object and the caller's. What the
 * claims say is not looked at. */
int token_open(struct str token, const struct keyring *keys, json_t **ret_claims,
               const char **ret_why) EH_MUST_USE;

#endif
