/* jwks.h - reads the keys of an identity provider: a JSON Web Key Set (RFC 7517, RFC 7518 6, RFC
 * 8037 2), or an object of certificates by kid, as Firebase publishes them.
 * Thread:  any; pure.
 * Takes:   RSA, EC (P-256, P-384, P-521), OKP (Ed25519) and, from a place that is secret, oct. A
 *          key serves its `alg`; without one, all algorithms that it fits.
 * Skips:   keys of other types, curves and algorithms, keys whose `use` is not sig or whose key_ops
 *          lack verify, and keys that are malformed or too weak. A provider may add such keys at
 *          any time, and the others must go on working.
 * Refuses: a text that is not a set, a set without a key that can be used or with more than
 *          KEYRING_MAX of them, and a set with a private key, which its owner must learn about.
 * Bounds:  a text of JWKS_MAX bytes. Each key must meet the rules of hub/keyring.h.
 * Secrets: no returned text ever contains a key.
 */
#ifndef EH_HUB_JWKS_H
#define EH_HUB_JWKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "hub/keyring.h"

#define JWKS_MAX (256 * 1024) /* bytes; a certificate of a key takes 2 to 8 kB */

struct jwks_result {
    size_t n_used;
    size_t n_skipped;
    const char *why_skipped; /* of the first key that was skipped; NULL: none was */
};

/* Adds the keys of the set to the ring; `takes_secrets` permits oct keys. Returns NULL, or why the
 * set is refused (static text); the ring may then hold some of its keys. */
const char *jwks_read(struct str text, bool takes_secrets, struct keyring *ring,
                      struct jwks_result *ret) EH_MUST_USE;

#endif
