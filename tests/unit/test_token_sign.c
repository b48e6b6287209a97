#include "hub/token_sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <openssl/err.h>

#include "base/array.h"
#include "hub/token.h"
#include "support/assert_str.h"
#include "support/sign_key.h"

#define SECRET  STR("the secret of the tests")
#define PAYLOAD "{\"read\":[\"a\"]}"
#define NO_PEM  "the key is not a private key in PEM (a public key or a certificate cannot sign)"

static EVP_PKEY *rsa, *rsa_short, *ec, *ec_p384, *ec_p521, *ed25519; /* made once: RSA takes long */

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
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(rsa_short);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ec_p384);
    EVP_PKEY_free(ec_p521);
    EVP_PKEY_free(ed25519);
    return 0;
}

/* The forms of OpenSSL before 3: BEGIN RSA PRIVATE KEY, or BEGIN EC PRIVATE KEY behind the block
 * that `openssl ecparam -genkey` writes. */
static char *traditional_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC)
        BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                      "-----END EC PARAMETERS-----\n");
    if (key_has_own_hash(pkey)) { /* has no such form */
        BIO_free(bio);
        return key_private_pem(pkey, NULL);
    }
    if (PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    return key_take_text(bio);
}

static struct token_signer *signer_of(enum key_algorithm a, struct str key)
{
    struct token_signer *s = NULL;
    const char *why = token_signer_create(a, key, &s);

    if (why)
        fail_msg("%s: %s", key_algorithm_name(a), why);
    return s;
}

static void expect_opens(struct str token, enum key_algorithm a, struct str kid, struct str key)
{
    struct keyring *keys = keyring_create();
    struct buf payload = { 0 };
    const char *why = NULL;

    assert_null(keyring_add(keys, kid, a, key));
    if (token_open(token, keys, &payload, &why) < 0)
        fail_msg("%s: %s", key_algorithm_name(a), why);
    assert_str(buf_str(&payload), PAYLOAD);
    buf_done(&payload);
    keyring_unref(keys);
}

static void expect_signs(enum key_algorithm a, struct str key, struct str verifying_key)
{
    struct token_signer *s = signer_of(a, key);

    for (int with_kid = 0; with_kid < 2; with_kid++) {
        struct str kid = with_kid ? STR("2026 \"\\ \xc3\xa4") : STR("");
        struct buf token = { 0 };

        assert_null(token_sign(s, kid, STR(PAYLOAD), &token));
        expect_opens(buf_str(&token), a, kid, verifying_key);
        buf_done(&token);
    }
    token_signer_free(s);
    assert_int_equal(ERR_peek_error(), 0);
}

static void signs_with_a_secret(void **state)
{
    static const enum key_algorithm all[] = { KEY_HS256, KEY_HS384, KEY_HS512 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        expect_signs(all[i], SECRET, SECRET);
        expect_signs(all[i], STR("a\0b"), STR("a\0b"));
    }
}

static void signs_with_a_private_key_in_every_form(void **state)
{
    const struct {
        enum key_algorithm a;
        EVP_PKEY *pkey;
        enum key_algorithm suggested;
    } cases[] = {
        { KEY_RS256, rsa, KEY_RS256 },     { KEY_RS384, rsa, KEY_RS256 },
        { KEY_RS512, rsa, KEY_RS256 },     { KEY_PS256, rsa, KEY_RS256 },
        { KEY_PS384, rsa, KEY_RS256 },     { KEY_PS512, rsa, KEY_RS256 },
        { KEY_ES256, ec, KEY_ES256 },      { KEY_ES384, ec_p384, KEY_ES384 },
        { KEY_ES512, ec_p521, KEY_ES512 }, { KEY_EDDSA, ed25519, KEY_EDDSA },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *pem = key_public_pem(cases[i].pkey);
        char *pkcs8 = key_private_pem(cases[i].pkey, NULL);
        char *traditional = traditional_pem(cases[i].pkey);

        expect_signs(cases[i].a, str_of(pkcs8), str_of(pem));
        expect_signs(cases[i].a, str_of(traditional), str_of(pem));
        assert_int_equal(token_key_algorithm(str_of(pkcs8), KEY_HS256), cases[i].suggested);
        assert_int_equal(token_key_algorithm(str_of(pkcs8), cases[i].a), cases[i].a);
        assert_int_equal(token_key_algorithm(str_of(traditional), KEY_HS512), cases[i].suggested);
        free(pem);
        free(pkcs8);
        free(traditional);
    }
}

