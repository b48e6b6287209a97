/* jwk.h - public keys as JSON Web Keys, as an identity provider publishes them.
 * Owns:    nothing; the functions append to a buffer of the caller.
 */
#ifndef EH_TESTS_JWK_H
#define EH_TESTS_JWK_H

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "support/sign_key.h"

/* Adds `"name":"<number>"`, at least n bytes long. */
static inline void jwk_add_number(struct buf *out, EVP_PKEY *pkey, const char *param,
                                  const char *name, int n)
{
    unsigned char bytes[2048];
    BIGNUM *number = NULL;

    if (EVP_PKEY_get_bn_param(pkey, param, &number) != 1)
        abort();
    if (n < BN_num_bytes(number))
        n = BN_num_bytes(number);
    if (BN_bn2binpad(number, bytes, n) != n)
        abort();
    buf_addf(out, ",\"%s\":\"", name);
    sign_add_base64url(out, str_make((const char *)bytes, (size_t)n));
    buf_add_char(out, '"');
    BN_free(number);
}

static inline void jwk_add_ec(struct buf *out, EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey), n = (bits + 7) / 8;

    buf_addf(out, "\"kty\":\"EC\",\"crv\":\"P-%d\"", bits);
    jwk_add_number(out, pkey, OSSL_PKEY_PARAM_EC_PUB_X, "x", n);
    jwk_add_number(out, pkey, OSSL_PKEY_PARAM_EC_PUB_Y, "y", n);
}

static inline void jwk_add_ed25519(struct buf *out, EVP_PKEY *pkey)
{
    unsigned char x[32];
    size_t n = sizeof(x);

    if (EVP_PKEY_get_raw_public_key(pkey, x, &n) != 1)
        abort();
    buf_addf(out, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
    sign_add_base64url(out, str_make((const char *)x, n));
    buf_add_char(out, '"');
}

/* Adds the key, with more members such as `"kid":"a",` before its numbers. */
static inline void jwk_add(struct buf *out, EVP_PKEY *pkey, const char *members)
{
    buf_addf(out, "{%s", members);
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_RSA:
        buf_addf(out, "\"kty\":\"RSA\"");
        jwk_add_number(out, pkey, OSSL_PKEY_PARAM_RSA_N, "n", 0);
        jwk_add_number(out, pkey, OSSL_PKEY_PARAM_RSA_E, "e", 0);
        break;
    case EVP_PKEY_EC: jwk_add_ec(out, pkey); break;
    default: jwk_add_ed25519(out, pkey); break;
    }
    buf_add_char(out, '}');
}

#endif
