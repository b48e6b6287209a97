#include "hub/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/sign.h"

#define NOW_MS 1000000500 /* half a second after 1000000 */
#define KEY    STR("the secret of the tests")
#define RIGHTS "\"read\":[\"a\"]"

#define EXPIRED       "the token has expired: the claim exp is in the past"
#define TOO_SOON      "the token is not valid yet: the claim nbf is in the future"
#define NO_DATE(name) "the claim " name " must be a number of seconds since the epoch"
#define NO_RIGHTS                                                                                  \
    "the claims read and write have no valid topic or pattern: the token grants no rights"
#define NO_OBJECT   "the token's payload is not a JSON object"
#define TWICE(name) "the claim " name " occurs more than once"
#define HOLDS(name)                                                                                \
    "the claim " name " holds U+0000, half a surrogate pair, a duplicate name or a number out of " \
    "range"

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
    keyring_unref((struct keyring *)(uintptr_t)policy.keys);
    return 0;
}

/* want NULL: the token is accepted. */
static void expect_claims(const char *payload, const char *want)
{
    char *token = sign_token(STR(SIGN_HS256), str_of(payload), KEY, EVP_sha256());
    struct auth *a = NULL;
    const char *why = NULL;
    int rc = auth_verify(str_of(token), &policy, NOW_MS, &a, &why);

    assert_int_equal(rc, want ? EH_EINVAL : EH_OK);
    assert_true((a != NULL) == (rc == EH_OK));
    if (want)
        assert_string_equal(why, want);
    auth_free(a);
    free(token);
    a = NULL;
    assert_int_equal(auth_check(str_of(payload), &policy, NOW_MS, &a, &why), rc);
    assert_true((a != NULL) == (rc == EH_OK));
    if (want)
        assert_string_equal(why, want);
    auth_free(a);
}

static struct auth *auth_of(const char *payload)
{
    char *token = sign_token(STR(SIGN_HS256), str_of(payload), KEY, EVP_sha256());
    struct auth *a = NULL;
    const char *why = "";

    assert_int_equal(auth_verify(str_of(token), &policy, NOW_MS, &a, &why), EH_OK);
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