static void makes_the_same_token_as_the_other_encoder(void **state)
{
    struct token_signer *s = signer_of(KEY_HS256, SECRET);
    struct buf token = { 0 };
    char *want = sign_token(STR(SIGN_HS256), STR(PAYLOAD), SECRET, EVP_sha256());

    (void)state;
    assert_null(token_sign(s, STR(""), STR(PAYLOAD), &token));
    assert_str(buf_str(&token), want);
    free(want);
    buf_done(&token);
    token_signer_free(s);
}

/* Signs many tokens and opens each. One signature in 128 has a number with a leading zero byte,
 * which DER leaves out. */
static void expect_same_length(enum key_algorithm a, EVP_PKEY *pkey, int n)
{
    char *private_pem = key_private_pem(pkey, NULL), *pem = key_public_pem(pkey);
    struct token_signer *s = signer_of(a, str_of(private_pem));
    struct keyring *keys = keyring_create();
    size_t length = 0;

    assert_null(keyring_add(keys, STR(""), a, str_of(pem)));
    for (int i = 0; i < n; i++) {
        struct buf token = { 0 }, payload = { 0 };
        const char *why = NULL;

        assert_null(token_sign(s, STR(""), STR(PAYLOAD), &token));
        if (token_open(buf_str(&token), keys, &payload, &why) < 0)
            fail_msg("%s", why);
        assert_true(length == 0 || length == buf_used(&token));
        length = buf_used(&token);
        buf_done(&payload);
        buf_done(&token);
    }
    keyring_unref(keys);
    token_signer_free(s);
    free(private_pem);
    free(pem);
}

static void pads_the_numbers_of_ecdsa(void **state)
{
    (void)state;
    expect_same_length(KEY_ES256, ec, 1500);
    expect_same_length(KEY_ES384, ec_p384, 20); /* these curves are slow */
    expect_same_length(KEY_ES512, ec_p521, 20); /* every second number begins with a zero byte */
}

static void expect_refused(enum key_algorithm a, struct str key, const char *want)
{
    struct token_signer *s = NULL;
    const char *why = token_signer_create(a, key, &s);

    if (!why || strcmp(why, want) != 0)
        fail_msg("%s: want '%s', got '%s'", key_algorithm_name(a), want, why ? why : "a signer");
    assert_null(s);
    assert_int_equal(ERR_peek_error(), 0);
}

