#include "ctl/token/token_claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"
#include "support/assert_str.h"

#define NOW_MS UINT64_C(1796040240999)
#define NO_TOPIC(option, text)                                                                     \
    "--" option " must be a topic or pattern such as news/today, news/# or room/+/chat (letters, " \
    "digits, - and _ between slashes), not \"" text "\""
#define NO_LIMIT(text)                                                                             \
    "--rlimit must be TOPIC=COUNT/INTERVAL, in whole seconds, such as chat/#=10/1s, not \"" text   \
    "\""

static const struct option_list none, one_topic = { { "a/#" }, 1 };

static struct token_wish simple(void)
{
    return (struct token_wish){ .sub = "alice",
                                .read = &one_topic,
                                .write = &none,
                                .presence = &none,
                                .admin = &none,
                                .limits = &none,
                                .ttl_ms = 60000 };
}

static void expect_payload(const struct token_wish *wish, const char *want)
{
    struct buf payload = { 0 }, why = { 0 };

    if (token_claims_build(wish, NOW_MS, &payload, &why) < 0)
        fail_msg("%.*s", STR_ARG(buf_str(&why)));
    assert_str(buf_str(&payload), want);
    buf_done(&payload);
    buf_done(&why);
}

static void expect_refused(const struct token_wish *wish, const char *want)
{
    struct buf payload = { 0 }, why = { 0 };

    assert_int_equal(token_claims_build(wish, NOW_MS, &payload, &why), EH_EINVAL);
    assert_str(buf_str(&why), want);
    assert_int_equal(buf_used(&payload), 0);
    buf_done(&payload);
    buf_done(&why);
}

static void builds_the_claims_of_the_protocol(void **state)
{
    static const struct option_list read = { { "news/#", "room/+/chat" }, 2 };
    static const struct option_list write = { { "chat/7" }, 1 };
    static const struct option_list limits = {
        { "chat/#=10/1s", "a=0/10m", "b=1/s", "c=5/30", "d=9007199254740992/365d" }, 5
    };
    struct token_wish wish = simple();

    (void)state;
    expect_payload(&wish, "{\"sub\":\"alice\",\"read\":[\"a/#\"],\"iat\":1796040240,\"exp\":"
                          "1796040300}");
    wish = (struct token_wish){ .sub = "\xc3\xa4 \"b\"",
                                .audience = "hub",
                                .issuer = "me",
                                .read = &read,
                                .write = &write,
                                .presence = &write,
                                .admin = &none,
                                .limits = &limits,
                                .ttl_ms = 1999 };
    expect_payload(&wish, "{\"sub\":\"\xc3\xa4 \\\"b\\\"\",\"read\":[\"news/#\",\"room/+/chat\"],"
                          "\"write\":[\"chat/7\"],\"presence\":[\"chat/7\"],\"rlimit\":["
                          "{\"topic\":\"chat/#\",\"interval\":1,\"max\":10},"
                          "{\"topic\":\"a\",\"interval\":600,\"max\":0},"
                          "{\"topic\":\"b\",\"interval\":1,\"max\":1},"
                          "{\"topic\":\"c\",\"interval\":30,\"max\":5},"
                          "{\"topic\":\"d\",\"interval\":31536000,\"max\":9007199254740992}],"
                          "\"aud\":\"hub\",\"iss\":\"me\",\"iat\":1796040240,\"exp\":1796040241}");
}

static void knows_the_rights_of_admin(void **state)
{
    static const struct option_list right = { { "publish", "log" }, 2 };
    static const struct option_list wrong = { { "log", "logs" }, 2 };
    struct token_wish wish = simple();

    (void)state;
    wish.read = &none;
    wish.admin = &right;
    expect_payload(&wish, "{\"sub\":\"alice\",\"admin\":[\"publish\",\"log\"],\"iat\":1796040240,"
                          "\"exp\":1796040300}");
    wish.admin = &wrong;
    expect_refused(&wish, "--admin must be clients, publish, log or tokens, one for each --admin, "
                          "not \"logs\"");
}

