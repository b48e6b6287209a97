#include "hub/jwks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <openssl/err.h>

#include "base/array.h"
#include "hub/token.h"
#include "support/jwk.h"

#define SECRET  STR("a secret of at least 64 bytes, as HS512 needs it: 0123456789abcdef")
#define PAYLOAD STR("{\"read\":[\"a\"]}")
#define NO_SET                                                                                     \
    "the text is not a JSON key set: it must be an object whose member keys is an array of keys, " \
    "or an object of certificates by kid"

static EVP_PKEY *rsa, *rsa_short, *ec, *ec_p384, *ec_p521, *ed25519; /* made once: RSA is slow */

static int make_keys(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    rsa_short = EVP_RSA_gen(1024);
    ec = EVP_EC_gen("P-256");
    ec_p384 = EVP_EC_gen("P-384");
    ec_p521 = EVP_EC_gen("P-521");
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return 0;
}

static int free_keys(void **state)
{
    EVP_PKEY *all[] = { rsa, rsa_short, ec, ec_p384, ec_p521, ed25519 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        EVP_PKEY_free(all[i]);
    return 0;
}

/* Appends {"keys":[<key>]}. */
static struct str set_of(struct buf *out, EVP_PKEY *pkey, const char *members)
{
    buf_clear(out);
    buf_addf(out, "{\"keys\":[");
    jwk_add(out, pkey, members);
    buf_addf(out, "]}");
    return buf_str(out);
}

static struct keyring *ring_of(struct str set, struct jwks_result *ret)
{
    struct keyring *keys = keyring_create();
    const char *why = jwks_read(set, true, keys, ret);

    if (why)
        fail_msg("'%.*s': %s", STR_ARG(set), why);
    assert_int_equal(keyring_count(keys), ret->n_used);
    assert_int_equal(ERR_peek_error(), 0);
    return keys;
}

/* Opens and frees the token. */
static bool accepts(const struct keyring *keys, char *token)
{
    struct keyring_key key;
    const char *why;
    bool accepted = token_find_key(str_of(token), keys, &key, &why) == EH_OK;

    free(token);
    return accepted;
}

static char *token_of(EVP_PKEY *pkey, const char *alg, const char *kid)
{
    const EVP_MD *hash = strstr(alg, "512")   ? EVP_sha512()
                         : strstr(alg, "384") ? EVP_sha384()
                                              : EVP_sha256();
    struct sign_way way = { hash, alg[0] == 'P' ? hash : NULL, RSA_PSS_SALTLEN_DIGEST };
    char header[128];

    (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid);
    return sign_token_in_way(str_of(header), PAYLOAD, pkey, &way);
}

static void reads_keys_of_every_type(void **state)
{
    const struct {
        EVP_PKEY *pkey;
        const char *algs[7]; /* that such a key serves */
    } cases[] = {
        { rsa, { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512" } },
        { ec, { "ES256" } },
        { ec_p384, { "ES384" } },
        { ec_p521, { "ES512" } },
        { ed25519, { "EdDSA" } },
    };
    struct buf set = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t j = 0; cases[i].algs[j]; j++) {
            const char *alg = cases[i].algs[j];
            struct jwks_result result;
            struct keyring *any, *one;
            char members[64];

            any = ring_of(set_of(&set, cases[i].pkey, "\"kid\":\"k\","), &result);
            assert_true(accepts(any, token_of(cases[i].pkey, alg, "k")));
            assert_false(accepts(any, token_of(cases[i].pkey, alg, "other")));
            (void)snprintf(members, sizeof(members), "\"kid\":\"k\",\"alg\":\"%s\",", alg);
            one = ring_of(set_of(&set, cases[i].pkey, members), &result);
            assert_true(accepts(one, token_of(cases[i].pkey, alg, "k")));
            for (size_t other = 0; cases[i].algs[other]; other++) {
                if (other != j)
                    assert_false(accepts(one, token_of(cases[i].pkey, cases[i].algs[other], "k")));
            }
            keyring_unref(any);
            keyring_unref(one);
        }
    }
    buf_done(&set);
}

/* A key without a kid serves tokens with any, and several keys may have the same. */
static void tries_all_keys_of_a_kid(void **state)
{
    struct buf set = { 0 };
    struct jwks_result result;
    struct keyring *keys;

    (void)state;
    buf_addf(&set, "{\"keys\":[");
    jwk_add(&set, rsa, "\"kid\":\"same\",");
    buf_add_char(&set, ',');
    jwk_add(&set, ec, "\"kid\":\"same\",");
    buf_add_char(&set, ',');
    jwk_add(&set, ed25519, "");
    buf_addf(&set, "]}");
    keys = ring_of(buf_str(&set), &result);
    assert_int_equal(result.n_used, 3);
    assert_true(accepts(keys, token_of(rsa, "RS256", "same")));
    assert_true(accepts(keys, token_of(ec, "ES256", "same")));
    assert_true(accepts(keys, token_of(ed25519, "EdDSA", "any")));
    assert_false(accepts(keys, token_of(ec, "ES256", "any")));
    keyring_unref(keys);
    buf_done(&set);
}

/* ---- skipped keys ---- */

/* Reads a set of the text and one good key: the text is skipped for this reason. */
static void expect_skipped(const char *jwk, const char *want)
{
    struct keyring *keys;
    struct jwks_result result;
    struct buf set = { 0 };

    buf_addf(&set, "{\"keys\":[%s,", jwk);
    jwk_add(&set, ec, "\"kid\":\"good\",");
    buf_addf(&set, "]}");
    keys = ring_of(buf_str(&set), &result);
    if (result.n_skipped != 1 || strcmp(result.why_skipped, want) != 0)
        fail_msg("%s: want '%s', got '%s'", jwk, want, result.why_skipped);
    assert_true(accepts(keys, token_of(ec, "ES256", "good")));
    keyring_unref(keys);
    buf_done(&set);
}

static void expect_key_skipped(EVP_PKEY *pkey, const char *members, const char *want)
{
    struct buf jwk = { 0 };

    jwk_add(&jwk, pkey, members);
    buf_add_char(&jwk, '\0');
    expect_skipped(buf_head(&jwk), want);
    buf_done(&jwk);
}

static void obeys_use_alg_and_key_ops(void **state)
{
    static const char *const good[] = {
        "\"use\":\"sig\",",
        "\"key_ops\":[\"verify\"],",
        "\"key_ops\":[\"encrypt\",\"verify\"],",
        "\"use\":\"sig\",\"alg\":\"RS256\",\"key_ops\":[\"verify\"],",
    };
    static const struct {
        const char *members, *want;
    } bad[] = {
        { "\"use\":\"enc\",", "the use of the key is not sig" },
        { "\"use\":7,", "the use of the key is not sig" },
        { "\"key_ops\":[\"sign\"],", "the key_ops of the key do not include verify" },
        { "\"key_ops\":[],", "the key_ops of the key do not include verify" },
        { "\"key_ops\":\"verify\",", "the key_ops of the key do not include verify" },
        { "\"alg\":\"RSA-OAEP\",",
          "the algorithm (alg) of the key is not one for signatures that the server knows" },
        { "\"alg\":null,",
          "the algorithm (alg) of the key is not one for signatures that the server knows" },
        { "\"alg\":\"ES256\",", "the key is not an EC key" },
        { "\"alg\":\"HS256\",", "the algorithm has no public key" },
    };
    struct buf set = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct jwks_result result;
        struct keyring *keys = ring_of(set_of(&set, rsa, good[i]), &result);

        assert_true(accepts(keys, token_of(rsa, "RS256", "x")));
        keyring_unref(keys);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_key_skipped(rsa, bad[i].members, bad[i].want);
    buf_done(&set);
}

static void skips_keys_that_it_cannot_use(void **state)
{
    static const char no_type[] = "the type (kty) of the key is not RSA, EC or OKP";
    static const char no_curve[] = "the curve (crv) of an EC key is not P-256, P-384 or P-521";
    static const char no_point[] =
        "the members x and y of an EC key must be a point of its curve in base64url";
    static const char no_number[] = "the members n and e of an RSA key must be base64url";
    static const struct {
        const char *jwk, *want;
    } cases[] = {
        { "{}", no_type },
        { "7", no_type },
        { "null", no_type },
        { "{\"kty\":\"AKP\",\"alg\":\"ES256\"}", no_type },
        { "{\"kty\":\"rsa\"}", no_type },
        { "{\"kty\":\"RSA\"}", no_number },
        { "{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}", no_number },
        { "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", no_number },
        { "{\"kty\":\"RSA\",\"n\":\"a+b/\",\"e\":\"AQAB\"}", no_number },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB=\"}", no_number },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
          "the RSA key has fewer than 2048 bits" },
        { "{\"kty\":\"EC\"}", no_curve },
        { "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}", no_curve },
        { "{\"kty\":\"EC\",\"crv\":\"P-224\"}", no_curve },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\"}", no_point },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", no_point },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\","
          "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
          "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
          no_point },
        { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
          "the curve (crv) of an OKP key is not Ed25519" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
          "the member x of an Ed25519 key must be 32 bytes in base64url" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
          "the oct key is too short for HS256 or for its alg, or its alg is not HS" },
        { "{\"kty\":\"oct\"}", "the member k of an oct key must be base64url" },
    };
    char kid[KEYRING_KID_MAX + 32];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_skipped(cases[i].jwk, cases[i].want);
    expect_key_skipped(rsa_short, "", "the RSA key has fewer than 2048 bits");
    (void)snprintf(kid, sizeof(kid), "\"kid\":\"%0*d\",", KEYRING_KID_MAX + 1, 7);
    expect_key_skipped(rsa, kid, "the kid is longer than 256 bytes");
}

