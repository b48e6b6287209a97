#include "hub/key_rules.h"

#include <openssl/objects.h>

#include "base/array.h"

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 16384 /* larger keys are slow */

_Static_assert(KEYRING_KEY_MAX == 4096 && RSA_MIN_BITS == 2048 && RSA_MAX_BITS == 16384,
               "as the texts say");

const struct key_rule key_rules[] = {
    [KEY_HS256] = { "HS256", EVP_sha256, 32 }, [KEY_HS384] = { "HS384", EVP_sha384, 48 },
    [KEY_HS512] = { "HS512", EVP_sha512, 64 }, [KEY_RS256] = { "RS256", EVP_sha256, 0 },
    [KEY_ES256] = { "ES256", EVP_sha256, 64 },
};

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
    return a == KEY_RS256 || a == KEY_ES256;
}

static const char *rsa_fault(const EVP_PKEY *pkey)
{
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
        return "the key is not an RSA key";
    if (EVP_PKEY_get_bits(pkey) < RSA_MIN_BITS)
        return "the RSA key has fewer than 2048 bits";
    if (EVP_PKEY_get_bits(pkey) > RSA_MAX_BITS)
        return "the RSA key has more than 16384 bits";
    return NULL;
}

static const char *ec_fault(const EVP_PKEY *pkey)
{
    char curve[64];

    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC)
        return "the key is not an EC key";
    if (EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), NULL) != 1 ||
        OBJ_txt2nid(curve) != NID_X9_62_prime256v1)
        return "the EC key is not on the curve P-256";
    return NULL;
}

const char *key_fault(enum key_algorithm a, const EVP_PKEY *pkey)
{
    return a == KEY_RS256 ? rsa_fault(pkey) : ec_fault(pkey);
}

const char *key_secret_fault(struct str secret)
{
    if (secret.n == 0)
        return "the key is empty";
    return secret.n > KEYRING_KEY_MAX ? "the key is longer than 4096 bytes" : NULL;
}
