#include "hub/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/sign.h"

#define NOW    1000000
#define KEY    STR("the secret of the tests")
#define RIGHTS "\"read\":[\"a\"]"

static struct auth_policy policy; /* all tests share its keys; some require an audience or issuer */

static int make_keys(void **state)
{
    struct keyring *keys = keyring_create();

    (void)state;
    policy.keys = keys;
    return keyring_add(keys, STR(""), KEY_HS256, KEY) ? -1 : 0;
}

static int free_keys(void **state)
{
    (void)state;
    keyring_free((struct keyring *)(uintptr_t)policy.keys);
    return 0;
}

/* want NULL: the token is accepted. */
static void expect_claims(const char *payload, const char *want)
{
    char *token = sign_token(STR(SIGN_HS256), str_of(payload), KEY, EVP_sha256());
    struct auth *a = NULL;
    const char *why = NULL;
    int rc = auth_verify(str_of(token), &policy, NOW, &a, &why);

    assert_int_equal(rc, want ? EH_EINVAL : EH_OK);
    assert_true((a != NULL) == (rc == EH_OK));
    if (want)
        assert_string_equal(why, want);
    auth_free(a);
    free(token);
}

static struct auth *auth_of(const char *payload)
{
    char *token = sign_token(STR(SIGN_HS256), str_of(payload), KEY, EVP_sha256());
    struct auth *a = NULL;
    const char *why = "";

    assert_int_equal(auth_verify(str_of(token), &policy, NOW, &a, &why), EH_OK);
    free(token);
    return a;
}

