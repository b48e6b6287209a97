/* A JWK is a JSON object whose members are numbers in base64url (RFC 7518, 6). OpenSSL takes keys
 * as DER, PEM, or as parameters: big numbers for RSA, the encoded point for EC, the raw bytes for
 * Ed25519. The parameters are the shortest way, and OpenSSL checks that a point is on its curve.
 *
 *   kty   members     parameters
 *   RSA   n, e        "n", "e": unsigned numbers, most significant byte first
 *   EC    crv, x, y   "group", "pub": 04 || x || y, each as long as the field (32, 48, 66 bytes)
 *   OKP   crv, x      the 32 bytes of an Ed25519 key
 *   oct   k           the secret itself
 *
 * The other members of a key only narrow its use: `alg` picks one of the algorithms that the key
 * fits, `use` and `key_ops` can rule the key out. So a set cannot make a public key serve as a
 * secret: `oct` alone has a secret, and no other kind has an HS algorithm.
 *
 * Everything is decoded into buffers whose size is checked first. The largest number is the modulus
 * of RSA with 16384 bits, 2048 bytes. */
#include "hub/jwks.h"

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/array.h"
#include "hub/base64url.h"
#include "hub/key_rules.h"
#include "hub/keyring_parts.h"
#include "proto/json.h"

#define NUMBER_MAX                                                                                 \
    2049 /* bytes: RSA with 16384 bits, and a leading zero that some encoders write */

_Static_assert(JWKS_MAX == 262144 && KEYRING_MAX == 64 && KEYRING_KID_MAX == 256,
               "as the texts say");

#define NO_SET                                                                                     \
    "the text is not a JSON key set: it must be an object whose member keys is an array of keys, " \
    "or an object of certificates by kid"

/* A member of the key that is base64url; false: it is missing or malformed, or has no byte or more
 * than max. */
static bool read_bytes(const json_t *jwk, const char *name, size_t max, struct buf *out)
{
    struct str text = json_text(json_object_get(jwk, name));

    return text.p && text.n <= max * 4 / 3 + 1 && base64url_decode(text, out) && buf_used(out) > 0;
}

/* ---- parameters for OpenSSL ---- */

static EVP_PKEY *make_key(const char *kind, OSSL_PARAM_BLD *bld)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    OSSL_PARAM *params = bld ? OSSL_PARAM_BLD_to_param(bld) : NULL;
    EVP_PKEY *pkey = NULL;

    if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params); /* NULL if it fails */
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static BIGNUM *number_of(const struct buf *bytes)
{
    return BN_bin2bn((const unsigned char *)buf_head(bytes), (int)buf_used(bytes), NULL);
}

static EVP_PKEY *read_rsa(const json_t *jwk, const char **ret_why)
{
    struct buf n_bytes = { 0 }, e_bytes = { 0 };
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *n = NULL, *e = NULL;
    EVP_PKEY *pkey = NULL;

    *ret_why = "the members n and e of an RSA key must be base64url";
    if (read_bytes(jwk, "n", NUMBER_MAX, &n_bytes) && read_bytes(jwk, "e", NUMBER_MAX, &e_bytes)) {
        n = number_of(&n_bytes);
        e = number_of(&e_bytes);
        if (bld && n && e && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
            OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1)
            pkey = make_key("RSA", bld);
    }
    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);
    buf_done(&n_bytes);
    buf_done(&e_bytes);
    return pkey;
}

/* Adds a coordinate, which is as long as the field; leading zeros are not left out (RFC 7518,
 * 6.2.1.2). */
static bool add_coordinate(const json_t *jwk, const char *name, size_t n, struct buf *point)
{
    size_t before = buf_used(point);

    return read_bytes(jwk, name, n, point) && buf_used(point) == before + n;
}

static EVP_PKEY *make_ec(const char *group, const struct buf *point)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (bld && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, buf_head(point),
                                         buf_used(point)) == 1)
        pkey = make_key("EC", bld);
    OSSL_PARAM_BLD_free(bld);
    return pkey;
}

static EVP_PKEY *read_ec(const json_t *jwk, const char **ret_why)
{
    static const struct {
        const char *curve;
        size_t n; /* bytes of a coordinate */
    } curves[] = { { "P-256", 32 }, { "P-384", 48 }, { "P-521", 66 } };
    struct str curve = json_text(json_object_get(jwk, "crv"));
    struct buf point = { 0 };
    EVP_PKEY *pkey = NULL;

    *ret_why = "the curve (crv) of an EC key is not P-256, P-384 or P-521";
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (!str_eq(curve, str_of(curves[i].curve)))
            continue;
        *ret_why = "the members x and y of an EC key must be a point of its curve in base64url";
        buf_add_char(&point, 4); /* an uncompressed point */
        if (add_coordinate(jwk, "x", curves[i].n, &point) &&
            add_coordinate(jwk, "y", curves[i].n, &point))
            pkey = make_ec(curves[i].curve, &point);
    }
    buf_done(&point);
    return pkey;
}

static EVP_PKEY *read_okp(const json_t *jwk, const char **ret_why)
{
    struct buf x = { 0 };
    EVP_PKEY *pkey = NULL;

    if (!str_eq(json_text(json_object_get(jwk, "crv")), STR("Ed25519"))) {
        *ret_why = "the curve (crv) of an OKP key is not Ed25519";
        return NULL;
    }
    *ret_why = "the member x of an Ed25519 key must be 32 bytes in base64url";
    if (read_bytes(jwk, "x", 32, &x))
        pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                           (const unsigned char *)buf_head(&x), buf_used(&x));
    buf_done(&x);
    return pkey;
}

/* ---- one key ---- */

