#include "hub/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"
#include "support/sign.h"

#define KEY          STR("the secret of the tests")
#define RIGHTS       "\"read\":[\"a\"]"
#define FORGED       "the token's signature is wrong"
#define BAD_ALG      "the token's algorithm (alg) is not accepted"
#define BAD_TYP      "the token's typ must be JWT or at+jwt"
#define BAD_KID      "the token's kid must be a string"
#define CRIT         "the token needs an extension, and the server supports none (crit)"
#define PARTS        "the token must have three parts with dots between them"
#define HEADER       "the token's header is not a JSON object"
#define BASE64(part) "the token's " part " must be base64url without padding"
#define HOLDS(name)                                                                                \
    "the token's " name " holds U+0000, half a surrogate pair, a duplicate name or a number out "  \
    "of range"

/* Returns why the token is refused; NULL: it is accepted. */
static const char *refusal(struct str token)
{
    struct keyring *keys = keyring_create();
    struct buf payload = { 0 };
    const char *why = NULL;
    int rc;

    assert_null(keyring_add(keys, STR(""), KEY_HS256, KEY));
    rc = token_open(token, keys, &payload, &why);
    if (why && (strcmp(why, FORGED) == 0 || strcmp(why, BAD_ALG) == 0))
        assert_int_equal(rc, EH_ENOENT); /* another key may verify it */
    else
        assert_int_equal(rc, why ? EH_EINVAL : EH_OK);
    buf_done(&payload);
    keyring_unref(keys);
    return why;
}

static void expect(struct str token, const char *want, const char *what)
{
    const char *why = refusal(token);

    if (!want && why)
        fail_msg("%s: refused: %s", what, why);
    if (want && (!why || strcmp(why, want) != 0))
        fail_msg("%s: want '%s', got '%s'", what, want, why ? why : "accepted");
}

static void expect_signed(const char *header, const char *payload, const char *want)
{
    char *token = sign_token(str_of(header), str_of(payload), KEY, EVP_sha256());

    expect(str_of(token), want, payload);
    free(token);
}