/* A number that is longer than any key is not decoded. */
static void bounds_numbers(void **state)
{
    static char jwk[8192];
    int n = snprintf(jwk, sizeof(jwk), "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");

    (void)state;
    memset(jwk + n, 'A', 2736); /* 2052 bytes */
    (void)snprintf(jwk + n + 2736, 8, "\"}");
    expect_skipped(jwk, "the members n and e of an RSA key must be base64url");
}

/* ---- secrets ---- */

static char *hs(const char *alg, const EVP_MD *md)
{
    char header[64];

    (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"s\"}", alg);
    return sign_token(str_of(header), PAYLOAD, SECRET, md);
}

static void reads_secrets_only_from_a_secret_place(void **state)
{
    static const char *const members[] = { "", "\"alg\":\"HS512\"," };
    const char *why;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct buf set = { 0 };
        struct keyring *keys, *empty = keyring_create();
        struct jwks_result result;

        buf_addf(&set, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"s\",%s\"k\":\"", members[i]);
        sign_add_base64url(&set, SECRET);
        buf_addf(&set, "\"}]}");
        keys = ring_of(buf_str(&set), &result);
        assert_true(accepts(keys, hs("HS512", EVP_sha512())));
        assert_int_equal(accepts(keys, hs("HS256", EVP_sha256())), i == 0);
        why = jwks_read(buf_str(&set), false, empty, &result);
        assert_string_equal(why, "an oct key is a secret, and anyone can read it there");
        assert_int_equal(keyring_count(empty), 0);
        keyring_unref(keys);
        keyring_unref(empty);
        buf_done(&set);
    }
}

