/* keyring.h - the keys that verify tokens.
 * Thread:  filled by one thread, then immutable and shared; the reference count is atomic.
 * Owns:    copies of the keys.
 * Rule:    a key is added for one algorithm, or for those of its kind, and accepts only tokens of
 *          these: a token's own header never decides how a key is used.
 * Checks:  the signature, with OpenSSL. A secret's signature is compared in constant time; a public
 *          key is parsed once, here.
 * Secrets: no returned text ever contains a key.
 */
#ifndef EH_HUB_KEYRING_H
#define EH_HUB_KEYRING_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define KEYRING_MAX     64    /* keys */
#define KEYRING_TRIES   16    /* keys that are tried with one token, which may have no kid */
#define KEYRING_KID_MAX 256   /* bytes of a key's name */
#define KEYRING_KEY_MAX 4096  /* bytes of a secret */
#define KEYRING_PEM_MAX 65536 /* bytes of a PEM file */

/* Tokens with any other algorithm are refused. */
enum key_algorithm {
    KEY_HS256, /* HMAC with a secret */
    KEY_HS384,
    KEY_HS512,
    KEY_RS256, /* RSASSA-PKCS1-v1_5 */
    KEY_RS384,
    KEY_RS512,
    KEY_PS256, /* RSASSA-PSS; MGF1 has the same hash, and the salt is as long as the hash */
    KEY_PS384,
    KEY_PS512,
    KEY_ES256, /* ECDSA on P-256 */
    KEY_ES384, /* on P-384 */
    KEY_ES512, /* on P-521 */
    KEY_EDDSA, /* Ed25519 */
};
#define KEY_ALGORITHMS_N 13
#define KEY_ALGORITHMS                                                                             \
    "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or "       \
    "EdDSA" /* in that order */

/* Parses a name exactly as it is written in a token's alg. */
bool key_algorithm_parse(struct str name, enum key_algorithm *ret);
const char *key_algorithm_name(enum key_algorithm a);
bool key_algorithm_is_public(enum key_algorithm a); /* its keys are PEM texts, not secrets */

struct keyring;

struct keyring *keyring_create(void);
struct keyring *keyring_ref(struct keyring *ring);
void keyring_unref(struct keyring *ring); /* NULL is fine */
size_t keyring_count(const struct keyring *ring);

/* Adds a secret, or a public key in PEM: RSA with at least 2048 bits, EC on the curve of the
 * algorithm, or Ed25519, as SPKI (BEGIN PUBLIC KEY), PKCS#1 (BEGIN RSA PUBLIC KEY) or the key of a
 * certificate; the first of them in the text counts. With an empty kid the key accepts tokens with
 * any kid. Returns NULL, or what is wrong with the key (static text). */
const char *keyring_add(struct keyring *ring, struct str kid, enum key_algorithm a,
                        struct str key) EH_MUST_USE;

/* Adds a public key in PEM, without a kid, for all algorithms that it fits. Fails as above. */
const char *keyring_add_public(struct keyring *ring, struct str pem) EH_MUST_USE;

/* Reports whether a secret is shorter than its hash, which RFC 7518, 3.2 forbids: anyone who has a
 * token can guess a short secret offline. */
bool keyring_has_short_secret(const struct keyring *ring);

/* A token, with the fields of its header and its decoded signature. */
struct keyring_token {
    struct str signed_text; /* header and payload, as they are in the token */
    struct str signature;
    struct str algorithm; /* {NULL, 0}: none */
    struct str kid;       /* {NULL, 0}: none */
};

struct keyring_key {
    enum key_algorithm algorithm;
    struct str kid;  /* a view into the ring; empty: the key accepts any kid */
    size_t position; /* among the keys that were added, from 0 */
};

/* Returns NULL if a key with the token's algorithm and kid verifies it; otherwise why not (static
 * text). */
const char *keyring_verify(const struct keyring *ring, const struct keyring_token *token,
                           struct keyring_key *ret_key) EH_MUST_USE;

/* Reports whether newer public keys might verify a token that was refused for this reason: its kid
 * belongs to no key, or names none and no key without a name fits. */
bool keyring_may_lack_key(const char *why);

/* Finds a secret to sign tokens with: the first one with this kid or, if kid is empty, the first of
 * all. False: the ring has only public keys or other kids. The secret is a view into the ring. */
bool keyring_find_secret(const struct keyring *ring, struct str kid, struct keyring_key *ret_key,
                         struct str *ret_secret);

#endif
