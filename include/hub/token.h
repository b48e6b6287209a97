/* token.h - opens the signed envelope of a token: compact JWS (RFC 7515) in, payload out.
 * Thread:  any; pure.
 * Checks:  the size; exactly three parts of canonical base64url; the header is a JSON object whose
 *          used members occur once: `typ`, if present, is JWT or at+jwt (RFC 9068); `kid`, if
 *          present, is a string; no `crit`, since we support no extensions; algorithm, key and
 *          signature (hub/keyring.h). Other members of the header are ignored.
 * Secrets: neither the token nor a key ever appears in ret_why.
 */
#ifndef EH_HUB_TOKEN_H
#define EH_HUB_TOKEN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "hub/keyring.h"

#define TOKEN_MAX 65536 /* bytes */

/* Verifies the envelope and appends the decoded payload, which may be any bytes. EH_EINVAL:
 * *ret_why says why (static text). EH_ENOENT: the same, and the reason is that none of the keys
 * verifies the token; with other keys it may be good. */
int token_open(struct str token, const struct keyring *keys, struct buf *ret_payload,
               const char **ret_why) EH_MUST_USE;

/* Does the same without the payload: returns the key that verifies the token. */
int token_find_key(struct str token, const struct keyring *keys, struct keyring_key *ret_key,
                   const char **ret_why) EH_MUST_USE;

/* Appends the decoded header and payload of a token that may be forged, for tools that show them:
 * checks the size and the encoding, and neither the header nor the signature. Fails as above. */
int token_decode(struct str token, struct buf *ret_header, struct buf *ret_payload,
                 const char **ret_why) EH_MUST_USE;

#endif