/* The text of a public key never becomes a secret. */
static void never_uses_a_public_key_as_a_secret(void **state)
{
    struct buf set = { 0 };
    struct jwks_result result;
    struct keyring *keys = ring_of(set_of(&set, rsa, "\"kid\":\"s\","), &result);
    char *pem = key_public_pem(rsa);
    struct str header = STR("{\"alg\":\"HS256\",\"kid\":\"s\"}");

    (void)state;
    assert_false(accepts(keys, sign_token(header, PAYLOAD, str_of(pem), EVP_sha256())));
    assert_false(accepts(keys, sign_token(header, PAYLOAD, buf_str(&set), EVP_sha256())));
    free(pem);
    keyring_unref(keys);
    buf_done(&set);
}

/* ---- refused sets ---- */

static void expect_refused(struct str text, const char *want)
{
    struct keyring *keys = keyring_create();
    struct jwks_result result = { .n_used = 7 };
    const char *why = jwks_read(text, true, keys, &result);

    if (!why || strcmp(why, want) != 0)
        fail_msg("%.60s: want '%s', got '%s'", text.p, want, why ? why : "accepted");
    assert_int_equal(result.n_used, 7);
    assert_int_equal(ERR_peek_error(), 0);
    keyring_unref(keys);
}

static void refuses_what_is_no_usable_set(void **state)
{
    static const char *const no_sets[] = {
        "",
        "{}",
        "[]",
        "null",
        "7",
        "<html>",
        "{\"keys\":{}}",
        "{\"keys\":7}",
        "{\"keys\":[}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"error\":\"not found\"}",
        "{\"kty\":\"RSA\"}",
    };
    struct buf set = { 0 };
    char *text = mem_zalloc(JWKS_MAX + 2);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(no_sets); i++)
        expect_refused(str_of(no_sets[i]), NO_SET);
    expect_refused(STR("{\"keys\":[]}"), "the set holds no key");
    expect_refused(STR("{\"keys\":[{\"kty\":\"RSA\",\"use\":\"enc\"}]}"),
                   "the use of the key is not sig");
    expect_refused(set_of(&set, rsa, "\"d\":\"AQAB\","),
                   "the set holds a private key (member d), which must stay with its owner");
    memset(text, ' ', JWKS_MAX + 1);
    expect_refused(str_make(text, JWKS_MAX + 1), "the set is longer than 262144 bytes");
    memcpy(text, set_of(&set, rsa, "").p, set_of(&set, rsa, "").n);
    {
        struct jwks_result result;

        keyring_unref(ring_of(str_make(text, JWKS_MAX), &result));
    }
    free(text);
    buf_done(&set);
}