/* RFC 7515 appendix A.1: a key of 64 bytes and a token of another implementation. */
static void opens_the_token_of_rfc_7515(void **state)
{
    static const unsigned char key[] = {
        0x03, 0x23, 0x35, 0x4b, 0x2b, 0x0f, 0xa5, 0xbc, 0x83, 0x7e, 0x06, 0x65, 0x77,
        0x7b, 0xa6, 0x8f, 0x5a, 0xb3, 0x28, 0xe6, 0xf0, 0x54, 0xc9, 0x28, 0xa9, 0x0f,
        0x84, 0xb2, 0xd2, 0x50, 0x2e, 0xbf, 0xd3, 0xfb, 0x5a, 0x92, 0xd2, 0x06, 0x47,
        0xef, 0x96, 0x8a, 0xb4, 0xc3, 0x77, 0x62, 0x3d, 0x22, 0x3d, 0x2e, 0x21, 0x72,
        0x05, 0x2e, 0x4f, 0x08, 0xc0, 0xcd, 0x9a, 0xf5, 0x67, 0xd0, 0x80, 0xa3,
    };
    struct str k = { (const char *)key, sizeof(key) };
    struct str token = STR("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
                           ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                           "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
                           ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    struct keyring *keys = keyring_create();
    struct buf payload = { 0 };
    const char *why;

    (void)state;
    assert_null(keyring_add(keys, STR(""), KEY_HS256, k));
    assert_int_equal(token_open(token, keys, &payload, &why), EH_OK);
    assert_str(buf_str(&payload), "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
                                  "\"http://example.com/is_root\":true}");
    buf_done(&payload);
    keyring_unref(keys);
}

static void checks_headers(void **state)
{
    static const struct {
        const char *header, *why;
    } cases[] = {
        { "{\"alg\":\"HS256\"}", NULL },
        { "{\"typ\":\"jwt\",\"alg\":\"HS256\",\"kid\":\"1\"}", NULL },
        { "{\"typ\":\"at+jwt\",\"alg\":\"HS256\"}", NULL }, /* RFC 9068 */
        { "{\"typ\":\"AT+JWT\",\"alg\":\"HS256\"}", NULL },
        { "{\"typ\":\"application/at+jwt\",\"alg\":\"HS256\"}", NULL },
        { "{\"typ\":\"Application/At+Jwt\",\"alg\":\"HS256\"}", NULL },
        { "{\"typ\":\"application/jwt\",\"alg\":\"HS256\"}", NULL }, /* RFC 7515, 4.1.9 */
        { "{\"typ\":\"at\\u002bjwt\",\"alg\":\"HS256\"}", NULL },
        { "{\"typ\":\"\",\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":\"application/\",\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":\"application/application/jwt\",\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":\"text/jwt\",\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":\"JWS\",\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":\"dpop+jwt\",\"alg\":\"HS256\"}", BAD_TYP }, /* tokens for another purpose */
        { "{\"typ\":\"logout+jwt\",\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":\"id+jwt\",\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":1,\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":null,\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"typ\":[\"JWT\"],\"alg\":\"HS256\"}", BAD_TYP },
        { "{\"alg\":\"none\"}", BAD_ALG },
        { "{\"alg\":\"None\"}", BAD_ALG },
        { "{\"alg\":\"HS384\"}", BAD_ALG },
        { "{\"alg\":\"hs256\"}", BAD_ALG },
        { "{\"alg\":\"RS256\"}", BAD_ALG },
        { "{\"alg\":[\"HS256\"]}", BAD_ALG },
        { "{\"alg\":null}", BAD_ALG },
        { "{\"typ\":\"JWT\"}", BAD_ALG },
        { "{\"alg\":\"HS256\",\"kid\":1}", BAD_KID },
        { "{\"alg\":\"HS256\",\"kid\":null}", BAD_KID },
        { "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", CRIT },
        { "{\"alg\":\"HS256\",\"crit\":null}", CRIT },
        { "[\"HS256\"]", HEADER },
        { "HS256", HEADER },
        { "", HEADER },
        { "{\"alg\":\"HS256\"}{}", HEADER },
        { "{\"alg\":\"HS256\",\"x\":\"\xff\"}", HEADER },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_signed(cases[i].header, "{" RIGHTS "}", cases[i].why);
}

/* The server uses alg, kid, typ and crit. These occur once; all others may hold any JSON. */
static void ignores_other_members_of_the_header(void **state)
{
    static const struct {
        const char *header, *why;
    } cases[] = {
        { "{\"x5c\":[1e999,123456789012345678901234567890],\"alg\":\"HS256\"}", NULL },
        { "{\"alg\":\"HS256\",\"jku\":\"\\ud83d \\u0000\",\"\\u0000\":-1e-999}", NULL },
        { "{\"cty\":1,\"alg\":\"HS256\",\"cty\":{\"a\":1,\"a\":1}}", NULL },
        { "{\"\\udead\":0,\"alg\":\"HS256\"}", NULL },
        { "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "the token's alg occurs more than once" },
        { "{\"alg\":\"none\",\"alg\":\"HS256\"}", "the token's alg occurs more than once" },
        { "{\"alg\":\"HS256\",\"a\\u006cg\":\"HS256\"}", "the token's alg occurs more than once" },
        { "{\"typ\":\"x\",\"typ\":\"JWT\",\"alg\":\"HS256\"}",
          "the token's typ occurs more than once" },
        { "{\"kid\":\"a\",\"alg\":\"HS256\",\"kid\":\"a\"}",
          "the token's kid occurs more than once" },
        { "{\"crit\":[],\"crit\":[],\"alg\":\"HS256\"}", "the token's crit occurs more than once" },
        { "{\"alg\":\"HS256\",\"\\u0063rit\":[]}", CRIT },
        { "{\"alg\":\"HS256\",\"kid\":\"a\\u0000\"}", HOLDS("kid") },
        { "{\"alg\":\"HS256\",\"kid\":\"\\ud83d\"}", HOLDS("kid") },
        { "{\"alg\":\"HS256\\u0000\"}", HOLDS("alg") },
        { "{\"alg\":1e999}", HOLDS("alg") },
        { "{\"typ\":\"JWT\\u0000\",\"alg\":\"HS256\"}", HOLDS("typ") },
        { "{\"alg\":\"HS256\",\"crit\":[{\"a\":1,\"a\":2}]}", HOLDS("crit") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_signed(cases[i].header, "{" RIGHTS "}", cases[i].why);
}

/* Only the signature counts here. */
static void returns_the_payload_unread(void **state)
{
    static const char *const payloads[] = { "", "{}", "\xff", "[", "{\"a\":1e999}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        char *token = sign_token(STR(SIGN_HS256), str_of(payloads[i]), KEY, EVP_sha256());
        struct keyring *keys = keyring_create();
        struct buf payload = { 0 };
        const char *why;

        assert_null(keyring_add(keys, STR(""), KEY_HS256, KEY));
        assert_int_equal(token_open(str_of(token), keys, &payload, &why), EH_OK);
        assert_str(buf_str(&payload), payloads[i]);
        buf_done(&payload);
        keyring_unref(keys);
        free(token);
    }
}

/* Correct signatures of other algorithms with our key. */
static void refuses_other_algorithms(void **state)
{
    static const struct str payload = { "{" RIGHTS "}", sizeof("{" RIGHTS "}") - 1 };
    char *hs384 = sign_token(STR("{\"alg\":\"HS384\"}"), payload, KEY, EVP_sha384());
    char *hs512 = sign_token(STR("{\"alg\":\"HS512\"}"), payload, KEY, EVP_sha512());
    char *none = sign_token(STR("{\"alg\":\"none\"}"), payload, KEY, EVP_sha256());
    char *long_mac = sign_token(STR(SIGN_HS256), payload, KEY, EVP_sha512());

    (void)state;
    expect(str_of(hs384), BAD_ALG, "HS384");
    expect(str_of(hs512), BAD_ALG, "HS512");
    expect(str_make(none, strlen(none) - 43), BAD_ALG, "none, without signature");
    expect(str_of(long_mac), FORGED, "HS256 with a signature of HS512");
    free(hs384);
    free(hs512);
    free(none);
    free(long_mac);
}

static void refuses_signatures_of_other_keys(void **state)
{
    struct str payload = STR("{" RIGHTS "}");
    char *other = sign_token(STR(SIGN_HS256), payload, STR("another secret"), EVP_sha256());
    char *empty = sign_token(STR(SIGN_HS256), payload, STR(""), EVP_sha256());

    (void)state;
    expect(str_of(other), FORGED, "another key");
    expect(str_of(empty), FORGED, "the empty key");
    free(other);
    free(empty);
}

/* Changes each byte of a good token in turn. */
static void refuses_any_changed_byte(void **state)
{
    char *token = sign_token(STR(SIGN_HS256), STR("{" RIGHTS "}"), KEY, EVP_sha256());
    size_t n = strlen(token);
    static const char changes[] = { 'A', 'w', '_', '.', '=', '\0', ' ', '+' };

    (void)state;
    expect(str_of(token), NULL, "unchanged");
    for (size_t i = 0; i < n; i++) {
        char good = token[i];

        for (size_t c = 0; c < sizeof(changes); c++) {
            token[i] = changes[c];
            if (good != changes[c])
                assert_non_null(refusal(str_make(token, n)));
        }
        token[i] = good;
        assert_non_null(refusal(str_make(token, i))); /* cut short */
    }
    free(token);
}

static void refuses_malformed_tokens(void **state)
{
    char *token = sign_token(STR(SIGN_HS256), STR("{" RIGHTS "}"), KEY, EVP_sha256());
    static const struct {
        const char *format, *why;
        size_t n_nul; /* NUL bytes after the token */
    } cases[] = {
        { "%s", NULL, 0 },
        { "%s.", PARTS, 0 },
        { ".%s", PARTS, 0 },
        { "%s.%s", PARTS, 0 },
        { "%s=", BASE64("signature"), 0 },
        { " %s", BASE64("header"), 0 },
        { "%s ", BASE64("signature"), 0 },
        { "%s\n", BASE64("signature"), 0 },
        { "%s", BASE64("signature"), 1 },
        { "Bearer %s", BASE64("header"), 0 },
        { "undefined", PARTS, 0 },
        { "a.b", PARTS, 0 },
        { "..", HEADER, 0 },
        { ".", PARTS, 0 },
        { "...", PARTS, 0 },
        { "", "there is no token", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512] = { 0 };
        int n = snprintf(text, sizeof(text), cases[i].format, token, token);

        expect(str_make(text, (size_t)n + cases[i].n_nul), cases[i].why, cases[i].format);
    }
    expect((struct str){ NULL, 0 }, "there is no token", "NULL");
    free(token);
}

/* Other spellings that RFC 4648 permits are refused, although their signature is right. */
static void requires_canonical_base64url(void **state)
{
    static const struct {
        const char *header, *payload, *why;
    } cases[] = {
        { "eyJhbGciOiJIUzI1NiJ9", "eyJyZWFkIjpbImEiXX0", NULL },
        { "eyJhbGciOiJIUzI1NiJ9", "eyJyZWFkIjpbImEiXX1", BASE64("payload") },  /* bits left over */
        { "eyJhbGciOiJIUzI1NiJ9", "eyJyZWFkIjpbImEiXX0=", BASE64("payload") }, /* padding */
        { "eyJhbGciOiJIUzI1NiJ9", "eyJyZWFkIjpbImEiXX0gA",
          BASE64("payload") }, /* a lone last digit */
        { "eyJhbGciOiJIUzI1NiJ9", "eyJyZWFk\nIjpbImEiXX0", BASE64("payload") },
        { "eyJhbGciOiJIUzI1NiJ9=", "eyJyZWFkIjpbImEiXX0", BASE64("header") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char input[128], *token;
        int n = snprintf(input, sizeof(input), "%s.%s", cases[i].header, cases[i].payload);

        token = sign_input(str_make(input, (size_t)n), KEY, EVP_sha256());
        expect(str_of(token), cases[i].why, input);
        free(token);
    }
}

/* Returns a token with n read entries of 20 bytes. */
static char *big_token(size_t n)
{
    struct buf payload = { 0 };
    char *token;

    buf_add_str(&payload, STR("{\"read\":["));
    for (size_t i = 0; i < n; i++)
        buf_addf(&payload, "%s\"topic/%011zu\"", i ? "," : "", i);
    buf_add_str(&payload, STR("]}"));
    token = sign_token(STR(SIGN_HS256), buf_str(&payload), KEY, EVP_sha256());
    buf_done(&payload);
    return token;
}

static void limits_the_size_of_a_token(void **state)
{
    char *fits = big_token(2000), *too_long = big_token(3000);

    (void)state;
    assert_true(strlen(fits) < TOKEN_MAX && strlen(too_long) > TOKEN_MAX);
    expect(str_of(fits), NULL, "2000 topics");
    expect(str_of(too_long), "the token is longer than 65536 bytes", "3000 topics");
    free(fits);
    free(too_long);
}

static void refuses_a_deeply_nested_header(void **state)
{
    size_t n = 20000;
    char *header = mem_alloc(n + 1);

    (void)state;
    memset(header, '[', n);
    header[n] = '\0';
    expect_signed(header, "{}", HEADER);
    memcpy(header, "{\"a\":", 5);
    expect_signed(header, "{}", HEADER);
    free(header);
}

static void decodes_a_token_whatever_its_key(void **state)
{
    char *token = sign_token(STR("not JSON"), STR("any \xff bytes"), STR("x"), EVP_sha256());
    struct buf header = { 0 }, payload = { 0 };
    const char *why = NULL;

    (void)state;
    assert_int_equal(token_decode(str_of(token), &header, &payload, &why), EH_OK);
    assert_str(buf_str(&header), "not JSON");
    assert_str(buf_str(&payload), "any \xff bytes");
    assert_int_equal(token_decode(STR("a.b"), &header, &payload, &why), EH_EINVAL);
    assert_string_equal(why, PARTS);
    assert_int_equal(token_decode(STR("a.YQ."), &header, &payload, &why), EH_EINVAL);
    assert_string_equal(why, BASE64("header"));
    assert_int_equal(token_decode(STR("YQ.YQ=."), &header, &payload, &why), EH_EINVAL);
    assert_string_equal(why, BASE64("payload"));
    assert_int_equal(token_decode(STR("YQ.YQ."), &header, &payload, &why), EH_OK);
    buf_done(&header);
    buf_done(&payload);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_the_token_of_rfc_7515),
        cmocka_unit_test(checks_headers),
        cmocka_unit_test(ignores_other_members_of_the_header),
        cmocka_unit_test(returns_the_payload_unread),
        cmocka_unit_test(refuses_other_algorithms),
        cmocka_unit_test(refuses_signatures_of_other_keys),
        cmocka_unit_test(refuses_any_changed_byte),
        cmocka_unit_test(refuses_malformed_tokens),
        cmocka_unit_test(requires_canonical_base64url),
        cmocka_unit_test(limits_the_size_of_a_token),
        cmocka_unit_test(refuses_a_deeply_nested_header),
        cmocka_unit_test(decodes_a_token_whatever_its_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
