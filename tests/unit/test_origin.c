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

static const char *const good_lists[] = {
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
    "null",
    "NULL, file://",
    "FILE://",
    "https://*.a.example",
    "https://*.a.example:8443",
    "https://*.localhost",
};
static const char *const bad_lists[] = {
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
    "https://*",
    "https://*.",
    "https://*a.example",
    "https://a.*.example",
    "https://*.*.example",
    "https://*.a.example/",
    "https://*.[::1]",
    "*.a.example",
    "*://a.example",
    "https://a.example https://b.example",
    "https://[::1",
    "https://[]",
    "https://::1",
    "://a.example",
    "1http://a.example",
    "nul",
    "null://",
    "file:///",
    "file:",
    "**",
};

static void accepts_only_valid_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good_lists); i++) {
        if (!origin_list_is_valid(str_of(good_lists[i])))
            fail_msg("'%s' was refused", good_lists[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_lists); i++) {
        if (origin_list_is_valid(str_of(bad_lists[i])))
            fail_msg("'%s' was accepted", bad_lists[i]);
    }
}

#define LIST "https://a.example, http://b.example:3000"

static const struct {
    const char *list, *origin;
    bool want;
} decisions[] = {
    { "*", NULL, true },
    { "*", "https://evil.example", true },
    { "*", "null", true },
    { "https://a.example,*", "null", true },
    { LIST, NULL, true },
    { LIST, "https://a.example", true },
    { LIST, "HTTPS://A.EXAMPLE", true },
    { LIST, "http://b.example:3000", true },
    { "https://a.example:443", "https://a.example", true },
    { "HTTPS://A.EXAMPLE:443", "https://a.example", true },
    { "http://a.example:80", "http://a.example", true },
    { "https://[::1]:443", "https://[::1]", true },
    { "https://a.example:80", "https://a.example", false },
    { "http://a.example:443", "http://a.example", false },
    { "https://a.example:4443", "https://a.example:4", false },
    { "https://a.example:443", "http://a.example", false },
    { LIST, "", false },
    { LIST, "null", false },
    { LIST, "*", false },
    { LIST, "http://a.example", false },
    { LIST, "https://a.example:443", false },
    { LIST, "https://a.example:4430", false },
    { LIST, "http://b.example", false },
    { LIST, "http://b.example:30000", false },
    { LIST, "https://sub.a.example", false },
    { LIST, "https://a.example.evil", false },
    { LIST, "https://a.example/", false },
    { LIST, "https://a.example, http://b.example:3000", false },
    { LIST, ",", false },
    { "null", "null", true },
    { "null", "file://", false },
    { "null", "", false },
    { "file://", "file://", true },
    { "file://", "null", false },
    { "file://", "file://a.example", false },
    { "https://*.a.example", "https://b.a.example", true },
    { "https://*.a.example", "https://c.b.a.example", true },
    { "https://*.a.example", "HTTPS://B.A.EXAMPLE", true },
    { "https://*.a.example:443", "https://b.a.example", true },
    { "https://*.a.example:8443", "https://b.a.example:8443", true },
    { "null, https://*.a.example", "https://b.a.example", true },
    { "https://*.a.example", "https://a.example", false },
    { "https://*.a.example", "https://.a.example", false },
    { "https://*.a.example", "http://b.a.example", false },
    { "https://*.a.example", "https://b.a.example:8443", false },
    { "https://*.a.example:8443", "https://b.a.example", false },
    { "https://*.a.example", "https://ba.example", false },
    { "https://*.a.example", "https://b.a.example.evil", false },
    { "https://*.a.example", "https://evil.example/.a.example", false },
    { "https://*.a.example", "https://evil.example?.a.example", false },
    { "https://*.a.example", "https://evil.example:1.a.example", false },
    { "https://*.a.example", "https://evil.example#.a.example", false },
    { "https://*.a.example", "https://user@b.a.example", false },
    { "https://*.a.example", "https://*.a.example", false },
    { "https://*.a.example", "null", false },
};

