#include "proto/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"

static struct http_request request(const char *origin, const char *second)
{
    struct http_request rq = { .n_headers = 0 };

    if (origin)
        rq.headers[rq.n_headers++] = (struct http_header){ STR("origin"), str_of(origin) };
    if (second)
        rq.headers[rq.n_headers++] = (struct http_header){ STR("Origin"), str_of(second) };
    return rq;
}

static void accepts_only_valid_lists(void **state)
{
    static const char *const good[] = {
        "*",
        "https://a.example",
        "https://a.example:8443",
        "http://localhost:3000, https://a.example",
        " HTTPS://A.Example ,\t*",
        "http://127.0.0.1:1",
        "http://[::1]",
        "http://[::1]:65535",
        "capacitor://localhost",
        "moz-extension://0a1b-2c",
        "http://under_score.example",
    };
    static const char *const bad[] = {
        "",
        ",",
        "*,",
        ",*",
        "a.example",
        "//a.example",
        "https:a.example",
        "https:/a.example",
        "https://",
        "https://a.example/",
        "https://a.example/path",
        "https://user@a.example",
        "https://a.example:",
        "https://a.example:0",
        "https://a.example:65536",
        "https://a.example:80:80",
        "https://*.a.example",
        "https://a.example https://b.example",
        "https://[::1",
        "https://[]",
        "https://::1",
        "://a.example",
        "1http://a.example",
        "null",
        "**",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!origin_list_is_valid(str_of(good[i])))
            fail_msg("'%s' was refused", good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (origin_list_is_valid(str_of(bad[i])))
            fail_msg("'%s' was accepted", bad[i]);
    }
}

static void allows_only_listed_origins(void **state)
{
    static const char list[] = "https://a.example, http://b.example:3000";
    static const struct {
        const char *list, *origin;
        bool want;
    } cases[] = {
        { "*", NULL, true },
        { "*", "https://evil.example", true },
        { "*", "null", true },
        { "https://a.example,*", "null", true },
        { list, NULL, true },
        { list, "https://a.example", true },
        { list, "HTTPS://A.EXAMPLE", true },
        { list, "http://b.example:3000", true },
        { "https://a.example:443", "https://a.example", true },
        { "HTTPS://A.EXAMPLE:443", "https://a.example", true },
        { "http://a.example:80", "http://a.example", true },
        { "https://[::1]:443", "https://[::1]", true },
        { "https://a.example:80", "https://a.example", false },
        { "http://a.example:443", "http://a.example", false },
        { "https://a.example:4443", "https://a.example:4", false },
        { "https://a.example:443", "http://a.example", false },
        { list, "", false },
        { list, "null", false },
        { list, "*", false },
        { list, "http://a.example", false },
        { list, "https://a.example:443", false },
        { list, "https://a.example:4430", false },
        { list, "http://b.example", false },
        { list, "http://b.example:30000", false },
        { list, "https://sub.a.example", false },
        { list, "https://a.example.evil", false },
        { list, "https://a.example/", false },
        { list, "https://a.example, http://b.example:3000", false },
        { list, ",", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request rq = request(cases[i].origin, NULL);

        if (origin_is_allowed(str_of(cases[i].list), &rq) != cases[i].want)
            fail_msg("wrong result for '%s' in '%s'", cases[i].origin ? cases[i].origin : "none",
                     cases[i].list);
    }
}

static void refuses_two_origin_fields(void **state)
{
    struct http_request rq = request("https://a.example", "https://a.example");

    (void)state;
    assert_false(origin_is_allowed(STR("https://a.example"), &rq));
    assert_false(origin_is_allowed(STR("*"), &rq));
}

static void writes_cors_fields(void **state)
{
    static const struct {
        const char *list, *origin, *second, *want;
    } cases[] = {
        { "*", NULL, NULL, "Access-Control-Allow-Origin: *\r\n" },
        { "*", "https://a.example", NULL, "Access-Control-Allow-Origin: *\r\n" },
        { "https://a.example", "https://A.example", NULL,
          "Access-Control-Allow-Origin: https://A.example\r\nVary: Origin\r\n" },
        { "https://a.example", "https://b.example", NULL, "Vary: Origin\r\n" },
        { "https://a.example", "https://a.example", "https://a.example", "Vary: Origin\r\n" },
        { "https://a.example", NULL, NULL, "Vary: Origin\r\n" },
        { "https://a.example", "", NULL, "Vary: Origin\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request rq = request(cases[i].origin, cases[i].second);
        struct buf out = { 0 };

        origin_add_cors(str_of(cases[i].list), &rq, &out);
        if (!str_eq(buf_str(&out), str_of(cases[i].want)))
            fail_msg("case %zu: %.*s", i, STR_ARG(buf_str(&out)));
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_only_valid_lists),
        cmocka_unit_test(allows_only_listed_origins),
        cmocka_unit_test(refuses_two_origin_fields),
        cmocka_unit_test(writes_cors_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
