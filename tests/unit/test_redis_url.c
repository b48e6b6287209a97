#include "app/config/redis_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

static void parses_urls(void **state)
{
    static const struct {
        const char *text;
        bool tls;
        const char *username, *password, *host;
        unsigned port, db;
    } cases[] = {
        { "redis://a", false, "", "", "a", 6379, 0 },
        { "redis://a/", false, "", "", "a", 6379, 0 },
        { "redis://a:1/2", false, "", "", "a", 1, 2 },
        { "REDIS://a/65535", false, "", "", "a", 6379, 65535 },
        { "rediss://a", true, "", "", "a", 6379, 0 },
        { "Rediss://u:p@a:1/2", true, "u", "p", "a", 1, 2 },
        { "redis://:p@a", false, "", "p", "a", 6379, 0 },
        { "redis://u@a", false, "u", "", "a", 6379, 0 },
        { "redis://u:@a", false, "u", "", "a", 6379, 0 },
        { "redis://@a", false, "", "", "a", 6379, 0 },
        { "redis://u:p:q@a", false, "u", "p:q", "a", 6379, 0 },
        { "redis://u:p@q@a", false, "u", "p@q", "a", 6379, 0 },
        { "redis://%75%3a:%2F%3f%23%25%40@a", false, "u:", "/?#%@", "a", 6379, 0 },
        { "redis://:%C3%BC%0A@a", false, "", "\xc3\xbc\n", "a", 6379, 0 },
        { "redis://[::1]:7/3", false, "", "", "::1", 7, 3 },
        { "redis://:p@[::1]", false, "", "p", "::1", 6379, 0 },
        { "unix:///run/redis.sock", false, "", "", "/run/redis.sock", 0, 0 },
        { "unix:///run/redis.sock?db=5", false, "", "", "/run/redis.sock", 0, 5 },
        { "unix://run/redis.sock?db=0", false, "", "", "/run/redis.sock", 0, 0 },
        { "unix://u:p@/run/redis.sock", false, "u", "p", "/run/redis.sock", 0, 0 },
        { "unix:///a%20b%3F@c", false, "", "", "/a b?@c", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_url url;
        const char *wrong = redis_url_parse(str_of(cases[i].text), &url);

        if (wrong)
            fail_msg("%s: %s", cases[i].text, wrong);
        assert_int_equal(url.tls, cases[i].tls);
        assert_string_equal(url.username, cases[i].username);
        assert_string_equal(url.password, cases[i].password);
        assert_int_equal(url.hosts.n, 1);
        assert_string_equal(url.hosts.at[0].host, cases[i].host);
        assert_int_equal(url.hosts.at[0].port, cases[i].port);
        assert_int_equal(url.db, cases[i].db);
        redis_url_done(&url);
    }
}

static void parses_several_hosts(void **state)
{
    struct redis_url url;

    (void)state;
    assert_null(redis_url_parse(STR("rediss://u:p@a:1,[::2]:3,c/0"), &url));
    assert_string_equal(url.username, "u");
    assert_int_equal(url.hosts.n, 3);
    assert_string_equal(url.hosts.at[1].host, "::2");
    assert_int_equal(url.hosts.at[1].port, 3);
    assert_string_equal(url.hosts.at[2].host, "c");
    assert_int_equal(url.hosts.at[2].port, 6379);
    redis_url_done(&url);
}

#define DB   "a URL with a database that is not a number from 0 to 65535"
#define HOST "a URL with a malformed host or port"
#define CODE "a URL with a % that is not followed by two hexadecimal digits: write %25"

static void refuses_other_texts(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "empty" },
        { "a", "text that begins with another scheme or with none" },
        { "redis:a", "text that begins with another scheme or with none" },
        { "redis-sentinel://a", "text that begins with another scheme or with none" },
        { "redis://a\n", "text with a line break or another control character" },
        { "redis://a\x7f", "text with a line break or another control character" },
        { "redis://", "a URL without a host" },
        { "redis:///0", "a URL without a host" },
        { "redis://u:p@/0", "a URL without a host" },
        { "redis://a:", HOST },
        { "redis://a:0", HOST },
        { "redis://a:65536", HOST },
        { "redis://:1", HOST },
        { "redis://a,", HOST },
        { "redis://a b", HOST },
        { "redis://a%62", HOST },
        { "redis://::1:2x", HOST },
        { "redis://a/x", DB },
        { "redis://a/-1", DB },
        { "redis://a/65536", DB },
        { "redis://a/1/", DB },
        { "redis://a//1", DB },
        { "redis://a?db=1", "a URL with parameters" },
        { "redis://a/1?protocol=3", "a URL with parameters" },
        { "redis://a/1?", "a URL with parameters" },
        { "redis://:p#q@a", "a URL with a #: write %23" },
        { "redis://:p/q@a", HOST }, /* the host is empty, and q@a would be the database */
        { "redis://:%@a", CODE },
        { "redis://:%4@a", CODE },
        { "redis://:%4g@a", CODE },
        { "redis://%:x@a", CODE },
        { "redis://:a%00b@a", "a URL with a NUL byte" },
        { "unix://", "a URL without a path" },
        { "unix:///", "a URL without a path" },
        { "unix:///a?db=x", DB },
        { "unix:///a?db=", DB },
        { "unix:///a?DB=1", "a URL with parameters other than db" },
        { "unix:///a?password=x", "a URL with parameters other than db" },
        { "unix:///a?db=1&db=2", DB },
        { "unix:///a%", CODE },
        { "unix:///a,b", "a URL with a list of paths" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_url url;
        const char *wrong = redis_url_parse(str_of(cases[i].text), &url);

        if (!wrong)
            fail_msg("%s was accepted", cases[i].text);
        assert_string_equal(wrong, cases[i].why);
    }
}

/* Parses a URL with n letters between the texts. */
static const char *parse_long(const char *before, size_t n, const char *after)
{
    struct redis_url url = { 0 };
    struct buf text = { 0 };
    const char *wrong;

    buf_add_str(&text, str_of(before));
    for (size_t i = 0; i < n; i++)
        buf_add_char(&text, 'x');
    buf_add_str(&text, str_of(after));
    wrong = redis_url_parse(buf_str(&text), &url);
    redis_url_done(&url);
    buf_done(&text);
    return wrong;
}

static void bounds_the_parts(void **state)
{
    static const char why[] = "a URL with a part that is too long";

    (void)state;
    assert_null(parse_long("redis://", 256, "@a"));
    assert_string_equal(parse_long("redis://", 257, "@a"), why);
    assert_null(parse_long("redis://:", 4096, "@a"));
    assert_string_equal(parse_long("redis://:", 4097, "@a"), why);
    assert_null(parse_long("unix:///", ENDPOINT_PATH_MAX - 1, ""));
    assert_string_equal(parse_long("unix:///", ENDPOINT_PATH_MAX, ""), why);
    assert_null(parse_long("redis://", 255, ""));
    assert_string_equal(parse_long("redis://", 256, ""), HOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_urls),
        cmocka_unit_test(parses_several_hosts),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(bounds_the_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
