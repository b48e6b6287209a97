#include "broker/redis/redis_endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

#define HOST_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HOST_255                                                                                   \
    HOST_64 HOST_64 HOST_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void checks_what_another_server_names(void **state)
{
    static const struct {
        struct str host;
        uint64_t port;
        bool want;
    } cases[] = {
        { STR("127.0.0.1"), 1, true },
        { STR("::1"), 65535, true },
        { STR("fe80::1%eth0"), 6379, true },
        { STR("a.example"), 6379, true },
        { STR(HOST_255), 6379, true },
        { STR(HOST_255 "a"), 6379, false },
        { STR(""), 6379, false },
        { STR("/run/redis.sock"), 6379, false },
        { STR("a/b"), 6379, false },
        { STR("a b"), 6379, false },
        { STR("a\nb"), 6379, false },
        { STR("a\0b"), 6379, false },
        { STR("\xc3\xa4"), 6379, false },
        { STR("a.example"), 0, false },
        { STR("a.example"), 65536, false },
        { STR("a.example"), UINT64_MAX, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_endpoint e = { .host = "before", .port = 7 };
        bool is_ok = redis_endpoint_set(&e, cases[i].host, cases[i].port) == EH_OK;

        assert_int_equal(is_ok, cases[i].want);
        if (is_ok)
            assert_true(str_eq(str_of(e.host), cases[i].host) && e.port == cases[i].port);
        else
            assert_true(str_eq(str_of(e.host), STR("before")) && e.port == 7);
    }
}

static void writes_an_endpoint(void **state)
{
    static const struct {
        struct redis_endpoint e;
        const char *want;
    } cases[] = {
        { { "127.0.0.1", 6379 }, "127.0.0.1:6379" },
        { { "a.example", 1 }, "a.example:1" },
        { { "::1", 6379 }, "[::1]:6379" },
        { { "/run/redis/redis.sock", 6379 }, "/run/redis/redis.sock" },
        { { "", 6379 }, "" },
        { { HOST_255, 65535 }, HOST_255 ":65535" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[REDIS_ENDPOINT_TEXT];

        redis_endpoint_format(&cases[i].e, text);
        assert_string_equal(text, cases[i].want);
    }
}

static void compares_host_and_port(void **state)
{
    const struct redis_endpoint a = { "a.example", 1 }, b = { "b.example", 1 },
                                c = { "a.example", 2 }, none = { "", 0 };

    (void)state;
    assert_true(redis_endpoint_equal(&a, &a));
    assert_false(redis_endpoint_equal(&a, &b));
    assert_false(redis_endpoint_equal(&a, &c));
    assert_true(redis_endpoint_is_set(&a));
    assert_false(redis_endpoint_is_set(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_what_another_server_names),
        cmocka_unit_test(writes_an_endpoint),
        cmocka_unit_test(compares_host_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