static void refuses_a_key_that_does_not_fit_the_algorithm(void **state)
{
    const struct {
        enum key_algorithm a;
        EVP_PKEY *pkey;
        const char *want;
    } cases[] = {
        { KEY_RS256, ec, "the key is not an RSA key" },
        { KEY_RS256, ed25519, "the key is not an RSA key" },
        { KEY_RS256, rsa_short, "the RSA key has fewer than 2048 bits" },
        { KEY_ES256, rsa, "the key is not an EC key" },
        { KEY_ES256, ed25519, "the key is not an EC key" },
        { KEY_ES256, ec_p384, "the EC key is not on the curve P-256" },
        { KEY_ES384, ec, "the EC key is not on the curve P-384" },
        { KEY_ES512, ec_p384, "the EC key is not on the curve P-521" },
        { KEY_PS256, ec, "the key is not an RSA key" },
        { KEY_PS384, rsa_short, "the RSA key has fewer than 2048 bits" },
        { KEY_EDDSA, ec, "the key is not an Ed25519 key" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *pem = key_private_pem(cases[i].pkey, NULL);

        expect_refused(cases[i].a, str_of(pem), cases[i].want);
        free(pem);
    }
}

static void refuses_what_is_not_a_private_key(void **state)
{
    char *encrypted = key_private_pem(ec, EVP_aes_128_cbc()), *pem = key_public_pem(ec);
    char *certificate = key_certificate_pem(rsa);

    (void)state;
    expect_refused(KEY_ES256, str_of(encrypted),
                   "the key is encrypted (openssl pkey -in FILE -out NEW-FILE decrypts it)");
    expect_refused(KEY_ES256, str_of(pem), NO_PEM);
    expect_refused(KEY_RS256, str_of(certificate), NO_PEM);
    expect_refused(KEY_RS256, SECRET, NO_PEM);
    expect_refused(KEY_RS256, STR(""), NO_PEM);
    expect_refused(KEY_ES256, STR("-----BEGIN PRIVATE KEY-----\n"), NO_PEM);
    assert_int_equal(token_key_algorithm(str_of(pem), KEY_ES256), KEY_RS256);
    assert_int_equal(token_key_algorithm(str_of(encrypted), KEY_ES256), KEY_RS256);
    free(encrypted);
    free(pem);
    free(certificate);
}

static void refuses_a_secret_that_the_server_refuses(void **state)
{
    char *secret = mem_zalloc(KEYRING_KEY_MAX + 1);

    (void)state;
    expect_refused(KEY_HS256, STR(""), "the key is empty");
    expect_refused(KEY_HS512, str_make(secret, KEYRING_KEY_MAX + 1),
                   "the key is longer than 4096 bytes");
    expect_signs(KEY_HS256, str_make(secret, KEYRING_KEY_MAX), str_make(secret, KEYRING_KEY_MAX));
    free(secret);
}

static void refuses_a_token_that_the_server_refuses_for_its_size(void **state)
{
    struct token_signer *s = signer_of(KEY_HS256, SECRET);
    char *text = mem_zalloc(TOKEN_MAX + 1);
    const char *too_long = "the token would be longer than 65536 bytes";
    struct buf token = { 0 };
    size_t signature_n = 43, header_n = 36, dots_n = 2;
    size_t most = (TOKEN_MAX - signature_n - header_n - dots_n) / 4 * 3;

    (void)state;
    assert_string_equal(token_sign(s, STR(""), str_make(text, TOKEN_MAX + 1), &token), too_long);
    assert_string_equal(token_sign(s, STR(""), str_make(text, most + 3), &token), too_long);
    assert_string_equal(token_sign(s, str_make(text, KEYRING_KID_MAX + 1), STR(PAYLOAD), &token),
                        "the kid is longer than 256 bytes");
    assert_int_equal(buf_used(&token), 0);
    assert_null(token_sign(s, STR(""), str_make(text, most), &token));
    assert_in_range(buf_used(&token), TOKEN_MAX - 3, TOKEN_MAX);
    buf_done(&token);
    free(text);
    token_signer_free(s);
}

static void tells_a_pem_text_from_a_secret(void **state)
{
    (void)state;
    assert_false(token_key_is_pem(SECRET));
    assert_false(token_key_is_pem(STR("")));
    assert_true(token_key_is_pem(STR("my key\n-----BEGIN PUBLIC KEY-----\n")));
    assert_int_equal(token_key_algorithm(SECRET, KEY_HS384), KEY_HS384);
    assert_int_equal(token_key_algorithm(SECRET, KEY_ES384), KEY_HS256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_with_a_secret),
        cmocka_unit_test(signs_with_a_private_key_in_every_form),
        cmocka_unit_test(makes_the_same_token_as_the_other_encoder),
        cmocka_unit_test(pads_the_numbers_of_ecdsa),
        cmocka_unit_test(refuses_a_key_that_does_not_fit_the_algorithm),
        cmocka_unit_test(refuses_what_is_not_a_private_key),
        cmocka_unit_test(refuses_a_secret_that_the_server_refuses),
        cmocka_unit_test(refuses_a_token_that_the_server_refuses_for_its_size),
        cmocka_unit_test(tells_a_pem_text_from_a_secret),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
