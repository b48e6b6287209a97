/* keyring.h - the keys that tokens are verified with.
 * Thread:  filled by one thread, then immutable and shared read-only.
 * Owns:    copies of the keys.
 * Rule:    a key belongs to one algorithm, and takes tokens of that algorithm alone: what a token
 *          says of itself never decides how a key is used.
 * Checks:  the signature: of a secret by libjwt, which compares in constant time since 1.17 (older
 *          packages need the fix of CVE-2024-25189; Debian 12 has it), of a public key by OpenSSL.
 * Secrets: no key ever stands in a text that is returned.
 */
#ifndef EH_HUB_KEYRING_H
#define EH_HUB_KEYRING_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define KEYRING_MAX     16   /* keys: a token without kid is tried with all of its algorithm */
#define KEYRING_KID_MAX 256  /* bytes of a key's name */
#define KEYRING_KEY_MAX 4096 /* bytes of a secret */
#define KEYRING_PEM_MAX 16384

/* A token of any other is refused. */
enum key_algorithm { KEY_HS256, KEY_HS384, KEY_HS512, KEY_RS256, KEY_ES256 };
#define KEY_ALGORITHMS "HS256, HS384, HS512, RS256 or ES256" /* in that order */

bool key_algorithm_parse(struct str name, enum key_algorithm *ret); /* exactly as a token says it */
bool key_algorithm_is_public(enum key_algorithm a); /* the key is a PEM text, not a secret */

struct keyring;

struct keyring *keyring_create(void);
void keyring_free(struct keyring *ring); /* NULL is fine */

/* A secret, or a public key in PEM: RSA from 2048 bits, or EC on P-256. An empty kid: it takes
 * tokens whatever their kid. Returns NULL, or what is wrong (static text). */
const char *keyring_add(struct keyring *ring, struct str kid, enum key_algorithm a,
                        struct str key) EH_MUST_USE;

/* Is one of the secrets shorter than its hash (RFC 7518, 3.2 forbids it)? Whoever has a token can
 * try secrets on it until one fits. */
bool keyring_has_short_secret(const struct keyring *ring);

/* What a token says of itself, and its signature decoded. */
struct keyring_token {
    struct str text;        /* all of it, without any NUL */
    struct str signed_text; /* its header and payload */
    struct str signature;
    struct str algorithm; /* {NULL, 0}: none */
    struct str kid;       /* {NULL, 0}: none */
};

/* NULL: a key of the token's algorithm and kid verifies it; else why not (static text). */
const char *keyring_verify(const struct keyring *ring,
                           const struct keyring_token *token) EH_MUST_USE;

#endif