static void allows_only_listed_origins(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decisions); i++) {
        struct http_request rq = request(decisions[i].origin, NULL);

        if (origin_is_allowed(str_of(decisions[i].list), &rq) != decisions[i].want)
            fail_msg("wrong result for '%s' in '%s'",
                     decisions[i].origin ? decisions[i].origin : "none", decisions[i].list);
    }
}

static void refuses_two_origin_fields(void **state)
{
    struct http_request rq = request("https://a.example", "https://a.example");

    (void)state;
    assert_false(origin_is_allowed(STR("https://a.example"), &rq));
    assert_false(origin_is_allowed(STR("*"), &rq));
}

static void knows_lists_that_any_site_is_in(void **state)
{
    (void)state;
    assert_true(origin_list_is_open(STR("*")));
    assert_true(origin_list_is_open(STR("https://a.example , * ")));
    assert_true(origin_list_is_open(STR("Null")));
    assert_true(origin_list_is_open(STR("https://a.example, null")));
    assert_false(origin_list_is_open(STR("https://*.a.example, file://, http://null")));
}

static struct http_request request_of(const char *method, const char *origin, const char *site)
{
    struct http_request rq = request(origin, NULL);

    rq.method = str_of(method);
    if (site)
        rq.headers[rq.n_headers++] = (struct http_header){ STR("Sec-Fetch-Site"), str_of(site) };
    return rq;
}

static void lets_only_listed_pages_use_cookies(void **state)
{
    static const struct {
        const char *list, *method, *origin, *site;
        bool want;
    } cases[] = {
        { LIST, "GET", "https://a.example", NULL, true },
        { LIST, "POST", "https://a.example", NULL, true },
        { LIST, "POST", "https://a.example", "cross-site", true },
        { LIST, "GET", NULL, NULL, true },
        { LIST, "HEAD", NULL, NULL, true },
        { LIST, "GET", NULL, "same-origin", true },
        { LIST, "GET", NULL, "same-site", false },
        { LIST, "GET", NULL, "cross-site", false },
        { LIST, "GET", NULL, "none", false },
        { LIST, "GET", NULL, "", false },
        { LIST, "GET", NULL, "same-origin, cross-site", false },
        { LIST, "POST", NULL, NULL, false },
        { LIST, "POST", NULL, "same-origin", false },
        { LIST, "get", NULL, NULL, false },
        { LIST, "GET", "https://evil.example", NULL, false },
        { LIST, "POST", "https://evil.example", "same-origin", false },
        { LIST, "POST", "null", NULL, false },
        { LIST, "POST", "", NULL, false },
        { "*", "GET", "https://a.example", NULL, false },
        { "*, " LIST, "POST", "https://evil.example", NULL, false },
        { "*, " LIST, "POST", "https://a.example", NULL, true },
    };
    struct http_request twice = request("https://a.example", "https://a.example");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request rq = request_of(cases[i].method, cases[i].origin, cases[i].site);

        if (origin_may_use_cookies(str_of(cases[i].list), &rq) != cases[i].want)
            fail_msg("wrong result in row %zu", i);
    }
    twice.method = STR("POST");
    assert_false(origin_may_use_cookies(STR(LIST), &twice));
}

