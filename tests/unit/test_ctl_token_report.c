#include "ctl/token/token_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"
#include "support/sign.h"

#define NOW_MS UINT64_C(1796040240500)
#define KEY    STR("the secret of the tests")
#define OTHER  STR("another secret of the tests")

static const struct option_list no_topics;
static struct auth_policy policy;

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

/* Examines a token with these claims, signed with the key. */
static struct token_report examine(const char *payload, struct str key)
{
    char *token = sign_token(STR(SIGN_HS256), str_of(payload), key, EVP_sha256());
    struct token_report r;
    const char *why = NULL;

    assert_int_equal(token_report_make(str_of(token), &policy, NOW_MS, &r, &why), EH_OK);
    if (!r.key_fault)
        buf_add_str(&r.key_name, STR("JWT_SECRET"));
    free(token);
    return r;
}

static void expect_text(struct token_report *r, const struct option_list *topics, const char *want)
{
    struct buf out = { 0 };

    token_report_add_text(r, topics, &out);
    assert_str(buf_str(&out), want);
    buf_done(&out);
    token_report_done(r);
}

static void explains_a_valid_token(void **state)
{
    static const struct option_list topics = { { "chat/7", "chat/#", "a b", "chat/limited" }, 4 };
    struct token_report r = examine(
        "{\"sub\":\"alice\",\"read\":[\"news/#\",\"chat/#\"],\"write\":[\"chat/+\",\"no way\",3],"
        "\"presence\":[],\"rlimit\":[{\"topic\":\"chat/limited\",\"interval\":60,\"max\":1}],"
        "\"iat\":1796040060,\"nbf\":1796040060.5,\"exp\":1796043840,\"aud\":[\"hub\"],\"iss\":"
        "\"me\",\"name\":\"A \\u001b[31m\",\"age\":7}",
        KEY);

    (void)state;
    assert_true(token_report_is_valid(&r));
    expect_text(&r, &topics,
                "header     alg HS256, typ JWT\n"
                "signature  verified with JWT_SECRET (HS256)\n"
                "status     valid\n"
                "subject    alice\n"
                "read       news/#, chat/#\n"
                "write      chat/+, no way (not valid: ignored), 3 (not valid: ignored)\n"
                "presence   nothing\n"
                "limits     chat/limited: at most 1 publish in 1m\n"
                "issued     3 minutes ago (2026-11-30 12:01:00 UTC)\n"
                "begins     3 minutes ago (2026-11-30 12:01:00 UTC)\n"
                "expires    in 1 hour (2026-11-30 13:04:00 UTC)\n"
                "audience   [\"hub\"]\n"
                "issuer     me\n"
                "other      name A \\x1b[31m\n"
                "other      age 7\n"
                "chat/7: may read, may write, may not see who subscribes\n"
                "chat/#: may read, may not write, may not see who subscribes\n"
                "a b: not a valid topic or pattern\n"
                "chat/limited: may read, may write, may not see who subscribes; at most 1 publish "
                "in 1m\n");
}

static void says_why_a_token_is_refused(void **state)
{
    static const struct option_list topics = { { "a" }, 1 };
    struct token_report r = examine("{\"read\":[\"a\"],\"exp\":1796040060}", KEY);

    (void)state;
    assert_false(token_report_is_valid(&r));
    expect_text(&r, &topics,
                "header     alg HS256, typ JWT\n"
                "signature  verified with JWT_SECRET (HS256)\n"
                "status     refused: the token has expired: the claim exp is in the past\n"
                "read       a\n"
                "expired    3 minutes ago (2026-11-30 12:01:00 UTC)\n"
                "a: may read, may not write, may not see who subscribes\n");
    r = examine("{\"read\":[\"a\"],\"nbf\":1796040243.0005}", KEY);
    expect_text(&r, &topics,
                "header     alg HS256, typ JWT\n"
                "signature  verified with JWT_SECRET (HS256)\n"
                "status     refused: the token is not valid yet: the claim nbf is in the future\n"
                "read       a\n"
                "begins     in 3 seconds (2026-11-30 12:04:03 UTC)\n"
                "expires    never\n"
                "a: may read, may not write, may not see who subscribes\n");
    r = examine("{\"read\":[\"a\"]}", OTHER);
    expect_text(&r, &no_topics,
                "header     alg HS256, typ JWT\n"
                "signature  not verified: the token's signature is wrong\n"
                "status     refused: the token's signature is wrong\n"
                "read       a\n"
                "expires    never\n");
}

static void does_not_judge_a_signature_without_a_key(void **state)
{
    struct token_report r = examine("{\"read\":[\"a\"]}", OTHER);

    (void)state;
    r.has_no_key = true;
    assert_false(token_report_is_valid(&r));
    expect_text(&r, &no_topics,
                "header     alg HS256, typ JWT\n"
                "signature  not checked: set JWT_SECRET, or name the key (--key FILE) or the "
                "server's configuration (--config FILE)\n"
                "status     unknown\n"
                "read       a\n"
                "expires    never\n");
    r = examine("{\"read\":[\"a\"],\"exp\":1}", OTHER);
    r.has_no_key = true;
    expect_text(&r, &no_topics,
                "header     alg HS256, typ JWT\n"
                "signature  not checked: set JWT_SECRET, or name the key (--key FILE) or the "
                "server's configuration (--config FILE)\n"
                "status     refused: the token has expired: the claim exp is in the past\n"
                "read       a\n"
                "expired    57 years ago (1970-01-01 00:00:01 UTC)\n");
}