static void limits_the_number_of_keys(void **state)
{
    struct buf set = { 0 };
    struct jwks_result result;

    (void)state;
    for (size_t n = KEYRING_MAX; n <= KEYRING_MAX + 1; n++) {
        buf_clear(&set);
        buf_addf(&set, "{\"keys\":[");
        for (size_t i = 0; i < n; i++) {
            if (i)
                buf_add_char(&set, ',');
            jwk_add(&set, ed25519, "");
        }
        buf_addf(&set, "]}");
        if (n == KEYRING_MAX)
            keyring_unref(ring_of(buf_str(&set), &result));
        else
            expect_refused(buf_str(&set), "there are more than 64 keys");
    }
    buf_done(&set);
}

/* ---- what providers publish ---- */

/* Members and headers as the providers write them; the numbers are ours. */
static void reads_the_sets_of_providers(void **state)
{
    const struct {
        const char *provider, *members, *kid;
    } cases[] = {
        { "Keycloak",
          "\"kid\":\"FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE\",\"alg\":\"RS256\","
          "\"use\":\"sig\",\"x5c\":[\"MIICmzCC\"],\"x5t\":\"fJ86\",\"x5t#S256\":\"kUCI\",",
          "FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE" },
        { "Auth0",
          "\"alg\":\"RS256\",\"use\":\"sig\",\"kid\":\"NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2\","
          "\"x5t\":\"NjVB\",\"x5c\":[\"MIIC+DCC\"],",
          "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2" },
        { "Azure AD",
          "\"use\":\"sig\",\"kid\":\"1LTMzakihiRla_8z2BEJVXeWMqo\",\"x5t\":\"1LTM\","
          "\"issuer\":\"https://login.microsoftonline.com/{tenantid}/v2.0\",\"x5c\":[\"MIIC\"],",
          "1LTMzakihiRla_8z2BEJVXeWMqo" },
        { "Firebase", "\"alg\":\"RS256\",\"use\":\"sig\",\"kid\":\"2c5f0b1d\",", "2c5f0b1d" },
    };
    struct buf set = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jwks_result result;
        struct keyring *keys;

        buf_clear(&set);
        buf_addf(&set, "{\"keys\":[");
        jwk_add(&set, rsa, cases[i].members);
        buf_add_char(&set, ',');
        jwk_add(&set, rsa, "\"kid\":\"enc\",\"use\":\"enc\",\"alg\":\"RSA-OAEP\","); /* Keycloak */
        buf_addf(&set, "]}");
        keys = ring_of(buf_str(&set), &result);
        assert_int_equal(result.n_used, 1);
        if (!accepts(keys, token_of(rsa, "RS256", cases[i].kid)))
            fail_msg("%s", cases[i].provider);
        assert_false(accepts(keys, token_of(rsa, "RS256", "enc")));
        keyring_unref(keys);
    }
    buf_done(&set);
}

/* Firebase also publishes certificates by kid, with line breaks as \n. */
static void reads_certificates_by_kid(void **state)
{
    char *pem = key_certificate_pem(rsa), *begin = strstr(pem, "-----BEGIN");
    struct buf set = { 0 };
    struct jwks_result result;
    struct keyring *keys;

    (void)state;
    buf_addf(&set, "{\"one\":\"");
    for (const char *p = begin; *p; p++) {
        if (*p == '\n')
            buf_addf(&set, "\\n");
        else
            buf_add_char(&set, *p);
    }
    buf_addf(&set, "\",\"two\":\"-----BEGIN CERTIFICATE-----\\nMIIC\\n\"}");
    keys = ring_of(buf_str(&set), &result);
    assert_int_equal(result.n_used, 1);
    assert_int_equal(result.n_skipped, 1);
    assert_true(accepts(keys, token_of(rsa, "RS256", "one")));
    assert_false(accepts(keys, token_of(rsa, "PS256", "one")));
    assert_false(accepts(keys, token_of(rsa, "RS256", "two")));
    expect_refused(STR("{\"one\":\"-----BEGIN PRIVATE KEY-----\\n\"}"), NO_SET);
    keyring_unref(keys);
    buf_done(&set);
    free(pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_keys_of_every_type),
        cmocka_unit_test(tries_all_keys_of_a_kid),
        cmocka_unit_test(obeys_use_alg_and_key_ops),
        cmocka_unit_test(skips_keys_that_it_cannot_use),
        cmocka_unit_test(bounds_numbers),
        cmocka_unit_test(reads_secrets_only_from_a_secret_place),
        cmocka_unit_test(never_uses_a_public_key_as_a_secret),
        cmocka_unit_test(refuses_what_is_no_usable_set),
        cmocka_unit_test(limits_the_number_of_keys),
        cmocka_unit_test(reads_the_sets_of_providers),
        cmocka_unit_test(reads_certificates_by_kid),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
