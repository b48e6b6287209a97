#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"
#include "proto/http_choice.h"

/* Makes a request with up to two fields of one name; the second may be NULL. */
static struct http_request request(const char *name, const char *first, const char *second)
{
    struct http_request rq = { .n_headers = second ? 2 : 1 };

    rq.headers[0] = (struct http_header){ str_of(name), str_of(first) };
    if (second)
        rq.headers[1] = (struct http_header){ str_of(name), str_of(second) };
    return rq;
}

static void chooses_gzip_only_for_clients_that_accept_it(void **state)
{
    static const struct {
        const char *first, *second;
        bool want;
    } cases[] = {
        { "gzip", NULL, true },
        { "gzip, deflate, br", NULL, true },
        { "deflate , GZIP ;q=0.5", NULL, true },
        { "br;q=1.0, gzip;q=0.8, *;q=0.1", NULL, true },
        { "br", "gzip", true },
        { "*", NULL, true },
        { "gzip;q=0.001", NULL, true },
        { "gzip;q=", NULL, true },
        { "", NULL, false },
        { "identity", NULL, false },
        { "xgzip, gzipx", NULL, false },
        { "gzip;q=0", NULL, false },
        { "gzip ; Q = 0.000", NULL, false },
        { "*, gzip;q=0", NULL, false },
        { "gzip;q=0, *", NULL, false },
        { "br, *;q=0", NULL, false },
    };
    struct http_request none = { 0 };

    (void)state;
    assert_false(http_accepts_coding(&none, STR("gzip")));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request rq = request("accept-encoding", cases[i].first, cases[i].second);

        if (http_accepts_coding(&rq, STR("gzip")) != cases[i].want)
            fail_msg("'%s': want %d", cases[i].first, cases[i].want);
    }
}

static void recognises_the_tag_that_a_client_has(void **state)
{
    static const struct {
        const char *first, *second;
        bool want;
    } cases[] = {
        { "\"a1\"", NULL, true },
        { "W/\"a1\"", NULL, true },
        { "\"x\",  \"a1\" ,\"y\"", NULL, true },
        { "\"x\"", "\"a1\"", true },
        { "*", NULL, true },
        { "", NULL, false },
        { "a1", NULL, false },
        { "\"a1", NULL, false },
        { "\"A1\"", NULL, false },
        { "\"a1-gzip\"", NULL, false },
        { "W/W/\"a1\"", NULL, false },
    };
    struct http_request none = { 0 };

    (void)state;
    assert_false(http_has_tag(&none, STR("\"a1\"")));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request rq = request("If-None-Match", cases[i].first, cases[i].second);

        if (http_has_tag(&rq, STR("\"a1\"")) != cases[i].want)
            fail_msg("'%s': want %d", cases[i].first, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_gzip_only_for_clients_that_accept_it),
        cmocka_unit_test(recognises_the_tag_that_a_client_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
