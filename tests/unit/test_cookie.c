#include "proto/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"

static const struct {
    const char *fields[3];
    const char *want; /* NULL: none */
} found[] = {
    { { "token=abc" }, "abc" },
    { { "a=1; token=abc; b=2" }, "abc" },
    { { "a=1;token=abc;b=2" }, "abc" },
    { { "\t token=abc \t;b" }, "abc" },
    { { "token=a=b==" }, "a=b==" },
    { { "token= abc" }, "abc" },
    { { "token=\"abc\"" }, "abc" },
    { { "token=\"abc" }, "\"abc" },
    { { "token=\"" }, "\"" },
    { { "token=\"a;b=c\"" }, "\"a" },
    { { "a=\"; token=abc; b=\"" }, "abc" },
    { { "token=" }, "" },
    { { "token=\"\"" }, "" },
    { { "token=a,b" }, "a,b" },
    { { "token=%41" }, "%41" },
    { { "token=\xff" }, "\xff" },
    { { "a=1", "b=2; token=abc" }, "abc" },
    { { ";;; ;token=abc;;" }, "abc" },
    { { "=token=evil; token=abc" }, "abc" },
    { { "token=abc; Token=x; TOKEN=y; token2=z; atoken=w; token =v" }, "abc" },
    { { NULL }, NULL },
    { { "" }, NULL },
    { { ";" }, NULL },
    { { "=" }, NULL },
    { { "=abc" }, NULL },
    { { "token" }, NULL },
    { { "token;token" }, NULL },
    { { "Token=abc" }, NULL },
    { { "token =abc" }, NULL },
    { { "a=token=abc" }, NULL },
    { { "=token=abc" }, NULL },
    { { "a=1, token=abc" }, NULL },
    { { "\"token\"=abc" }, NULL },
    { { "$Version=1; $token=abc" }, NULL },
};

static int find(const char *const fields[3], struct str *ret)
{
    struct http_request rq = { .n_headers = 0 };

    rq.headers[rq.n_headers++] = (struct http_header){ STR("X-Cookie"), STR("token=x") };
    for (size_t i = 0; i < 3 && fields[i]; i++) {
        struct str name = i % 2 ? STR("COOKIE") : STR("cookie");

        rq.headers[rq.n_headers++] = (struct http_header){ name, str_of(fields[i]) };
    }
    return cookie_find(&rq, STR("token"), ret);
}

static void finds_the_cookie_of_that_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(found); i++) {
        struct str value = STR("untouched");
        int rc = find(found[i].fields, &value);

        if (rc != EH_OK || !value.p != !found[i].want)
            fail_msg("wrong result in row %zu", i);
        if (found[i].want && !str_eq(value, str_of(found[i].want)))
            fail_msg("'%.*s' in row %zu", STR_ARG(value), i);
    }
}

static void refuses_two_of_that_name(void **state)
{
    static const char *const twice[][3] = {
        { "token=a; token=b" },   { "token=a; token=a" }, { "token=a", "token=b" },
        { "token=; x; token=b" }, { "token=a; token=" },  { "a=1", "token=b", "token=\"b\"" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
        struct str value = STR("untouched");

        assert_int_equal(find(twice[i], &value), EH_EINVAL);
        assert_true(str_eq(value, STR("untouched")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_cookie_of_that_name),
        cmocka_unit_test(refuses_two_of_that_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