/* Returns why the set does not mean the key to verify signatures; NULL: it does. */
static const char *purpose_fault(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use"), *ops = json_object_get(jwk, "key_ops");
    bool may_verify = !ops;

    for (size_t i = 0; i < json_array_size(ops); i++)
        may_verify = may_verify || str_eq(json_text(json_array_get(ops, i)), STR("verify"));
    if (use && !str_eq(json_text(use), STR("sig")))
        return "the use of the key is not sig";
    return may_verify ? NULL : "the key_ops of the key do not include verify";
}

/* Returns the algorithms that the key may serve: its `alg`, or all. None: `alg` is another one. */
static unsigned algorithms_of(const json_t *jwk)
{
    const json_t *alg = json_object_get(jwk, "alg");
    enum key_algorithm a;

    if (!alg)
        return KEY_BIT(KEY_ALGORITHMS_N) - 1;
    return key_algorithm_parse(json_text(alg), &a) ? KEY_BIT(a) : 0;
}

/* Adds a secret for those HS algorithms for which it is long enough (RFC 7518, 3.2). */
static const char *add_oct(const json_t *jwk, struct str kid, unsigned algorithms,
                           struct keyring *ring)
{
    struct buf secret = { 0 };
    unsigned fitting = 0;
    const char *why = "the member k of an oct key must be base64url";

    if (read_bytes(jwk, "k", KEYRING_KEY_MAX, &secret)) {
        for (enum key_algorithm a = KEY_HS256; a <= KEY_HS512; a++) {
            if ((algorithms & KEY_BIT(a)) && buf_used(&secret) >= key_rules[a].signature_n)
                fitting |= KEY_BIT(a);
        }
        why = fitting ? keyring_add_secret(ring, kid, fitting, buf_str(&secret))
                      : "the oct key is too short for HS256 or for its alg, or its alg is not HS";
        OPENSSL_cleanse(buf_head(&secret), buf_used(&secret));
    }
    buf_done(&secret);
    return why;
}

static const char *add_public(const json_t *jwk, struct str kid, unsigned algorithms,
                              struct keyring *ring)
{
    struct str type = json_text(json_object_get(jwk, "kty"));
    const char *why = "the type (kty) of the key is not RSA, EC or OKP";
    EVP_PKEY *pkey = NULL;

    if (str_eq(type, STR("RSA")))
        pkey = read_rsa(jwk, &why);
    else if (str_eq(type, STR("EC")))
        pkey = read_ec(jwk, &why);
    else if (str_eq(type, STR("OKP")))
        pkey = read_okp(jwk, &why);
    ERR_clear_error(); /* TLS in this thread reads the same queue */
    if (!pkey)
        return why;
    if (algorithms & key_fits(pkey))
        algorithms &= key_fits(pkey); /* otherwise the fault is told */
    why = keyring_add_pkey(ring, kid, algorithms, pkey);
    EVP_PKEY_free(pkey);
    return why;
}

static const char *add_key(const json_t *jwk, bool takes_secrets, struct keyring *ring)
{
    struct str kid = json_text(json_object_get(jwk, "kid"));
    bool is_secret = str_eq(json_text(json_object_get(jwk, "kty")), STR("oct"));
    unsigned algorithms = algorithms_of(jwk);
    const char *why = purpose_fault(jwk);

    if (why)
        return why;
    if (kid.n > KEYRING_KID_MAX)
        return "the kid is longer than 256 bytes";
    if (!algorithms)
        return "the algorithm (alg) of the key is not one for signatures that the server knows";
    if (!is_secret)
        return add_public(jwk, kid, algorithms, ring);
    return takes_secrets ? add_oct(jwk, kid, algorithms, ring)
                         : "an oct key is a secret, and anyone can read it there";
}

/* ---- the set ---- */

static void count(struct jwks_result *r, const char *why)
{
    if (!why)
        r->n_used++;
    else if (r->n_skipped++ == 0)
        r->why_skipped = why;
}

static const char *read_keys(const json_t *keys, bool takes_secrets, struct keyring *ring,
                             struct jwks_result *ret)
{
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *jwk = json_array_get(keys, i);

        if (json_object_get(jwk, "d"))
            return "the set holds a private key (member d), which must stay with its owner";
        if (keyring_count(ring) == KEYRING_MAX)
            return "there are more than 64 keys";
        count(ret, add_key(jwk, takes_secrets, ring));
    }
    return NULL;
}

/* {"<kid>": "-----BEGIN CERTIFICATE-----..."}: such keys sign with RS256. */
static const char *read_certificates(const json_t *set, struct keyring *ring,
                                     struct jwks_result *ret)
{
    const char *kid;
    json_t *pem;

    json_object_foreach((json_t *)(uintptr_t)set, kid, pem)
    {
        if (!str_starts_with(json_text(pem), STR("-----BEGIN CERTIFICATE-----")))
            return NO_SET;
        if (keyring_count(ring) == KEYRING_MAX)
            return "there are more than 64 keys";
        count(ret, keyring_add(ring, str_of(kid), KEY_RS256, json_text(pem)));
    }
    return NULL;
}

const char *jwks_read(struct str text, bool takes_secrets, struct keyring *ring,
                      struct jwks_result *ret)
{
    struct jwks_result result = { 0 };
    json_auto_t *set = NULL;
    const json_t *keys;
    const char *why;

    if (text.n > JWKS_MAX)
        return "the set is longer than 262144 bytes";
    set = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    keys = json_object_get(set, "keys");
    if (json_is_array(keys))
        why = read_keys(keys, takes_secrets, ring, &result);
    else if (json_object_size(set) > 0 && !keys)
        why = read_certificates(set, ring, &result);
    else
        why = NO_SET;
    if (!why && result.n_used == 0)
        why = result.why_skipped ? result.why_skipped : "the set holds no key";
    if (!why)
        *ret = result;
    return why;
}
