/* Property: a set is refused with a reason, or has as many keys as it says, none of them beyond the
 * bounds; without secrets in it, no token with an HS algorithm passes. */
#include <stdint.h>
#include <stdlib.h>

#include "../support/sign.h"
#include "hub/jwks.h"
#include "hub/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_no_secret(const struct keyring *ring)
{
    struct keyring_key key;
    struct str secret;

    if (keyring_find_secret(ring, STR(""), &key, &secret) || keyring_has_short_secret(ring))
        abort();
}

static void check(struct str text, bool takes_secrets)
{
    struct keyring *ring = keyring_create();
    struct jwks_result result = { 0 };
    const char *why = jwks_read(text, takes_secrets, ring, &result);

    if (!why != (result.n_used > 0) || keyring_count(ring) > KEYRING_MAX)
        abort();
    if (!why && result.n_used != keyring_count(ring))
        abort();
    if (!takes_secrets)
        check_no_secret(ring);
    keyring_unref(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    check(str_make((const char *)p, n), true);
    check(str_make((const char *)p, n), false);
    return 0;
}
