#include "hub/key_rules.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "base/array.h"
#include "hub/keyring_parts.h"

#define RSA_MIN_BITS      2048
#define RSA_MAX_BITS      16384 /* larger keys are slow */
#define EXPONENT_MAX_BITS 64    /* and so are larger exponents */

_Static_assert(KEYRING_KEY_MAX == 4096 && RSA_MIN_BITS == 2048 && RSA_MAX_BITS == 16384 &&
                   EXPONENT_MAX_BITS == 64,
               "as the texts say");

#define NOT_ON "the EC key is not on the curve "

const struct key_rule key_rules[] = {
    [KEY_HS256] = { "HS256", KEY_FAMILY_HMAC, EVP_sha256, 32, 0, NULL },
    [KEY_HS384] = { "HS384", KEY_FAMILY_HMAC, EVP_sha384, 48, 0, NULL },
    [KEY_HS512] = { "HS512", KEY_FAMILY_HMAC, EVP_sha512, 64, 0, NULL },
    [KEY_RS256] = { "RS256", KEY_FAMILY_RSA, EVP_sha256, 0, 0, NULL },
    [KEY_RS384] = { "RS384", KEY_FAMILY_RSA, EVP_sha384, 0, 0, NULL },
    [KEY_RS512] = { "RS512", KEY_FAMILY_RSA, EVP_sha512, 0, 0, NULL },
    [KEY_PS256] = { "PS256", KEY_FAMILY_PSS, EVP_sha256, 0, 0, NULL },
    [KEY_PS384] = { "PS384", KEY_FAMILY_PSS, EVP_sha384, 0, 0, NULL },
    [KEY_PS512] = { "PS512", KEY_FAMILY_PSS, EVP_sha512, 0, 0, NULL },
    [KEY_ES256] = { "ES256", KEY_FAMILY_EC, EVP_sha256, 64, NID_X9_62_prime256v1, NOT_ON "P-256" },
    [KEY_ES384] = { "ES384", KEY_FAMILY_EC, EVP_sha384, 96, NID_secp384r1, NOT_ON "P-384" },
    [KEY_ES512] = { "ES512", KEY_FAMILY_EC, EVP_sha512, 132, NID_secp521r1, NOT_ON "P-521" },
    [KEY_EDDSA] = { "EdDSA", KEY_FAMILY_ED, NULL, 64, 0, NULL },
};

_Static_assert(ARRAY_LEN(key_rules) == KEY_ALGORITHMS_N, "one rule for each algorithm");

bool key_algorithm_parse(struct str name, enum key_algorithm *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(key_rules); i++) {
        if (str_eq(name, str_of(key_rules[i].name))) {
            *ret = (enum key_algorithm)i;
            return true;
        }
    }
    return false;
}

const char *key_algorithm_name(enum key_algorithm a)
{
    return key_rules[a].name;
}

bool key_algorithm_is_public(enum key_algorithm a)
{
    return key_rules[a].family != KEY_FAMILY_HMAC;
}

/* With the exponent 1 everything is a valid signature of itself, and RSA has no even
 * exponents. */
static bool exponent_is_usable(const EVP_PKEY *pkey)
{
    BIGNUM *e = NULL;
    bool usable = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
                  !BN_is_one(e) && BN_num_bits(e) <= EXPONENT_MAX_BITS;

    BN_free(e);
    return usable;
}

static const char *rsa_fault(const EVP_PKEY *pkey)
{
    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA_PSS)
        return "the key is limited to RSASSA-PSS: use a plain RSA key, which serves RS and PS "
               "algorithms";
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
        return "the key is not an RSA key";
    if (EVP_PKEY_get_bits(pkey) < RSA_MIN_BITS)
        return "the RSA key has fewer than 2048 bits";
    if (EVP_PKEY_get_bits(pkey) > RSA_MAX_BITS)
        return "the RSA key has more than 16384 bits";
    if (!exponent_is_usable(pkey))
        return "the RSA key's public exponent is not an odd number from 3 to 64 bits";
    return NULL;
}

static int curve_of(const EVP_PKEY *pkey)
{
    char curve[64];

    if (EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), NULL) != 1)
        return NID_undef;
    return OBJ_txt2nid(curve);
}

/* Reports whether the point of an EC key is a valid one; the point at infinity is not. */
static bool point_is_valid(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    bool is_valid = ctx && EVP_PKEY_public_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    return is_valid;
}

static const char *ec_fault(enum key_algorithm a, EVP_PKEY *pkey)
{
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC)
        return "the key is not an EC key";
    if (curve_of(pkey) != key_rules[a].curve)
        return key_rules[a].wrong_curve;
    return point_is_valid(pkey) ? NULL : "the EC key is not a valid point of its curve";
}

const char *key_fault(enum key_algorithm a, EVP_PKEY *pkey)
{
    switch (key_rules[a].family) {
    case KEY_FAMILY_RSA:
    case KEY_FAMILY_PSS: return rsa_fault(pkey);
    case KEY_FAMILY_EC: return ec_fault(a, pkey);
    case KEY_FAMILY_ED:
        return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519 ? NULL
                                                              : "the key is not an Ed25519 key";
    case KEY_FAMILY_HMAC: break;
    }
    return "the algorithm has no public key";
}

const char *key_secret_fault(struct str secret)
{
    if (secret.n == 0)
        return "the key is empty";
    return secret.n > KEYRING_KEY_MAX ? "the key is longer than 4096 bytes" : NULL;
}

enum key_algorithm key_suggests(const EVP_PKEY *pkey)
{
    int kind = EVP_PKEY_get_base_id(pkey);
    int curve = kind == EVP_PKEY_EC ? curve_of(pkey) : NID_undef;

    if (kind == EVP_PKEY_EC && curve == NID_secp384r1)
        return KEY_ES384;
    if (kind == EVP_PKEY_EC && curve == NID_secp521r1)
        return KEY_ES512;
    if (kind == EVP_PKEY_EC)
        return KEY_ES256;
    return kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448 ? KEY_EDDSA : KEY_RS256;
}

unsigned key_fits(const EVP_PKEY *pkey)
{
    enum key_algorithm suggested = key_suggests(pkey);
    unsigned all = KEY_BIT(suggested);

    for (enum key_algorithm a = KEY_RS256; suggested == KEY_RS256 && a <= KEY_PS512; a++)
        all |= KEY_BIT(a);
    return all;
}

bool key_set_padding(enum key_algorithm a, EVP_PKEY_CTX *ctx)
{
    if (key_rules[a].family != KEY_FAMILY_PSS)
        return true;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, key_rules[a].hash()) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}
