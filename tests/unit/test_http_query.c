#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"
#include "proto/http.h"
#include "support/assert_str.h"

static void finds_query_params(void **state)
{
    static const struct {
        const char *query, *name;
        const char *want; /* NULL: not found */
    } params[] = {
        { "auth=abc", "auth", "abc" },
        { "x=1&auth=abc&y=2", "auth", "abc" },
        { "auth=a=b", "auth", "a=b" },
        { "auth=1&auth=2", "auth", "1" },
        { "auth", "auth", "" },
        { "x&auth=", "auth", "" },
        { "&&auth=%20+", "auth", "%20+" },
        { "", "auth", NULL },
        { "xauth=1&authx=2", "auth", NULL },
        { "Auth=1", "auth", NULL },
        { "x=auth", "auth", NULL },
    };
    struct str got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        bool found = http_query_param(str_of(params[i].query), str_of(params[i].name), &got);

        if (found != (params[i].want != NULL))
            fail_msg("'%s' in '%s' was %sfound", params[i].name, params[i].query,
                     found ? "" : "not ");
        if (found)
            assert_str(got, params[i].want);
    }
    assert_false(http_query_param((struct str){ NULL, 0 }, STR("auth"), &got));
}

static void cuts_parameters_off_a_query(void **state)
{
    static const struct {
        const char *name, *value;
    } want[] = { { "a", "1=2" }, { "", "" }, { "", "x" }, { "b%20", "%zz" }, { "c", "" } };
    struct str query = STR("a=1=2&&=x&b%20=%zz&c"), name, value;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(http_query_cut(&query, &name, &value));
        assert_str(name, want[i].name);
        assert_str(value, want[i].value);
    }
    assert_false(http_query_cut(&query, &name, &value));
}

static void decodes_percent_escapes(void **state)
{
    static const struct {
        const char *in;
        bool plus_is_space;
        const char *want; /* NULL: refused */
    } texts[] = {
        { "", false, "" },
        { "plain", false, "plain" },
        { "a%2Fb%2f", false, "a/b/" },
        { "%c3%A9", false, "\xc3\xa9" },
        { "a+b", false, "a+b" },
        { "a+b%2B", true, "a b+" },
        { "%25%32%35", false, "%25" },
        { "%", false, NULL },
        { "%2", false, NULL },
        { "ok%2", false, NULL },
        { "%g0", false, NULL },
        { "%0G", false, NULL },
        { "%%41", false, NULL },
        { "%+1", true, NULL },
    };
    struct buf out = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int rc = http_percent_decode(str_of(texts[i].in), texts[i].plus_is_space, &out);

        if ((rc == EH_OK) != (texts[i].want != NULL))
            fail_msg("'%s' was %s", texts[i].in, rc == EH_OK ? "accepted" : "refused");
        assert_str(buf_str(&out), texts[i].want ? texts[i].want : "");
        buf_clear(&out);
    }
    assert_int_equal(http_percent_decode(STR("a%00b"), false, &out), EH_OK);
    assert_true(str_eq(buf_str(&out), STR("a\0b")));
    buf_clear(&out);
    for (size_t n = 1; n < 3; n++) /* bytes after the text do not complete its escape */
        assert_int_equal(http_percent_decode(str_make("%41", n), false, &out), EH_EINVAL);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_query_params),
        cmocka_unit_test(cuts_parameters_off_a_query),
        cmocka_unit_test(decodes_percent_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