        { "{" RIGHTS ",\"exp\":1000000}", EXPIRED },
        { "{" RIGHTS ",\"exp\":0}", EXPIRED },
        { "{" RIGHTS ",\"exp\":-1}", EXPIRED },
        { "{" RIGHTS ",\"exp\":\"1000001\"}", NO_DATE("exp") },
        { "{" RIGHTS ",\"exp\":null}", NO_DATE("exp") },
        { "{" RIGHTS ",\"exp\":[1000001]}", NO_DATE("exp") },
        { "{" RIGHTS ",\"exp\":true}", NO_DATE("exp") },
        { "{" RIGHTS ",\"nbf\":1000001}", TOO_SOON },
        { "{" RIGHTS ",\"nbf\":9223372036854775807}", TOO_SOON },
        { "{" RIGHTS ",\"nbf\":\"1\"}", NO_DATE("nbf") },
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
        { "{}", NO_RIGHTS },
        { "{\"read\":[],\"write\":[]}", NO_RIGHTS },
        { "{\"read\":[1,null,[\"a\"],\"a b\",\"/a\",\"\",\"a/#/b\"]}", NO_RIGHTS },
        { "{\"presence\":[\"#\"]}", NO_RIGHTS },
        { "{\"admin\":[\"log\"]}", NULL },
        { "{\"admin\":[]}", NO_RIGHTS },
        { "{\"admin\":[\"everything\",7,\"LOG\",\"#\"]}", NO_RIGHTS },
        { "{\"admin\":true}", NO_RIGHTS },
        { "{" RIGHTS ",\"admin\":true}", NULL }, /* as some providers write it */
        { "{" RIGHTS ",\"admin\":{\"log\":1}}", NULL },
        { "{" RIGHTS ",\"admin\":[],\"admin\":[\"log\"]}", TWICE("admin") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_claims(cases[i].payload, cases[i].why);
}

/* RFC 7519, 2: a NumericDate may have a fraction, and JSON has one kind of number. */
static void accepts_fractions_of_a_second(void **state)
{
    static const struct {
        const char *payload, *why;
    } cases[] = {
        { "{" RIGHTS ",\"exp\":1000001.0}", NULL },
        { "{" RIGHTS ",\"exp\":1e7}", NULL },
        { "{" RIGHTS ",\"exp\":1.0000010E+6}", NULL },
        { "{" RIGHTS ",\"exp\":100000100e-2}", NULL },
        { "{" RIGHTS ",\"exp\":1e300}", NULL },
        { "{" RIGHTS ",\"exp\":1000000.75}", NULL },
        { "{" RIGHTS ",\"exp\":1000000.501}", NULL },
        { "{" RIGHTS ",\"exp\":1000000.501999}", NULL },
        { "{" RIGHTS ",\"exp\":1000000.500999}", EXPIRED }, /* rounded down to our clock */
        { "{" RIGHTS ",\"exp\":1000000.5}", EXPIRED },      /* exp itself is no longer within */
        { "{" RIGHTS ",\"exp\":1000000.499999}", EXPIRED },
        { "{" RIGHTS ",\"exp\":1000000.0}", EXPIRED },
        { "{" RIGHTS ",\"exp\":0.0}", EXPIRED },
        { "{" RIGHTS ",\"exp\":-0.0}", EXPIRED },
        { "{" RIGHTS ",\"exp\":-1.5}", EXPIRED },
        { "{" RIGHTS ",\"exp\":-1e300}", EXPIRED },
        { "{" RIGHTS ",\"exp\":1e-400}", EXPIRED },
        { "{" RIGHTS ",\"nbf\":1.0}", NULL },
        { "{" RIGHTS ",\"nbf\":-1e300}", NULL },
        { "{" RIGHTS ",\"nbf\":1000000.25}", NULL },
        { "{" RIGHTS ",\"nbf\":1000000.5}", NULL },          /* nbf itself is within */
        { "{" RIGHTS ",\"nbf\":1000000.500001}", TOO_SOON }, /* rounded up to our clock */
        { "{" RIGHTS ",\"nbf\":1000000.75}", TOO_SOON },
        { "{" RIGHTS ",\"nbf\":1e300}", TOO_SOON },
        { "{" RIGHTS ",\"iat\":1000000.123456,\"nbf\":999999.9,\"exp\":1000060.123456}", NULL },
        { "{" RIGHTS ",\"iat\":\"yesterday\"}", NULL }, /* not used */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_claims(cases[i].payload, cases[i].why);
}

/* The leeway moves both ends, to the millisecond. */
static void accepts_clocks_that_differ_by_the_leeway(void **state)
{
    struct auth *a;

    (void)state;
    policy.leeway_ms = 2000;
    expect_claims("{" RIGHTS ",\"exp\":999998.501}", NULL);
    expect_claims("{" RIGHTS ",\"exp\":999998.5}", EXPIRED);
    expect_claims("{" RIGHTS ",\"exp\":0}", EXPIRED);
    expect_claims("{" RIGHTS ",\"nbf\":1000002.5}", NULL);
    expect_claims("{" RIGHTS ",\"nbf\":1000002.501}", TOO_SOON);
    a = auth_of("{" RIGHTS ",\"exp\":1000010.5}");
    assert_int_equal(auth_expires_ms(a), 1000012500);
    auth_free(a);
    a = auth_of("{" RIGHTS "}"); /* without exp it still never ends */
    assert_int_equal(auth_expires_ms(a), 0);
    auth_free(a);
    policy.leeway_ms = 0;
}

static void expires_at_the_fraction(void **state)
{
    static const struct {
        const char *payload;
        uint64_t expires_ms;
    } cases[] = {
        { "{" RIGHTS ",\"exp\":1000010.5}", 1000010500 },
        { "{" RIGHTS ",\"exp\":1700000000.123}", 1700000000123 },
        { "{" RIGHTS ",\"exp\":1700000000.001}", 1700000000001 },
        { "{" RIGHTS ",\"exp\":1700000000.123456}", 1700000000123 },
        { "{" RIGHTS ",\"exp\":1700000000.999999}", 1700000000999 },
        { "{" RIGHTS ",\"exp\":2e6}", 2000000000 },
        { "{" RIGHTS ",\"exp\":1700000000000000000}", 9000000000000000 }, /* meant as ns */
        { "{" RIGHTS ",\"exp\":9223372036854775807}", 9000000000000000 },
        { "{" RIGHTS ",\"exp\":1e300}", 9000000000000000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct auth *a = auth_of(cases[i].payload);

        assert_int_equal(auth_expires_ms(a), cases[i].expires_ms);
        auth_free(a);
    }
}

static void expect_object(const char *payload)
{
    expect_claims(payload, NO_OBJECT);
}

static void requires_the_payload_to_be_a_json_object(void **state)
{
    size_t n = 20000;
    char *deep = mem_alloc(n + 1);

    (void)state;
    expect_object("[{" RIGHTS "}]");
    expect_object("\"read\"");
    expect_object("{" RIGHTS "}x");
    expect_object("{" RIGHTS);
    expect_object("{" RIGHTS ",}");
    expect_object("{" RIGHTS ",\"x\":\"\xff\"}");
    expect_object("{" RIGHTS ",\"sub\":\"\xff\"}");
    expect_object("{" RIGHTS ",\"x\":01}");
    expect_object("");
    expect_claims("{" RIGHTS "} ", NULL);
    expect_claims(" \t\r\n{ \"read\" : [ \"a\" ] }\r\n", NULL);
    memset(deep, '[', n);
    deep[n] = '\0';
    expect_object(deep);
    memcpy(deep, "{\"a\":", 5);
    expect_object(deep);
    free(deep);
}

/* Claims of other programs may hold what jansson cannot represent. */
static void ignores_claims_that_it_does_not_use(void **state)
{
    static const char *const claims[] = {
        "\"big\":123456789012345678901234567890",
        "\"huge\":[1e999,-1e999]",
        "\"tiny\":1e-999",
        "\"nul\":\"\\u0000\"",
        "\"nul\\u0000\":1",
        "\"exp\\u0000\":1",
        "\"emoji\":\"hi \\ud83d\"",
        "\"\\ude00\":{\"\\ud83d\":\"\\ude00\\ud83d\"}",
        "\"x\":1,\"x\":2",
        "\"x\":{\"y\":1,\"y\":1}",
        "\"read2\":7",
        "\"\":null",
        "\"Exp\":1",
        "\"EXP\":\"x\",\"NBF\":9e99",
        "\"nested\":{\"exp\":1,\"exp\":1,\"read\":7}",
        "\"aud\":1e999,\"iss\":\"\\u0000\"", /* no policy asks for them */
        "\"aud\":1,\"aud\":2",
        "\"iat\":1e999",
        "\"jti\":18446744073709551616",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        char payload[256];

        (void)snprintf(payload, sizeof(payload), "{%s," RIGHTS "}", claims[i]);
        expect_claims(payload, NULL);
        (void)snprintf(payload, sizeof(payload), "{" RIGHTS ",%s}", claims[i]);
        expect_claims(payload, NULL);
    }
}

static void refuses_used_claims_that_are_ambiguous(void **state)
{
    static const struct {
        const char *payload, *why;
    } cases[] = {
        { "{" RIGHTS ",\"exp\":1,\"exp\":2000000}", TWICE("exp") },
        { "{" RIGHTS ",\"exp\":2000000,\"\\u0065xp\":3000000}", TWICE("exp") },
        { "{" RIGHTS ",\"nbf\":1,\"nbf\":1}", TWICE("nbf") },
        { "{" RIGHTS "," RIGHTS "}", TWICE("read") },
        { "{" RIGHTS ",\"write\":[],\"write\":[\"b\"]}", TWICE("write") },
        { "{" RIGHTS ",\"presence\":[],\"presence\":[]}", TWICE("presence") },
        { "{" RIGHTS ",\"sub\":\"a\",\"s\\u0075b\":\"b\"}", TWICE("sub") },
        { "{" RIGHTS ",\"rlimit\":[],\"rlimit\":[]}", TWICE("rlimit") },
        { "{" RIGHTS ",\"exp\":99999999999999999999}", HOLDS("exp") },
        { "{" RIGHTS ",\"nbf\":-1e999}", HOLDS("nbf") },
        { "{" RIGHTS ",\"sub\":\"\\u0000\"}", HOLDS("sub") },
        { "{" RIGHTS ",\"sub\":\"\\ud83d\"}", HOLDS("sub") },
        { "{\"read\":[\"a\",\"\\ud83d\"]}", HOLDS("read") },
        { "{" RIGHTS ",\"write\":[\"a\",1e999]}", HOLDS("write") },
        { "{" RIGHTS ",\"presence\":[\"\\u0000\"]}", HOLDS("presence") },
        { "{" RIGHTS ",\"rlimit\":[{\"topic\":\"a\",\"interval\":1,\"max\":1,\"max\":2}]}",
          HOLDS("rlimit") },
        { "{\"\\u0072ead\":[\"a\"]}", NULL }, /* another spelling of the same name */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_claims(cases[i].payload, cases[i].why);
}

#define NO_AUD    "the claim aud is missing: the server requires an audience"
#define OTHER_AUD "the claim aud does not name the server's audience"

static void checks_the_audience(void **state)
{
    static const struct {
        const char *payload, *why; /* NULL: accepted */
    } cases[] = {
        { "{" RIGHTS ",\"aud\":\"me\"}", NULL },
        { "{" RIGHTS ",\"aud\":[\"you\",7,\"me\"]}", NULL },
        { "{" RIGHTS "}", NO_AUD },
        { "{" RIGHTS ",\"aud\":\"\"}", OTHER_AUD },
        { "{" RIGHTS ",\"aud\":\"ME\"}", OTHER_AUD },
        { "{" RIGHTS ",\"aud\":\"me \"}", OTHER_AUD },
        { "{" RIGHTS ",\"aud\":\"mee\"}", OTHER_AUD },
        { "{" RIGHTS ",\"aud\":[]}", OTHER_AUD },
        { "{" RIGHTS ",\"aud\":[\"you\"]}", OTHER_AUD },
        { "{" RIGHTS ",\"aud\":[[\"me\"]]}", OTHER_AUD },
        { "{" RIGHTS ",\"aud\":{\"0\":\"me\"}}", OTHER_AUD },
        { "{" RIGHTS ",\"aud\":null}", OTHER_AUD },
        { "{" RIGHTS ",\"iss\":\"me\"}", NO_AUD },
        { "{" RIGHTS ",\"aud\":\"me\",\"aud\":\"me\"}", TWICE("aud") },
        { "{" RIGHTS ",\"aud\":[\"me\",1e999]}", HOLDS("aud") },
        { "{" RIGHTS ",\"aud\":\"me\",\"iss\":1e999}", NULL },
    };

    (void)state;
    policy.audience = STR("me");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_claims(cases[i].payload, cases[i].why);
    policy.audience = STR("");
}

#define NO_ISS    "the claim iss is missing: the server requires an issuer"
#define OTHER_ISS "the claim iss does not name the server's issuer"

static void checks_the_issuer(void **state)
{
    static const struct {
        const char *payload, *why; /* NULL: accepted */
    } cases[] = {
        { "{" RIGHTS ",\"iss\":\"us\"}", NULL },
        { "{" RIGHTS "}", NO_ISS },
        { "{" RIGHTS ",\"iss\":\"them\"}", OTHER_ISS },
        { "{" RIGHTS ",\"iss\":[\"us\"]}", OTHER_ISS },
        { "{" RIGHTS ",\"iss\":null}", OTHER_ISS },
        { "{" RIGHTS ",\"aud\":\"us\"}", NO_ISS },
        { "{" RIGHTS ",\"iss\":\"us\",\"iss\":\"us\"}", TWICE("iss") },
        { "{" RIGHTS ",\"iss\":\"us\\u0000\"}", HOLDS("iss") },
        { "{" RIGHTS ",\"iss\":\"us\",\"aud\":\"\\ud83d\"}", NULL },
    };

    (void)state;
    policy.issuer = STR("us");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_claims(cases[i].payload, cases[i].why);
    policy.issuer = STR("");
}

static void keeps_what_a_revocation_names(void **state)
{
    static char longest[257];
    static const struct {
        const char *claims, *jti;
        uint64_t issued_ms;
    } cases[] = {
        { "", "", 0 },
        { ",\"jti\":\"t-1\",\"iat\":1000", "t-1", 1000000 },
        { ",\"jti\":\"\",\"iat\":0", "", 0 },
        { ",\"iat\":1000.0018", "", 1000001 }, /* rounded down: issued earlier */
        { ",\"iat\":-5", "", 0 },
        { ",\"iat\":99999999999", "", 99999999999000 },
        { ",\"jti\":7,\"iat\":\"1000\"", "", 0 },
        { ",\"jti\":null,\"iat\":true", "", 0 },
        { ",\"jti\":[\"a\"],\"iat\":[1]", "", 0 },
        { ",\"jti\":\"a\\u0000\",\"iat\":1e999", "", 0 },
        { ",\"jti\":\"a\",\"jti\":\"b\",\"iat\":1,\"iat\":2", "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char payload[512];
        struct auth *a;

        (void)snprintf(payload, sizeof(payload), "{\"sub\":\"ann\"," RIGHTS "%s}", cases[i].claims);
        a = auth_of(payload);
        assert_true(str_eq(auth_sub(a), STR("ann")));
        assert_true(str_eq(auth_jti(a), str_of(cases[i].jti)));
        assert_int_equal(auth_issued_ms(a), cases[i].issued_ms);
        auth_free(a);
    }
    memset(longest, 'x', 256);
    for (size_t n = 256; n <= 257; n++) {
        char payload[512];
        struct auth *a;

        (void)snprintf(payload, sizeof(payload), "{\"jti\":\"%s%s\"," RIGHTS "}", longest,
                       n > 256 ? "y" : "");
        a = auth_of(payload);
        assert_int_equal(auth_jti(a).n, n > 256 ? 0 : n);
        auth_free(a);
    }
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
    assert_int_equal(auth_verify(STR("undefined"), &policy, NOW_MS, &a, &why), EH_EINVAL);
    assert_string_equal(why, "the token must have three parts with dots between them");
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
    assert_int_equal(auth_expires_ms(full), 2000000000);
    assert_true(auth_allows(full, AUTH_WRITE, STR("a")));
    assert_false(auth_allows(full, AUTH_READ, STR("a")));
    assert_int_equal(auth_sub(bare).n, 0);
    assert_int_equal(auth_expires_ms(bare), 0);
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

static void knows_the_rights_of_admin(void **state)
{
    static const struct {
        const char *payload;
        unsigned rights; /* a bit for each enum auth_admin */
    } cases[] = {
        { "{" RIGHTS "}", 0 },
        { "{" RIGHTS ",\"admin\":true}", 0 },
        { "{" RIGHTS ",\"admin\":\"log\"}", 0 },
        { "{" RIGHTS ",\"admin\":[\"clients\"]}", 1 },
        { "{\"admin\":[\"publish\",null,\"publish\"],\"sub\":\"x\"}", 2 },
        { "{\"admin\":[\"log\",\"logs\",\"\"]," RIGHTS "}", 4 },
        { "{\"admin\":[\"tokens\",[\"log\"],\"clients\"]}", 9 },
    };
    struct auth *all = auth_everything();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct auth *a = auth_of(cases[i].payload);

        for (unsigned right = 0; right < AUTH_ADMIN_RIGHTS; right++)
            assert_int_equal(auth_administers(a, right), cases[i].rights >> right & 1);
        auth_free(a);
    }
    for (unsigned right = 0; right < AUTH_ADMIN_RIGHTS; right++)
        assert_true(auth_administers(all, right));
    assert_string_equal(auth_admin_name(AUTH_ADMIN_TOKENS), "tokens");
    auth_free(all);
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
    assert_int_equal(auth_expires_ms(a), 0);
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
        { "Bearer undefined", "undefined" },
        { "Bearer Bearer x", "Bearer x" },
        { "", NULL }, /* none: `auth` in the query counts */
        { " \t", NULL },
        { "Basic abc", NULL },
        { "Basic a.b.c", NULL },
        { "basic", NULL },
        { "Digest username=\"a.b\", realm=\"x\"", NULL },
        { "Negotiate", NULL },
        { "Token a.b.c", NULL },
        { "Bear", NULL },
        { "undefined", NULL },
    };

    (void)state;
    assert_null(auth_header_token((struct str){ NULL, 0 }).p);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str token = auth_header_token(str_of(cases[i].value));

        if (!token.p != !cases[i].token || (token.p && !str_eq(token, str_of(cases[i].token))))
            fail_msg("'%s': got '%.*s'", cases[i].value, STR_ARG(token));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_the_audience),
        cmocka_unit_test(checks_the_issuer),
        cmocka_unit_test(checks_the_types_and_times_of_claims),
        cmocka_unit_test(accepts_fractions_of_a_second),
        cmocka_unit_test(accepts_clocks_that_differ_by_the_leeway),
        cmocka_unit_test(expires_at_the_fraction),
        cmocka_unit_test(requires_the_payload_to_be_a_json_object),
        cmocka_unit_test(ignores_claims_that_it_does_not_use),
        cmocka_unit_test(refuses_used_claims_that_are_ambiguous),
        cmocka_unit_test(keeps_what_a_revocation_names),
        cmocka_unit_test(limits_the_length_of_sub),
        cmocka_unit_test(reports_why_the_envelope_is_refused),
        cmocka_unit_test(grants_only_what_the_filters_cover),
        cmocka_unit_test(requires_one_entry_to_cover_a_pattern),
        cmocka_unit_test(reads_sub_and_exp),
        cmocka_unit_test(keeps_presence_apart_from_read_and_write),
        cmocka_unit_test(knows_the_rights_of_admin),
        cmocka_unit_test(finds_the_rate_rule_of_a_topic),
        cmocka_unit_test(ignores_rate_rules_without_sub),
        cmocka_unit_test(allows_everything_without_limits),
        cmocka_unit_test(finds_the_token_in_a_header),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