static void recognises_pages_of_its_own(void **state)
{
    static const struct {
        const char *origin, *scheme, *host;
        bool want;
    } cases[] = {
        { "http://a.example", "", "a.example", true },
        { "https://a.example", "", "a.example", true },
        { "https://a.example", "https", "a.example", true },
        { "HTTP://A.example", "HTTP", "a.EXAMPLE", true },
        { "http://a.example:8080", "", "a.example:8080", true },
        { "http://127.0.0.1:8080", "", "127.0.0.1:8080", true },
        { "http://[::1]:8080", "", "[::1]:8080", true },
        { "http://[::443]", "", "[::443]", true },
        { "https://a.example", "", "a.example:443", true },
        { "http://a.example", "", "a.example:80", true },
        { "https://a.example:443", "", "a.example", true },
        { NULL, "", "a.example", false },
        { "", "", "a.example", false },
        { "null", "", "null", false },
        { "file://", "", "", false },
        { "http://", "", "", false },
        { "https://a.example", "http", "a.example", false },
        { "http://a.example", "https", "a.example", false },
        { "https://a.example", "", "a.example:80", false },
        { "http://a.example", "", "a.example:443", false },
        { "http://a.example", "", "a.example:8080", false },
        { "http://a.example:8080", "", "a.example", false },
        { "http://a.example:8081", "", "a.example:8080", false },
        { "http://evil.a.example", "", "a.example", false },
        { "http://a.example.evil", "", "a.example", false },
        { "http://a.example/", "", "a.example", false },
        { "http://user@a.example", "", "a.example", false },
        { "http://a.example, http://b.example", "", "a.example", false },
        { "//a.example", "", "a.example", false },
        { "a.example", "", "a.example", false },
        { "ws://a.example", "", "a.example", false },
        { "chrome-extension://a.example", "", "a.example", false },
    };
    struct http_request twice = request("http://a.example", "http://a.example");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request rq = request(cases[i].origin, NULL);

        if (origin_is_own(&rq, str_of(cases[i].scheme), str_of(cases[i].host)) != cases[i].want)
            fail_msg("wrong result for '%s' at '%s'", cases[i].origin ? cases[i].origin : "none",
                     cases[i].host);
    }
    assert_false(origin_is_own(&twice, STR(""), STR("a.example")));
}

static void writes_cors_fields(void **state)
{
    static const struct {
        const char *list, *origin, *second, *want;
    } cases[] = {
        { "*", NULL, NULL, "Access-Control-Allow-Origin: *\r\n" },
        { "*", "https://a.example", NULL, "Access-Control-Allow-Origin: *\r\n" },
        { "https://a.example", "https://A.example", NULL,
          "Access-Control-Allow-Origin: https://A.example\r\n"
          "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n" },
        { "*, https://a.example", "https://a.example", NULL,
          "Access-Control-Allow-Origin: https://a.example\r\n"
          "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n" },
        { "*, https://a.example", "https://b.example", NULL,
          "Access-Control-Allow-Origin: *\r\nVary: Origin\r\n" },
        { "null", "null", NULL,
          "Access-Control-Allow-Origin: null\r\n"
          "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n" },
        { "https://*.a.example", "https://b.a.example", NULL,
          "Access-Control-Allow-Origin: https://b.a.example\r\n"
          "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n" },
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

static void allows_the_headers_that_a_preflight_asks_for(void **state)
{
    static const char usual[] = "Authorization, Content-Type, Last-Event-ID, Cache-Control";
    static const struct {
        const char *asked, *want;
    } cases[] = {
        { "x-requested-with,traceparent", "x-requested-with,traceparent" },
        { "Authorization, Content-Type", "Authorization, Content-Type" },
        { NULL, usual },
        { "", usual },
        { "a b", usual },
        { "a,,b", usual },
        { "a:b", usual },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request rq = { .n_headers = 0 };
        struct buf out = { 0 }, want = { 0 };

        if (cases[i].asked)
            rq.headers[rq.n_headers++] =
                (struct http_header){ STR("access-control-request-headers"),
                                      str_of(cases[i].asked) };
        origin_add_preflight(&rq, &out);
        buf_addf(&want,
                 "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
                 "Access-Control-Allow-Headers: %s\r\n"
                 "Access-Control-Max-Age: 86400\r\n"
                 "Vary: Access-Control-Request-Headers\r\n",
                 cases[i].want);
        if (!str_eq(buf_str(&out), buf_str(&want)))
            fail_msg("case %zu: %.*s", i, STR_ARG(buf_str(&out)));
        buf_done(&out);
        buf_done(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_only_valid_lists),
        cmocka_unit_test(allows_only_listed_origins),
        cmocka_unit_test(refuses_two_origin_fields),
        cmocka_unit_test(knows_lists_that_any_site_is_in),
        cmocka_unit_test(lets_only_listed_pages_use_cookies),
        cmocka_unit_test(recognises_pages_of_its_own),
        cmocka_unit_test(writes_cors_fields),
        cmocka_unit_test(allows_the_headers_that_a_preflight_asks_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
