/* keyring_parts.h - adds keys to a keyring that were parsed elsewhere (hub/jwks.c).
 * Thread:  as hub/keyring.h.
 * Fails:   returns what is wrong with the key (static text); NULL on success.
 */
#ifndef EH_HUB_KEYRING_PARTS_H
#define EH_HUB_KEYRING_PARTS_H

#include <openssl/evp.h>

#include "hub/keyring.h"

/* A set of algorithms has a bit for each. */
#define KEY_BIT(a) (1u << (a))

/* Adds a public key for those of the algorithms that it fits, at least one, and takes a reference
 * of it. Several keys may have one kid, of at most KEYRING_KID_MAX bytes: all of them are tried. */
const char *keyring_add_pkey(struct keyring *ring, struct str kid, unsigned algorithms,
                             EVP_PKEY *pkey) EH_MUST_USE;
/* Adds a copy of a secret for algorithms that are all HS. */
const char *keyring_add_secret(struct keyring *ring, struct str kid, unsigned algorithms,
                               struct str secret) EH_MUST_USE;

#endif
