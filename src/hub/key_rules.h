/* key_rules.h - what a key of each algorithm must be, for those that verify tokens (keyring.c) and
 * those that sign them (token_sign.c).
 * Thread:  any; pure.
 */
#ifndef EH_HUB_KEY_RULES_H
#define EH_HUB_KEY_RULES_H

#include <openssl/evp.h>

#include "hub/keyring.h"

struct key_rule {
    const char *name;
    const EVP_MD *(*hash)(void);
    size_t signature_n; /* bytes of a signature; 0: it depends on the key */
};

extern const struct key_rule key_rules[]; /* by enum key_algorithm */

/* Returns what is wrong with a public or private key for a public-key algorithm (static text), or
 * NULL. May leave errors in OpenSSL's queue. */
const char *key_fault(enum key_algorithm a, const EVP_PKEY *pkey);
/* The same for a secret. */
const char *key_secret_fault(struct str secret);

#endif
