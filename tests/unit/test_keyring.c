#include "hub/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "base/array.h"
#include "hub/token.h"
#include "support/assert_str.h"
#include "support/sign_key.h"

#define SECRET  STR("the secret of the tests")
#define OTHER   STR("another secret of the tests")
#define PAYLOAD STR("{\"read\":[\"a\"]}")
#define FORGED  "the token's signature is wrong"
#define BAD_ALG "the token's algorithm (alg) is not accepted"
#define BAD_KID "the token's kid is unknown"
#define NO_PEM  "the key is not a public key or a certificate in PEM"
#define PRIVATE                                                                                    \
    "the key is not a public key but a private one (openssl pkey -in FILE -pubout converts it)"

/* Created once, since an RSA key takes long. */
static struct pair {
    EVP_PKEY *pkey;
    char *pem;
} rsa, rsa_other, rsa_short, rsa_pss, ec, ec_other, ec_p384, ec_p521, ec_k256, ed25519,
    ed25519_other, ed448;

static void make_pair(struct pair *p, EVP_PKEY *pkey)
{
    p->pkey = pkey;
    p->pem = key_public_pem(pkey);
}

/* A key whose own parameters permit only RSASSA-PSS. */
static EVP_PKEY *make_rsa_pss(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *pkey = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static int make_pairs(void **state)
{
    (void)state;
    make_pair(&rsa, EVP_RSA_gen(2048));
    make_pair(&rsa_other, EVP_RSA_gen(2048));
    make_pair(&rsa_short, EVP_RSA_gen(1024));
    make_pair(&ec, EVP_EC_gen("P-256"));
    make_pair(&ec_other, EVP_EC_gen("P-256"));
    make_pair(&ec_p384, EVP_EC_gen("P-384"));
    make_pair(&ec_p521, EVP_EC_gen("P-521"));
    make_pair(&ec_k256, EVP_EC_gen("secp256k1"));
    make_pair(&ed25519, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    make_pair(&ed25519_other, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    make_pair(&ed448, EVP_PKEY_Q_keygen(NULL, NULL, "ED448"));
    make_pair(&rsa_pss, make_rsa_pss());
    return 0;
}

static int free_pairs(void **state)
{
    struct pair *all[] = { &rsa,     &rsa_other, &rsa_short,     &rsa_pss,
                           &ec,      &ec_other,  &ec_p384,       &ec_p521,
                           &ec_k256, &ed25519,   &ed25519_other, &ed448 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        EVP_PKEY_free(all[i]->pkey);
        free(all[i]->pem);
    }
    return 0;
}

/* Opens and frees the token. Returns why it was refused; NULL: it was accepted. */
static const char *refusal(const struct keyring *keys, char *token)
{
    struct buf payload = { 0 };
    const char *why = NULL;

    if (token_open(str_of(token), keys, &payload, &why) == EH_OK)
        assert_null(why);
    buf_done(&payload);
    free(token);
    return why;
}

static void expect(const struct keyring *keys, char *token, const char *want, const char *what)
{
    const char *why = refusal(keys, token);

    if (!want != !why || (want && strcmp(why, want) != 0))
        fail_msg("%s: want '%s', got '%s'", what, want ? want : "accepted", why ? why : "accepted");
}

static char *hs(const char *header, struct str key, const EVP_MD *md)
{
    return sign_token(str_of(header), PAYLOAD, key, md);
}

static char *pk(const char *header, const struct pair *pair)
{
    return sign_token_with(str_of(header), PAYLOAD, pair->pkey);
}

static struct keyring *ring_of(enum key_algorithm a, struct str key)
{
    struct keyring *keys = keyring_create();
    const char *why = keyring_add(keys, STR(""), a, key);

    if (why)
        fail_msg("the key %s", why);
    return keys;
}

/* The way the owner of the key signs for each algorithm; hash and MGF1 are functions, so that this
 * is constant. */
static const struct signing {
    const char *name;
    const EVP_MD *(*hash)(void);
    const struct pair *pair; /* NULL: SECRET */
    bool is_pss;
} signings[] = {
    { "HS256", EVP_sha256, NULL, false },     { "HS384", EVP_sha384, NULL, false },
    { "HS512", EVP_sha512, NULL, false },     { "RS256", EVP_sha256, &rsa, false },
    { "RS384", EVP_sha384, &rsa, false },     { "RS512", EVP_sha512, &rsa, false },
    { "PS256", EVP_sha256, &rsa, true },      { "PS384", EVP_sha384, &rsa, true },
    { "PS512", EVP_sha512, &rsa, true },      { "ES256", EVP_sha256, &ec, false },
    { "ES384", EVP_sha384, &ec_p384, false }, { "ES512", EVP_sha512, &ec_p521, false },
    { "EdDSA", EVP_sha256, &ed25519, false },
};

/* Signs in the way of one algorithm, with a header that names any. */
static char *sign_as(const struct signing *s, const char *alg)
{
    struct sign_way way = { s->hash(), s->is_pss ? s->hash() : NULL, RSA_PSS_SALTLEN_DIGEST };
    char header[64];

    (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", alg);
    if (!s->pair)
        return hs(header, SECRET, s->hash());
    return sign_token_in_way(str_of(header), PAYLOAD, s->pair->pkey, &way);
}

static struct keyring *ring_for(const struct signing *s, enum key_algorithm a)
{
    return ring_of(a, s->pair ? str_of(s->pair->pem) : SECRET);
}

/* A ring with one key refuses tokens of other algorithms even if their signature is right. */
static void accepts_only_tokens_of_its_algorithm(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(signings), KEY_ALGORITHMS_N);
    for (size_t k = 0; k < ARRAY_LEN(signings); k++) {
        enum key_algorithm a;
        struct keyring *keys;

        assert_true(key_algorithm_parse(str_of(signings[k].name), &a));
        assert_int_equal(a, k);
        assert_int_equal(key_algorithm_is_public(a), k >= 3);
        keys = ring_for(&signings[k], a);
        for (size_t j = 0; j < ARRAY_LEN(signings); j++) {
            expect(keys, sign_as(&signings[j], signings[j].name), j == k ? NULL : BAD_ALG,
                   signings[k].name);
            if (j != k)
                expect(keys, sign_as(&signings[j], signings[k].name), FORGED, signings[j].name);
        }
        keyring_unref(keys);
    }
}

static void accepts_only_the_padding_of_rfc_7518(void **state)
{
    const struct {
        struct sign_way way;
        const char *want;
    } cases[] = {
        { { EVP_sha256(), EVP_sha256(), 32 }, NULL },
        { { EVP_sha256(), EVP_sha256(), 0 }, FORGED },
        { { EVP_sha256(), EVP_sha256(), 20 }, FORGED },
        { { EVP_sha256(), EVP_sha256(), RSA_PSS_SALTLEN_MAX }, FORGED },
        { { EVP_sha256(), EVP_sha1(), 32 }, FORGED },
        { { EVP_sha256(), EVP_sha512(), 32 }, FORGED },
    };
    struct keyring *keys = ring_of(KEY_PS256, str_of(rsa.pem));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(keys,
               sign_token_in_way(STR("{\"alg\":\"PS256\"}"), PAYLOAD, rsa.pkey, &cases[i].way),
               cases[i].want, "padding");
    keyring_unref(keys);
}

/* A public key without a named algorithm serves all that it fits, and a secret none of them. */
static void adds_a_public_key_for_all_its_algorithms(void **state)
{
    const struct pair *pairs[] = { &rsa, &ec, &ec_p384, &ec_p521, &ed25519 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct keyring *keys = keyring_create();

        assert_null(keyring_add_public(keys, str_of(pairs[i]->pem)));
        for (size_t j = 0; j < ARRAY_LEN(signings); j++)
            expect(keys, sign_as(&signings[j], signings[j].name),
                   signings[j].pair == pairs[i] ? NULL : BAD_ALG, signings[j].name);
        keyring_unref(keys);
    }
}

static void refuses_a_public_key_that_fits_no_algorithm(void **state)
{
    const struct {
        const char *pem, *want;
    } cases[] = {
        { rsa_short.pem, "the RSA key has fewer than 2048 bits" },
        { ec_k256.pem, "the EC key is not on the curve P-256" },
        { ed448.pem, "the key is not an Ed25519 key" },
        { "no key", NO_PEM },
    };
    struct keyring *keys = keyring_create();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(keyring_add_public(keys, str_of(cases[i].pem)), cases[i].want);
    for (size_t i = 0; i < KEYRING_MAX; i++)
        assert_null(keyring_add_public(keys, str_of(rsa.pem)));
    assert_string_equal(keyring_add_public(keys, str_of(rsa.pem)), "there are more than 64 keys");
    keyring_unref(keys);
}

static void refuses_unknown_algorithm_names(void **state)
{
    static const char *const names[] = {
        "EDDSA", "Ed25519", "ES256K", "RS1", "RSA256", "none", "hs256", "HS256 ", "HS2", "",
    };
    enum key_algorithm a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_false(key_algorithm_parse(str_of(names[i]), &a));
}

static void refuses_signatures_of_other_keys(void **state)
{
    struct keyring *hs_ring = ring_of(KEY_HS512, SECRET);
    struct keyring *rs_ring = ring_of(KEY_RS256, str_of(rsa.pem));
    struct keyring *es_ring = ring_of(KEY_ES256, str_of(ec.pem));
    struct keyring *ed_ring = ring_of(KEY_EDDSA, str_of(ed25519.pem));

    (void)state;
    expect(hs_ring, hs("{\"alg\":\"HS512\"}", OTHER, EVP_sha512()), FORGED, "another secret");
    expect(hs_ring, hs("{\"alg\":\"HS512\"}", SECRET, EVP_sha256()), FORGED, "another hash");
    expect(rs_ring, pk("{\"alg\":\"RS256\"}", &rsa_other), FORGED, "another RSA key");
    expect(rs_ring, pk("{\"alg\":\"RS256\"}", &rsa_short), FORGED, "a short RSA key");
    expect(rs_ring, pk("{\"alg\":\"RS256\"}", &ec), FORGED, "an EC signature as RS256");
    expect(es_ring, pk("{\"alg\":\"ES256\"}", &ec_other), FORGED, "another EC key");
    expect(es_ring, pk("{\"alg\":\"ES256\"}", &ec_p384), FORGED, "another curve");
    expect(es_ring, pk("{\"alg\":\"ES256\"}", &rsa), FORGED, "an RSA signature as ES256");
    expect(ed_ring, pk("{\"alg\":\"EdDSA\"}", &ed25519_other), FORGED, "another Ed25519 key");
    expect(ed_ring, pk("{\"alg\":\"EdDSA\"}", &ed448), FORGED, "another curve");
    expect(ed_ring, pk("{\"alg\":\"EdDSA\"}", &ec), FORGED, "an ECDSA signature as EdDSA");
    keyring_unref(hs_ring);
    keyring_unref(rs_ring);
    keyring_unref(es_ring);
    keyring_unref(ed_ring);
}

/* A token that is signed with the public PEM text as HMAC secret is refused under every name. */
static void never_uses_a_public_key_as_a_secret(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"public\"}",
        "{\"alg\":\"HS256\",\"kid\":\"secret\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"kid\":\"public\"}",
        "{\"alg\":\"RS256\",\"kid\":\"secret\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"none\"}",
        "{\"alg\":\"none\",\"kid\":\"public\"}",
    };
    struct keyring *one = ring_of(KEY_RS256, str_of(rsa.pem));
    struct keyring *mixed = keyring_create();

    (void)state;
    assert_null(keyring_add(mixed, STR("public"), KEY_RS256, str_of(rsa.pem)));
    assert_null(keyring_add(mixed, STR("secret"), KEY_HS256, SECRET));
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        assert_non_null(refusal(one, hs(headers[i], str_of(rsa.pem), EVP_sha256())));
        assert_non_null(refusal(mixed, hs(headers[i], str_of(rsa.pem), EVP_sha256())));
    }
    /* and no key verifies tokens with the kid of another */
    expect(mixed, pk("{\"alg\":\"RS256\",\"kid\":\"public\"}", &rsa), NULL, "its own kid");
    expect(mixed, pk("{\"alg\":\"RS256\",\"kid\":\"secret\"}", &rsa), BAD_ALG, "the other kid");
    expect(mixed, hs("{\"alg\":\"HS256\",\"kid\":\"public\"}", SECRET, EVP_sha256()), BAD_ALG,
           "the other kid");
    keyring_unref(one);
    keyring_unref(mixed);
}

static void selects_the_key_by_kid(void **state)
{
    struct keyring *keys = keyring_create();
    static const struct {
        const char *header;
        struct str key;
        const char *why;
    } cases[] = {
        { "{\"alg\":\"HS256\",\"kid\":\"a\"}", { "key a", 5 }, NULL },
        { "{\"alg\":\"HS256\",\"kid\":\"b\"}", { "key b", 5 }, NULL },
        { "{\"alg\":\"HS256\",\"kid\":\"a\"}", { "key b", 5 }, FORGED },
        { "{\"alg\":\"HS256\",\"kid\":\"c\"}", { "key a", 5 }, BAD_KID },
        { "{\"alg\":\"HS256\",\"kid\":\"A\"}", { "key a", 5 }, BAD_KID },
        { "{\"alg\":\"HS256\",\"kid\":\"\"}", { "key a", 5 }, BAD_KID },
        { "{\"alg\":\"HS384\",\"kid\":\"a\"}", { "key a", 5 }, BAD_ALG },
        { "{\"alg\":\"HS256\"}", { "key a", 5 }, NULL }, /* without a kid all keys are tried */
        { "{\"alg\":\"HS256\"}", { "key b", 5 }, NULL },
        { "{\"alg\":\"HS256\"}", { "key c", 5 }, FORGED },
        { "{\"kid\":\"a\"}", { "key a", 5 }, BAD_ALG },
    };

    (void)state;
    assert_null(keyring_add(keys, STR("a"), KEY_HS256, STR("key a")));
    assert_null(keyring_add(keys, STR("b"), KEY_HS256, STR("key b")));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(keys, hs(cases[i].header, cases[i].key, EVP_sha256()), cases[i].why,
               cases[i].header);
    keyring_unref(keys);
}

/* A provider may have replaced its keys by now. Nothing can be new about a key that the token names,
 * nor about secrets, which are never fetched. */
static void says_when_newer_keys_might_verify_a_token(void **state)
{
    static const struct {
        const char *header, *ring_kid;
        const struct pair *ring, *signer;
        bool want;
    } cases[] = {
        { "{\"alg\":\"ES256\",\"kid\":\"b\"}", "a", &ec, &ec_other, true },
        { "{\"alg\":\"ES256\",\"kid\":\"a\"}", "a", &ec, &ec_other, false },
        { "{\"alg\":\"ES384\",\"kid\":\"a\"}", "a", &ec, &ec_p384, false },
        { "{\"alg\":\"ES256\"}", "a", &ec, &ec_other, true },
        { "{\"alg\":\"ES384\"}", "a", &ec, &ec_p384, true },
        { "{\"alg\":\"ES256\",\"kid\":\"a\"}", "", &ec, &ec_other, true },
        { "{\"alg\":\"EdDSA\",\"kid\":\"a\"}", "", &ec, &ed25519, true },
        { "{\"alg\":\"none\"}", "", &ec, &ec, false },
        { "{\"alg\":\"HS256\"}", "", &ec, &ec, false },
        { "{\"alg\":\"ES256\",\"crit\":[]}", "", &ec, &ec, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct keyring *keys = keyring_create();
        const char *why;

        assert_null(
            keyring_add(keys, str_of(cases[i].ring_kid), KEY_ES256, str_of(cases[i].ring->pem)));
        why = refusal(keys, pk(cases[i].header, cases[i].signer));
        assert_non_null(why);
        if (keyring_may_lack_key(why) != cases[i].want)
            fail_msg("%s: %s", cases[i].header, why);
        keyring_unref(keys);
    }
}

/* During a rotation the ring has two secrets without names, so the kid of a token is ignored. */
static void accepts_the_previous_secret(void **state)
{
    struct keyring *keys = ring_of(KEY_HS256, SECRET);

    (void)state;
    assert_null(keyring_add(keys, STR(""), KEY_HS256, OTHER));
    expect(keys, hs("{\"alg\":\"HS256\"}", SECRET, EVP_sha256()), NULL, "the new secret");
    expect(keys, hs("{\"alg\":\"HS256\"}", OTHER, EVP_sha256()), NULL, "the old secret");
    expect(keys, hs("{\"alg\":\"HS256\",\"kid\":\"x\"}", OTHER, EVP_sha256()), NULL, "any kid");
    expect(keys, hs("{\"alg\":\"HS256\"}", STR("older"), EVP_sha256()), FORGED, "an older secret");
    keyring_unref(keys);
}

static void refuses_every_token_without_keys(void **state)
{
    struct keyring *keys = keyring_create();

    (void)state;
    expect(keys, hs("{\"alg\":\"HS256\"}", SECRET, EVP_sha256()), BAD_KID, "no key at all");
    expect(keys, hs("{\"alg\":\"none\"}", SECRET, EVP_sha256()), BAD_KID, "no key at all");
    keyring_unref(keys);
    keyring_unref(NULL);
}

static void expect_key(enum key_algorithm a, struct str key, const char *want)
{
    struct keyring *keys = keyring_create();
    const char *why = keyring_add(keys, STR(""), a, key);

    if (!want != !why || (want && strcmp(why, want) != 0))
        fail_msg("'%.30s' as %d: %s", key.p, (int)a, why ? why : "accepted");
    if (why) /* the ring kept nothing of the refused key */
        assert_string_equal(refusal(keys, hs("{\"alg\":\"HS256\"}", SECRET, EVP_sha256())),
                            BAD_KID);
    keyring_unref(keys);
}

static void refuses_unusable_keys(void **state)
{
    static char long_secret[KEYRING_KEY_MAX + 1];

    (void)state;
    memset(long_secret, 'x', sizeof(long_secret));
    expect_key(KEY_HS256, STR(""), "the key is empty");
    expect_key(KEY_HS256, str_make(long_secret, KEYRING_KEY_MAX), NULL);
    expect_key(KEY_HS256, str_make(long_secret, KEYRING_KEY_MAX + 1),
               "the key is longer than 4096 bytes");
    expect_key(KEY_HS256, str_of(rsa.pem), NULL); /* a secret may be any text */
    expect_key(KEY_RS256, STR(""), NO_PEM);
    expect_key(KEY_RS256, SECRET, NO_PEM);
    expect_key(KEY_RS256, str_make(rsa.pem, strlen(rsa.pem) / 2), NO_PEM);
    expect_key(KEY_RS256, str_of(ec.pem), "the key is not an RSA key");
    expect_key(KEY_RS256, str_of(rsa_short.pem), "the RSA key has fewer than 2048 bits");
    expect_key(KEY_ES256, str_of(rsa.pem), "the key is not an EC key");
    expect_key(KEY_ES256, str_of(ed25519.pem), "the key is not an EC key");
    expect_key(KEY_ES256, str_of(ec_p384.pem), "the EC key is not on the curve P-256");
    expect_key(KEY_ES256, str_of(ec_k256.pem), "the EC key is not on the curve P-256");
    expect_key(KEY_ES384, str_of(ec.pem), "the EC key is not on the curve P-384");
    expect_key(KEY_ES512, str_of(ec_p384.pem), "the EC key is not on the curve P-521");
    expect_key(KEY_ES256, str_make(long_secret, sizeof(long_secret)), NO_PEM);
    expect_key(KEY_PS256, str_of(ec.pem), "the key is not an RSA key");
    expect_key(KEY_PS512, str_of(rsa_short.pem), "the RSA key has fewer than 2048 bits");
    expect_key(KEY_PS256, str_of(rsa_pss.pem),
               "the key is limited to RSASSA-PSS: use a plain RSA key, which serves RS and PS "
               "algorithms");
    expect_key(KEY_EDDSA, str_of(ed448.pem), "the key is not an Ed25519 key");
    expect_key(KEY_EDDSA, str_of(ec.pem), "the key is not an Ed25519 key");
}

/* An RSA key with the modulus of `rsa`. */
static char *rsa_pem_with_exponent(const char *hex)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *n = NULL, *e = NULL;
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params;
    char *pem;

    assert_int_equal(EVP_PKEY_get_bn_param(rsa.pkey, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    assert_true(BN_hex2bn(&e, hex) > 0);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e), 1);
    params = OSSL_PARAM_BLD_to_param(bld);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    pem = key_public_pem(pkey);
    EVP_PKEY_free(pkey);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return pem;
}

static void refuses_keys_that_anyone_could_sign_for(void **state)
{
    static const char *const bad[] = { "1", "2", "10000", "10000000000000001" };
    static const char *const good[] = { "3", "10001", "8000000000000001" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *pem = rsa_pem_with_exponent(bad[i]);

        expect_key(KEY_RS256, str_of(pem),
                   "the RSA key's public exponent is not an odd number from 3 to 64 bits");
        free(pem);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char *pem = rsa_pem_with_exponent(good[i]);

        expect_key(KEY_RS256, str_of(pem), NULL);
        free(pem);
    }
    /* the point at infinity of P-256 */
    expect_key(KEY_ES256,
               STR("-----BEGIN PUBLIC KEY-----\n"
                   "MBkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDAgAA\n"
                   "-----END PUBLIC KEY-----\n"),
               "the EC key is not a valid point of its curve");
}

static void detects_short_secrets(void **state)
{
    static const char text[65] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const struct {
        enum key_algorithm a;
        size_t enough;
    } cases[] = { { KEY_HS256, 32 }, { KEY_HS384, 48 }, { KEY_HS512, 64 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct keyring *keys = keyring_create();

        assert_null(keyring_add(keys, STR("public"), KEY_RS256, str_of(rsa.pem)));
        assert_false(keyring_has_short_secret(keys));
        assert_null(keyring_add(keys, STR("1"), cases[i].a, str_make(text, cases[i].enough)));
        assert_false(keyring_has_short_secret(keys));
        assert_null(keyring_add(keys, STR("2"), cases[i].a, str_make(text, cases[i].enough - 1)));
        assert_true(keyring_has_short_secret(keys));
        keyring_unref(keys);
    }
}

/* A private key with a passphrase is refused without asking for it. */
static void refuses_private_keys(void **state)
{
    const EVP_CIPHER *ciphers[] = { NULL, EVP_aes_128_cbc() };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
        char *of_ec = key_private_pem(ec.pkey, ciphers[i]);
        char *of_rsa = key_private_pem(rsa.pkey, ciphers[i]);
        char *of_ed = key_private_pem(ed25519.pkey, ciphers[i]);

        expect_key(KEY_ES256, str_of(of_ec), PRIVATE);
        expect_key(KEY_RS256, str_of(of_rsa), PRIVATE);
        expect_key(KEY_PS256, str_of(of_rsa), PRIVATE);
        expect_key(KEY_EDDSA, str_of(of_ed), PRIVATE);
        expect_key(KEY_HS256, str_of(of_ec), NULL); /* a secret is a secret */
        free(of_ec);
        free(of_rsa);
        free(of_ed);
    }
}

/* Adds the PEM text as the key of an algorithm; a token that the pair has signed must pass then. */
static void expect_pem(enum key_algorithm a, struct str pem, const struct pair *pair)
{
    struct signing s = signings[a];
    struct keyring *keys = ring_of(a, pem);

    s.pair = pair;
    expect(keys, sign_as(&s, s.name), NULL, pem.p);
    keyring_unref(keys);
}

static void accepts_certificates_and_pkcs1(void **state)
{
    char *of_rsa = key_certificate_pem(rsa.pkey), *of_ec = key_certificate_pem(ec.pkey);
    char *of_short = key_certificate_pem(rsa_short.pkey),
         *of_p384 = key_certificate_pem(ec_p384.pkey);
    char *of_ed = key_certificate_pem(ed25519.pkey);
    char *pkcs1 = key_pkcs1_pem(rsa.pkey);

    (void)state;
    expect_pem(KEY_ES384, str_of(of_p384), &ec_p384);
    expect_pem(KEY_EDDSA, str_of(of_ed), &ed25519);
    expect_pem(KEY_PS384, str_of(of_rsa), &rsa);
    expect_pem(KEY_PS512, str_of(pkcs1), &rsa);
    expect_pem(KEY_RS256, str_of(of_rsa), &rsa);
    expect_pem(KEY_ES256, str_of(of_ec), &ec);
    expect_pem(KEY_RS256, str_of(pkcs1), &rsa);
    expect_key(KEY_ES256, str_of(of_rsa), "the key is not an EC key");
    expect_key(KEY_ES256, str_of(pkcs1), "the key is not an EC key");
    expect_key(KEY_RS256, str_of(of_ec), "the key is not an RSA key");
    expect_key(KEY_RS256, str_of(of_short), "the RSA key has fewer than 2048 bits");
    expect_key(KEY_ES256, str_of(of_p384), "the EC key is not on the curve P-256");
    expect_key(KEY_RS256, str_make(of_rsa, strlen(of_rsa) - 40), NO_PEM);
    free(of_rsa);
    free(of_ec);
    free(of_short);
    free(of_p384);
    free(of_ed);
    free(pkcs1);
}

/* Files as editors and other programs write them. */
static void accepts_text_around_the_pem_block(void **state)
{
    char *certificate = key_certificate_pem(rsa_other.pkey);
    char *of_private = key_private_pem(rsa.pkey, NULL);
    struct buf text = { 0 };

    (void)state;
    for (const char *p = rsa.pem; *p; p++) {
        if (*p == '\n')
            buf_add_char(&text, '\r');
        buf_add_char(&text, *p);
    }
    expect_pem(KEY_RS256, buf_str(&text), &rsa); /* ends of lines as in Windows */
    buf_clear(&text);
    buf_addf(&text, "\xef\xbb\xbf%s", rsa.pem);
    expect_pem(KEY_RS256, buf_str(&text), &rsa);
    buf_clear(&text);
    buf_addf(&text, "Bag Attributes\n    name: x\n\n%s\nthe end\n", rsa.pem);
    expect_pem(KEY_RS256, buf_str(&text), &rsa);
    buf_clear(&text);
    buf_addf(&text, "%s%s", of_private, rsa.pem); /* the first public key counts */
    expect_pem(KEY_RS256, buf_str(&text), &rsa);
    buf_clear(&text);
    buf_addf(&text, "%s%s", rsa.pem, certificate);
    expect_pem(KEY_RS256, buf_str(&text), &rsa);
    buf_clear(&text);
    buf_addf(&text, "%s%s", certificate, rsa.pem);
    expect_pem(KEY_RS256, buf_str(&text), &rsa_other);
    buf_clear(&text);
    buf_addf(&text,
             "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    expect_key(KEY_RS256, buf_str(&text), NO_PEM);
    buf_done(&text);
    free(certificate);
    free(of_private);
}

static void limits_kids_and_the_number_of_keys(void **state)
{
    struct keyring *keys = keyring_create();
    static char long_kid[KEYRING_KID_MAX + 1];

    (void)state;
    memset(long_kid, 'x', sizeof(long_kid));
    assert_non_null(keyring_add(keys, str_make(long_kid, sizeof(long_kid)), KEY_HS256, STR("key")));
    assert_null(keyring_add(keys, str_make(long_kid, KEYRING_KID_MAX), KEY_HS256, STR("key")));
    assert_null(keyring_add(keys, STR("twice"), KEY_HS256, STR("key")));
    assert_non_null(keyring_add(keys, STR("twice"), KEY_HS512, STR("another")));
    for (size_t i = 2; i < KEYRING_MAX; i++)
        assert_null(keyring_add(keys, STR(""), KEY_HS256, STR("key")));
    assert_non_null(keyring_add(keys, STR("one more"), KEY_HS256, STR("key")));
    keyring_unref(keys);
}

/* Each key that is tried costs time, and anyone may send a token. */
static void tries_at_most_16_keys(void **state)
{
    struct keyring *keys = keyring_create();
    const char *without_kid = "{\"alg\":\"HS256\"}";
    const char *too_many = "the token must have a kid: more than 16 keys have its algorithm";

    (void)state;
    assert_null(keyring_add(keys, STR("other"), KEY_HS512, SECRET));
    for (int i = 0; i < KEYRING_TRIES; i++) {
        char kid[8];

        (void)snprintf(kid, sizeof(kid), "k%d", i);
        expect(keys, hs(without_kid, OTHER, EVP_sha256()), i ? FORGED : BAD_ALG, kid);
        assert_null(keyring_add(keys, str_of(kid), KEY_HS256, SECRET));
    }
    expect(keys, hs(without_kid, OTHER, EVP_sha256()), FORGED, "16 keys");
    assert_null(keyring_add(keys, STR("last"), KEY_HS256, OTHER));
    expect(keys, hs(without_kid, OTHER, EVP_sha256()), too_many, "17 keys");
    expect(keys, hs(without_kid, SECRET, EVP_sha256()), NULL, "one of the first");
    expect(keys, hs("{\"alg\":\"HS256\",\"kid\":\"last\"}", OTHER, EVP_sha256()), NULL, "a kid");
    keyring_unref(keys);
}

static void lives_until_the_last_reference(void **state)
{
    struct keyring *keys = ring_of(KEY_HS256, SECRET);

    (void)state;
    assert_ptr_equal(keyring_ref(keys), keys);
    keyring_unref(keys);
    assert_int_equal(keyring_count(keys), 1);
    expect(keys, hs("{\"alg\":\"HS256\"}", SECRET, EVP_sha256()), NULL, "still there");
    keyring_unref(keys);
}

/* Any change of a signature, and any shorter one, is refused. */
static void refuses_changed_signatures(void **state)
{
    static const enum key_algorithm all[] = { KEY_HS384, KEY_RS256, KEY_PS256,
                                              KEY_ES256, KEY_ES512, KEY_EDDSA };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const struct signing *s = &signings[all[i]];
        struct keyring *keys = ring_for(s, all[i]);
        char *token = sign_as(s, s->name);
        size_t n = strlen(token);

        expect(keys, mem_dup(token, n), NULL, "unchanged");
        for (size_t at = (size_t)(strrchr(token, '.') - token); at < n; at++) {
            char *changed = mem_dup(token, n);

            changed[at] = changed[at] == 'A' ? 'B' : 'A';
            assert_non_null(refusal(keys, changed));
            assert_non_null(refusal(keys, mem_dup(token, at)));
        }
        free(token);
        keyring_unref(keys);
    }
}

static void names_the_key_that_verifies(void **state)
{
    struct keyring *keys = ring_of(KEY_HS256, OTHER);
    struct keyring_key key = { 0 };
    const char *why = NULL;
    char *token = hs("{\"alg\":\"HS512\"}", SECRET, EVP_sha512());
    char *forged = hs("{\"alg\":\"HS512\"}", OTHER, EVP_sha512());

    (void)state;
    assert_null(keyring_add(keys, STR("new"), KEY_HS512, SECRET));
    assert_int_equal(token_find_key(str_of(token), keys, &key, &why), EH_OK);
    assert_int_equal(key.algorithm, KEY_HS512);
    assert_str(key.kid, "new");
    assert_int_equal(key.position, 1);
    assert_int_equal(token_find_key(str_of(forged), keys, &key, &why), EH_ENOENT);
    assert_string_equal(why, FORGED);
    free(token);
    free(forged);
    keyring_unref(keys);
}

static void finds_a_secret_to_sign_with(void **state)
{
    struct keyring *keys = ring_of(KEY_RS256, str_of(rsa.pem));
    struct keyring_key key = { 0 };
    struct str secret;

    (void)state;
    assert_false(keyring_find_secret(keys, STR(""), &key, &secret));
    assert_null(keyring_add(keys, STR("a"), KEY_HS384, SECRET));
    assert_null(keyring_add(keys, STR("b"), KEY_HS256, OTHER));
    assert_true(keyring_find_secret(keys, STR(""), &key, &secret));
    assert_str(key.kid, "a");
    assert_true(str_eq(secret, SECRET));
    assert_true(keyring_find_secret(keys, STR("b"), &key, &secret));
    assert_int_equal(key.algorithm, KEY_HS256);
    assert_true(str_eq(secret, OTHER));
    assert_false(keyring_find_secret(keys, STR("c"), &key, &secret));
    keyring_unref(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_only_tokens_of_its_algorithm),
        cmocka_unit_test(accepts_only_the_padding_of_rfc_7518),
        cmocka_unit_test(adds_a_public_key_for_all_its_algorithms),
        cmocka_unit_test(refuses_a_public_key_that_fits_no_algorithm),
        cmocka_unit_test(refuses_unknown_algorithm_names),
        cmocka_unit_test(refuses_signatures_of_other_keys),
        cmocka_unit_test(never_uses_a_public_key_as_a_secret),
        cmocka_unit_test(selects_the_key_by_kid),
        cmocka_unit_test(says_when_newer_keys_might_verify_a_token),
        cmocka_unit_test(accepts_the_previous_secret),
        cmocka_unit_test(refuses_every_token_without_keys),
        cmocka_unit_test(refuses_unusable_keys),
        cmocka_unit_test(detects_short_secrets),
        cmocka_unit_test(refuses_keys_that_anyone_could_sign_for),
        cmocka_unit_test(refuses_private_keys),
        cmocka_unit_test(accepts_certificates_and_pkcs1),
        cmocka_unit_test(accepts_text_around_the_pem_block),
        cmocka_unit_test(limits_kids_and_the_number_of_keys),
        cmocka_unit_test(tries_at_most_16_keys),
        cmocka_unit_test(lives_until_the_last_reference),
        cmocka_unit_test(refuses_changed_signatures),
        cmocka_unit_test(names_the_key_that_verifies),
        cmocka_unit_test(finds_a_secret_to_sign_with),
    };

    return cmocka_run_group_tests(tests, make_pairs, free_pairs);
}
