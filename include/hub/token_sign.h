/* token_sign.h - makes tokens: signs a payload as compact JWS (RFC 7515), as token.h opens it.
 * Thread:  any; pure, except that PS and ES draw random numbers. A signer is immutable.
 * Owns:    its copy of the key, parsed once; token_signer_free overwrites it.
 * Checks:  a key must meet the rules of hub/keyring.h: a secret of 1 to KEYRING_KEY_MAX bytes, RSA
 *          with at least 2048 bits, EC on the algorithm's curve, or Ed25519. The payload is not
 *          examined: auth_check says whether the server accepts its claims.
 * Secrets: no returned text ever contains a key.
 */
#ifndef EH_HUB_TOKEN_SIGN_H
#define EH_HUB_TOKEN_SIGN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "hub/keyring.h"

struct token_signer;

/* Makes a signer for the algorithm from a secret (HS) or a private key in PEM (all others), which
 * must not be encrypted: PKCS#8 (BEGIN PRIVATE KEY), PKCS#1 (BEGIN RSA PRIVATE KEY) or SEC 1
 * (BEGIN EC PRIVATE KEY). Returns NULL, or what is wrong with the key (static text). */
const char *token_signer_create(enum key_algorithm a, struct str key,
                                struct token_signer **ret_signer) EH_MUST_USE;
void token_signer_free(struct token_signer *s); /* NULL is fine */

/* Returns `preferred` if the text of a key fits it. Otherwise the algorithm that the text suggests:
 * HS256 for a secret; for a PEM text RS256, EdDSA, or the ES of its curve (RS256 also if it cannot
 * be read: token_signer_create then says why). */
enum key_algorithm token_key_algorithm(struct str key, enum key_algorithm preferred);
bool token_key_is_pem(struct str key);

/* Appends the token. The header names the algorithm and, if kid is not empty, the kid, which must
 * be valid UTF-8. Returns NULL, or why there is no token (static text): it would be longer than the
 * server accepts, or OpenSSL failed. */
const char *token_sign(const struct token_signer *s, struct str kid, struct str payload,
                       struct buf *ret_token) EH_MUST_USE;

#endif