static void names_the_token(void **state)
{
    static char longest[258];
    struct token_wish wish = simple();

    (void)state;
    wish.jti = "t-1";
    expect_payload(&wish,
                   "{\"sub\":\"alice\",\"jti\":\"t-1\",\"read\":[\"a/#\"],\"iat\":1796040240,"
                   "\"exp\":1796040300}");
    memset(longest, 'x', sizeof(longest) - 1);
    wish.jti = longest;
    expect_refused(&wish, "--jti may have at most 256 bytes: a server ignores a longer one");
    wish.jti = "\xff";
    expect_refused(&wish, "--jti must be text in UTF-8");
}

static void refuses_invalid_topics(void **state)
{
    static const char *const texts[] = { "a b", "", "/a", "a/#/b", "a,b" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct option_list list = { { "fine", texts[i] }, 2 };
        struct token_wish wish = simple();
        struct buf want = { 0 };

        buf_addf(&want, NO_TOPIC("write", "%s"), texts[i]);
        buf_add_char(&want, '\0');
        wish.write = &list;
        expect_refused(&wish, buf_head(&want));
        buf_done(&want);
    }
}

static void refuses_invalid_limits(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "a", NO_LIMIT("a") },
        { "", NO_LIMIT("") },
        { "a=1", NO_LIMIT("a=1") },
        { "a=1/", NO_LIMIT("a=1/") },
        { "a=/1s", NO_LIMIT("a=/1s") },
        { "a=-1/1s", NO_LIMIT("a=-1/1s") },
        { "a=1/500ms", NO_LIMIT("a=1/500ms") },
        { "a=1/1s/2", NO_LIMIT("a=1/1s/2") },
        { "a=18446744073709551616/1s", NO_LIMIT("a=18446744073709551616/1s") },
        { "a=18446744073709551615/1s", NO_LIMIT("a=18446744073709551615/1s") },
        { "a=1/0s", "--rlimit: the interval of a rule of the claim rlimit must be an integer from "
                    "1 to 31536000" },
        { "a=1/366d", "--rlimit: the interval of a rule of the claim rlimit must be an integer "
                      "from 1 to 31536000" },
        { "a=9007199254740993/1s", "--rlimit: the max of a rule of the claim rlimit must be an "
                                   "integer from 0 to 9007199254740992" },
        { "a b=1/1s", "--rlimit: the topic of a rule of the claim rlimit must be a valid topic or "
                      "pattern" },
        { "\xff=1/1s", NO_LIMIT("\xff=1/1s") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct option_list list = { { cases[i].text }, 1 };
        struct token_wish wish = simple();

        wish.limits = &list;
        expect_refused(&wish, cases[i].want);
    }
}

static void refuses_what_a_server_would_ignore(void **state)
{
    static const struct option_list limits = { { "a=1/1s" }, 1 };
    struct token_wish wish = simple();
    char *long_sub = mem_zalloc(258);

    (void)state;
    wish.limits = &limits;
    wish.sub = NULL;
    expect_refused(&wish, "--rlimit needs --sub: publishes are counted for each sub, so a server "
                          "ignores the limits of a token without one");
    wish = simple();
    wish.read = &none;
    wish.presence = &one_topic;
    expect_refused(&wish,
                   "the token would grant nothing: give --read or --write a topic or pattern, or "
                   "--admin a right");
    wish = simple();
    wish.sub = long_sub;
    memset(long_sub, 'x', 257);
    expect_refused(&wish, "a server would refuse this token: the claim sub is longer than 256 "
                          "bytes");
    wish.sub = "\xff";
    expect_refused(&wish, "--sub must be text in UTF-8");
    free(long_sub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_the_claims_of_the_protocol),
        cmocka_unit_test(knows_the_rights_of_admin),
        cmocka_unit_test(names_the_token),
        cmocka_unit_test(refuses_invalid_topics),
        cmocka_unit_test(refuses_invalid_limits),
        cmocka_unit_test(refuses_what_a_server_would_ignore),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
