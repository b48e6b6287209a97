/* key_rules.h - the rules for a key of each algorithm, for keys that verify tokens (keyring.c) and
 * keys that sign them (token_sign.c).
 * Thread:  any; pure.
 */
#ifndef EH_HUB_KEY_RULES_H
#define EH_HUB_KEY_RULES_H

#include <openssl/evp.h>

#include "hub/keyring.h"

/* The kind of key, and how it makes a signature. */
enum key_family { KEY_FAMILY_HMAC, KEY_FAMILY_RSA, KEY_FAMILY_PSS, KEY_FAMILY_EC, KEY_FAMILY_ED };

struct key_rule {
    const char *name;
    enum key_family family;
    const EVP_MD *(*hash)(void); /* NULL: the signature has a hash of its own */
    size_t signature_n;          /* bytes of a signature; 0: it depends on the key */
    int curve;                   /* of an EC key, as a number of OpenSSL (NID_...) */
    const char *wrong_curve;     /* why a key on another curve is refused */
};

extern const struct key_rule key_rules[]; /* by enum key_algorithm */

/* Returns what is wrong with a public or private key for a public-key algorithm (static text), or
 * NULL. May leave errors in OpenSSL's queue. */
const char *key_fault(enum key_algorithm a, EVP_PKEY *pkey);
/* The same for a secret. */
const char *key_secret_fault(struct str secret);

/* Returns the algorithm that a public or private key suggests: RS256 for an RSA key, the one of its
 * curve for an EC key. For a key that fits none, returns one whose key_fault explains why. */
enum key_algorithm key_suggests(const EVP_PKEY *pkey);

/* Returns the set of algorithms (KEY_BIT) of the same kind as key_suggests: for an RSA key all RS
 * and PS. */
unsigned key_fits(const EVP_PKEY *pkey);

/* Sets how the algorithm pads: to be called after EVP_DigestVerifyInit or EVP_DigestSignInit. */
bool key_set_padding(enum key_algorithm a, EVP_PKEY_CTX *ctx) EH_MUST_USE;

#endif