static void shows_claims_of_the_wrong_type(void **state)
{
    struct token_report r =
        examine("{\"sub\":7,\"read\":\"a\",\"rlimit\":3,\"exp\":\"soon\"}", KEY);

    (void)state;
    expect_text(&r, &no_topics,
                "header     alg HS256, typ JWT\n"
                "signature  verified with JWT_SECRET (HS256)\n"
                "status     refused: the claim exp must be a number of seconds since the epoch\n"
                "subject    7\n"
                "read       a\n"
                "limits     the claim rlimit must be an array\n"
                "expires    soon\n"
                "rights     none: the claim exp must be a number of seconds since the epoch\n");
    r = examine("no\nJSON \x1b", KEY);
    expect_text(&r, &no_topics,
                "header     alg HS256, typ JWT\n"
                "signature  verified with JWT_SECRET (HS256)\n"
                "status     refused: the token's payload is not a JSON object\n"
                "payload    no\\nJSON \\x1b\n"
                "rights     none: the token's payload is not a JSON object\n");
}

static void shows_what_a_revocation_names_and_the_rights_of_admin(void **state)
{
    struct token_report r = examine("{\"sub\":\"ann\",\"jti\":\"t-1\",\"iat\":1796040060,"
                                    "\"admin\":[\"tokens\",\"all\",7]}",
                                    KEY);

    (void)state;
    expect_text(&r, &no_topics,
                "header     alg HS256, typ JWT\n"
                "signature  verified with JWT_SECRET (HS256)\n"
                "status     valid\n"
                "subject    ann\n"
                "token id   t-1\n"
                "admin      tokens, all (not valid: ignored), 7 (not valid: ignored)\n"
                "issued     3 minutes ago (2026-11-30 12:01:00 UTC)\n"
                "expires    never\n");
    r = examine("{\"read\":[\"a\"],\"jti\":7,\"admin\":true}", KEY);
    expect_text(&r, &no_topics,
                "header     alg HS256, typ JWT\n"
                "signature  verified with JWT_SECRET (HS256)\n"
                "status     valid\n"
                "token id   7\n"
                "read       a\n"
                "admin      true (not an array: ignored)\n"
                "expires    never\n");
}

static void refuses_what_is_not_a_token(void **state)
{
    struct token_report r;
    const char *why = NULL;

    (void)state;
    assert_int_equal(token_report_make(STR("hello"), &policy, NOW_MS, &r, &why), EH_EINVAL);
    assert_string_equal(why, "the token must have three parts with dots between them");
}

static void expect_json(struct token_report *r, const struct option_list *topics, const char *want)
{
    json_t *got = token_report_json(r, topics);
    char *text = json_dumps(got, JSON_COMPACT);

    assert_string_equal(text, want);
    free(text);
    json_decref(got);
    token_report_done(r);
}

static void gives_the_same_as_json(void **state)
{
    static const struct option_list topics = { { "a" }, 1 };
    struct token_report r = examine(
        "{\"sub\":\"b\",\"read\":[\"a\"],\"rlimit\":[{\"topic\":\"#\",\"interval\":1,\"max\":2}]}",
        KEY);

    (void)state;
    expect_json(
        &r, &topics,
        "{\"header\":{\"alg\":\"HS256\",\"typ\":\"JWT\"},\"claims\":{\"sub\":\"b\",\"read\":"
        "[\"a\"],\"rlimit\":[{\"topic\":\"#\",\"interval\":1,\"max\":2}]},\"verified\":true,"
        "\"key\":{\"name\":\"JWT_SECRET\",\"alg\":\"HS256\",\"kid\":\"\"},\"valid\":true,"
        "\"why\":null,\"topics\":[{\"topic\":\"a\",\"valid\":true,\"read\":true,\"write\":"
        "false,\"presence\":false,\"limit\":{\"topic\":\"#\",\"max\":2,\"interval\":1}}]}");
    r = examine("[]", OTHER);
    expect_json(
        &r, &no_topics,
        "{\"header\":{\"alg\":\"HS256\",\"typ\":\"JWT\"},\"claims\":[],\"verified\":false,"
        "\"key\":null,\"valid\":false,\"why\":\"the token's signature is wrong\",\"topics\":"
        "[]}");
    r = examine("{\"read\":[\"a\"]}", OTHER);
    r.has_no_key = true;
    expect_json(&r, &no_topics,
                "{\"header\":{\"alg\":\"HS256\",\"typ\":\"JWT\"},\"claims\":{\"read\":[\"a\"]},"
                "\"verified\":null,\"key\":null,\"valid\":null,\"why\":null,\"topics\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explains_a_valid_token),
        cmocka_unit_test(says_why_a_token_is_refused),
        cmocka_unit_test(does_not_judge_a_signature_without_a_key),
        cmocka_unit_test(shows_claims_of_the_wrong_type),
        cmocka_unit_test(shows_what_a_revocation_names_and_the_rights_of_admin),
        cmocka_unit_test(refuses_what_is_not_a_token),
        cmocka_unit_test(gives_the_same_as_json),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