static void checks_the_types_and_times_of_claims(void **state)
{
    static const struct {
        const char *payload, *why; /* NULL: accepted */
    } cases[] = {
        { "{" RIGHTS "}", NULL },
        { "{\"write\":[\"a/#\"]}", NULL },
        { "{" RIGHTS ",\"exp\":1000001,\"nbf\":1000000,\"sub\":\"x\",\"else\":{}}", NULL },
        { "{" RIGHTS ",\"nbf\":-5}", NULL },
        { "{\"read\":[17,\"bad topic\",\"ok\"],\"write\":[]}", NULL },

        { "{" RIGHTS ",\"exp\":1000000}", "token expired" },
        { "{" RIGHTS ",\"exp\":0}", "token expired" },
        { "{" RIGHTS ",\"exp\":-1}", "token expired" },
        { "{" RIGHTS ",\"exp\":\"1000001\"}", "the claim exp must be an integer" },
        { "{" RIGHTS ",\"exp\":1000001.5}", "the claim exp must be an integer" },
        { "{" RIGHTS ",\"exp\":1e7}", "the claim exp must be an integer" },
        { "{" RIGHTS ",\"exp\":null}", "the claim exp must be an integer" },
        { "{" RIGHTS ",\"nbf\":1000001}", "the token is not valid yet" },
        { "{" RIGHTS ",\"nbf\":9223372036854775807}", "the token is not valid yet" },
        { "{" RIGHTS ",\"nbf\":\"1\"}", "the claim nbf must be an integer" },
        { "{" RIGHTS ",\"nbf\":1.0}", "the claim nbf must be an integer" },
        { "{" RIGHTS ",\"sub\":7}", "the claim sub must be a string" },
        { "{" RIGHTS ",\"sub\":null}", "the claim sub must be a string" },
        { "{\"read\":\"a\"}", "the claim read must be an array" },
        { "{" RIGHTS ",\"write\":{\"a\":1}}", "the claim write must be an array" },
        { "{\"write\":[\"a\"],\"read\":null}", "the claim read must be an array" },
        { "{" RIGHTS ",\"aud\":7,\"iss\":[]}", NULL }, /* not required */
        { "{" RIGHTS ",\"presence\":\"a\"}", "the claim presence must be an array" },
        { "{" RIGHTS ",\"rlimit\":\"a\",\"sub\":\"x\"}", "the claim rlimit must be an array" },
        { "{" RIGHTS ",\"rlimit\":[{\"topic\":7}],\"sub\":\"x\"}",
          "the topic of a rule of the claim rlimit must be a valid topic or pattern" },
        { "{" RIGHTS ",\"rlimit\":[{\"topic\":\"a\",\"interval\":0.5,\"max\":1}]}",
          "the interval of a rule of the claim rlimit must be an integer from 1 to 31536000" },
        { "{" RIGHTS ",\"rlimit\":null}", NULL },
        { "{}", "the token grants no rights" },
        { "{\"read\":[],\"write\":[]}", "the token grants no rights" },
        { "{\"read\":[1,null,[\"a\"],\"a b\",\"/a\",\"\",\"a/#/b\"]}",
          "the token grants no rights" },
        { "{\"presence\":[\"#\"]}", "the token grants no rights" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_claims(cases[i].payload, cases[i].why);
}

static void checks_the_audience(void **state)
{
    static const struct {
        const char *payload;
        bool is_accepted;
    } cases[] = {
        { "{" RIGHTS ",\"aud\":\"me\"}", true },
        { "{" RIGHTS ",\"aud\":[\"you\",7,\"me\"]}", true },
        { "{" RIGHTS "}", false },
        { "{" RIGHTS ",\"aud\":\"\"}", false },
        { "{" RIGHTS ",\"aud\":\"ME\"}", false },
        { "{" RIGHTS ",\"aud\":\"me \"}", false },
        { "{" RIGHTS ",\"aud\":\"mee\"}", false },
        { "{" RIGHTS ",\"aud\":[]}", false },
        { "{" RIGHTS ",\"aud\":[\"you\"]}", false },
        { "{" RIGHTS ",\"aud\":[[\"me\"]]}", false },
        { "{" RIGHTS ",\"aud\":{\"0\":\"me\"}}", false },
        { "{" RIGHTS ",\"aud\":null}", false },
        { "{" RIGHTS ",\"iss\":\"me\"}", false },
    };

    (void)state;
    policy.audience = STR("me");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_claims(cases[i].payload,
                      cases[i].is_accepted ? NULL : "the token is for another audience");
    policy.audience = STR("");
}

static void checks_the_issuer(void **state)
{
    static const struct {
        const char *payload;
        bool is_accepted;
    } cases[] = {
        { "{" RIGHTS ",\"iss\":\"us\"}", true },    { "{" RIGHTS "}", false },
        { "{" RIGHTS ",\"iss\":\"them\"}", false }, { "{" RIGHTS ",\"iss\":[\"us\"]}", false },
        { "{" RIGHTS ",\"iss\":null}", false },     { "{" RIGHTS ",\"aud\":\"us\"}", false },
    };

    (void)state;
    policy.issuer = STR("us");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_claims(cases[i].payload,
                      cases[i].is_accepted ? NULL : "the token is from another issuer");
    policy.issuer = STR("");
}

static void limits_the_length_of_sub(void **state)
{
    char payload[AUTH_SUB_MAX + 64];

    (void)state;
    (void)snprintf(payload, sizeof(payload), "{" RIGHTS ",\"sub\":\"%0*d\"}", AUTH_SUB_MAX, 0);
    expect_claims(payload, NULL);
    (void)snprintf(payload, sizeof(payload), "{" RIGHTS ",\"sub\":\"%0*d\"}", AUTH_SUB_MAX + 1, 0);
    expect_claims(payload, "the claim sub is longer than 256 bytes");
}

static void reports_why_the_envelope_is_refused(void **state)
{
    struct auth *a = NULL;
    const char *why = NULL;

    (void)state;
    assert_int_equal(auth_verify(STR("undefined"), &policy, NOW, &a, &why), EH_EINVAL);
    assert_string_equal(why, "the token is malformed");
    assert_null(a);
}

static void grants_only_what_the_filters_cover(void **state)
{
    static const struct {
        const char *filter;
        bool read, write;
    } cases[] = {
        { "a/b", true, false },    { "a/+", true, false },   { "a", false, false },
        { "a/b/c", false, false }, { "a/#", false, false },  { "b", true, true },
        { "b/#", true, false },    { "b/+/c", true, false }, { "b/c", true, false },
        { "#", false, false },     { "+", false, false },    { "c/x", true, true },
        { "c/y", true, false },
    };
    struct auth *a = auth_of("{\"read\":[\"a/+\",\"b/#\",\"\",\"bad topic\",\"c/x\",\"c/y\"],"
                             "\"write\":[5,\"b\",\"c/x\"]}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str filter = str_of(cases[i].filter);

        if (auth_allows(a, AUTH_READ, filter) != cases[i].read)
            fail_msg("read %s", cases[i].filter);
        if (auth_allows(a, AUTH_WRITE, filter) != cases[i].write)
            fail_msg("write %s", cases[i].filter);
    }
    auth_free(a);
}

/* A pattern that only several entries cover together is refused. */
static void requires_one_entry_to_cover_a_pattern(void **state)
{
    struct auth *a = auth_of("{\"read\":[\"a\",\"a/+\",\"a/+/#\"]}");

    (void)state;
    assert_false(auth_allows(a, AUTH_READ, STR("a/#")));
    assert_true(auth_allows(a, AUTH_READ, STR("a/b/#")));
    assert_false(auth_allows(a, AUTH_WRITE, STR("a")));
    auth_free(a);
}

static void reads_sub_and_exp(void **state)
{
    struct auth *full =
        auth_of("{\"sub\":\"j\xc3\xb6\\u0020x\",\"exp\":2000000,\"write\":[\"a\"]}");
    struct auth *bare = auth_of("{\"read\":[\"a\"],\"sub\":\"\"}");

    (void)state;
    assert_true(str_eq(auth_sub(full), STR("j\xc3\xb6 x")));
    assert_int_equal(auth_expires(full), 2000000);
    assert_true(auth_allows(full, AUTH_WRITE, STR("a")));
    assert_false(auth_allows(full, AUTH_READ, STR("a")));
    assert_int_equal(auth_sub(bare).n, 0);
    assert_int_equal(auth_expires(bare), 0);
    auth_free(full);
    auth_free(bare);
}

static void keeps_presence_apart_from_read_and_write(void **state)
{
    struct auth *a = auth_of("{\"read\":[\"a\"],\"presence\":[\"p/#\",\"/bad\",\"q\"],"
                             "\"write\":[\"b\"],\"sub\":\"x\"}");

    (void)state;
    assert_true(auth_allows(a, AUTH_PRESENCE, STR("p/1")));
    assert_true(auth_allows(a, AUTH_PRESENCE, STR("p/+")));
    assert_true(auth_allows(a, AUTH_PRESENCE, STR("q")));
    assert_false(auth_allows(a, AUTH_PRESENCE, STR("a")));
    assert_false(auth_allows(a, AUTH_PRESENCE, STR("b")));
    assert_false(auth_allows(a, AUTH_READ, STR("q")));
    assert_false(auth_allows(a, AUTH_WRITE, STR("q")));
    assert_true(str_eq(auth_sub(a), STR("x")));
    auth_free(a);
}

#define RLIMIT                                                                                     \
    "\"rlimit\":[{\"topic\":\"a/#\",\"interval\":60.0,\"max\":9},"                                 \
    "{\"topic\":\"a/bcd\",\"interval\":5,\"max\":0}]"

static void finds_the_rate_rule_of_a_topic(void **state)
{
    struct auth *a = auth_of("{" RIGHTS ",\"sub\":\"x\",\"presence\":[\"p\"]," RLIMIT "}");
    struct rate_rule r;

    (void)state;
    assert_true(auth_rate_rule(a, STR("a/bcd"), &r));
    assert_true(str_eq(r.topic, STR("a/bcd")));
    assert_int_equal(r.interval_s, 5);
    assert_int_equal(r.max, 0);
    assert_true(auth_rate_rule(a, STR("a/x"), &r));
    assert_true(str_eq(r.topic, STR("a/#")));
    assert_int_equal(r.interval_s, 60);
    assert_int_equal(r.max, 9);
    assert_false(auth_rate_rule(a, STR("b"), &r));
    assert_true(str_eq(auth_sub(a), STR("x")));
    assert_true(auth_allows(a, AUTH_READ, STR("a")));
    assert_true(auth_allows(a, AUTH_PRESENCE, STR("p")));
    auth_free(a);
}

static void ignores_rate_rules_without_sub(void **state)
{
    struct auth *none = auth_of("{" RIGHTS "," RLIMIT "}");
    struct auth *empty = auth_of("{" RIGHTS ",\"sub\":\"\"," RLIMIT "}");
    struct rate_rule r;

    (void)state;
    assert_false(auth_rate_rule(none, STR("a/x"), &r));
    assert_false(auth_rate_rule(empty, STR("a/x"), &r));
    auth_free(none);
    auth_free(empty);
}

static void allows_everything_without_limits(void **state)
{
    struct auth *a = auth_everything();
    struct rate_rule r;

    (void)state;
    assert_true(auth_allows(a, AUTH_PRESENCE, STR("#")));
    assert_false(auth_rate_rule(a, STR("any/topic"), &r));
    assert_true(auth_allows(a, AUTH_READ, STR("#")));
    assert_true(auth_allows(a, AUTH_WRITE, STR("any/topic")));
    assert_int_equal(auth_sub(a).n, 0);
    assert_int_equal(auth_expires(a), 0);
    auth_free(a);
    auth_free(NULL);
}

static void finds_the_token_in_a_header(void **state)
{
    static const struct {
        const char *value, *token;
    } cases[] = {
        { "Bearer a.b.c", "a.b.c" },
        { "bearer   a.b.c ", "a.b.c" },
        { "BEARER\ta.b.c", "a.b.c" },
        { "a.b.c", "a.b.c" },
        { "  a.b.c\t", "a.b.c" },
        { "Bearera.b.c", "Bearera.b.c" },
        { "Bearer", "" },
        { "Bearer ", "" },
        { "", "" },
        { "Basic abc", "Basic abc" },
        { "Bearer Bearer x", "Bearer x" },
        { "Bear", "Bear" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str token = auth_header_token(str_of(cases[i].value));

        if (!str_eq(token, str_of(cases[i].token)))
            fail_msg("'%s': got '%.*s'", cases[i].value, STR_ARG(token));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_the_audience),
        cmocka_unit_test(checks_the_issuer),
        cmocka_unit_test(checks_the_types_and_times_of_claims),
        cmocka_unit_test(limits_the_length_of_sub),
        cmocka_unit_test(reports_why_the_envelope_is_refused),
        cmocka_unit_test(grants_only_what_the_filters_cover),
        cmocka_unit_test(requires_one_entry_to_cover_a_pattern),
        cmocka_unit_test(reads_sub_and_exp),
        cmocka_unit_test(keeps_presence_apart_from_read_and_write),
        cmocka_unit_test(finds_the_rate_rule_of_a_topic),
        cmocka_unit_test(ignores_rate_rules_without_sub),
        cmocka_unit_test(allows_everything_without_limits),
        cmocka_unit_test(finds_the_token_in_a_header),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
