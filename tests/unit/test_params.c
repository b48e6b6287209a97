/* test_params.c - reads the parameters of a request, and refuses wrong ones with an error text. */
#include "app/rpc/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(json);
    return json;
}

/* The number `n` of a params object. It stays 7 if it is absent or refused. */
struct number_case {
    const char *json;
    int rc;
    int64_t n;
};

static int read_integer(struct params *p, int64_t *ret)
{
    return params_integer(p, "n", -1, 9, ret);
}

static int read_time(struct params *p, int64_t *ret)
{
    return params_time(p, "n", ret);
}

static void expect_number(const struct number_case *want,
                          int (*read)(struct params *p, int64_t *ret), const char *why)
{
    json_auto_t *json = parse(want->json);
    struct params p = { .json = json };
    int64_t n = 7;

    assert_int_equal(read(&p, &n), want->rc);
    assert_int_equal(n, want->n);
    if (want->rc < 0)
        assert_string_equal(p.why, why);
}

static void reads_integers_within_bounds(void **state)
{
    static const struct number_case cases[] = {
        { "{}", EH_OK, 7 },
        { "[1]", EH_OK, 7 },
        { "{\"n\":null}", EH_OK, 7 },
        { "{\"n\":-1}", EH_OK, -1 },
        { "{\"n\":9}", EH_OK, 9 },
        { "{\"n\":-2}", JSONRPC_INVALID_PARAMS, 7 },
        { "{\"n\":10}", JSONRPC_INVALID_PARAMS, 7 },
        { "{\"n\":9.0}", EH_OK, 9 },
        { "{\"n\":0.9e1}", EH_OK, 9 },
        { "{\"n\":1.5}", JSONRPC_INVALID_PARAMS, 7 },
        { "{\"n\":1e300}", JSONRPC_INVALID_PARAMS, 7 },
        { "{\"n\":\"1\"}", JSONRPC_INVALID_PARAMS, 7 },
        { "{\"n\":true}", JSONRPC_INVALID_PARAMS, 7 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_number(&cases[i], read_integer, "n must be an integer from -1 to 9");
}

static void cuts_off_the_fraction_of_a_time(void **state)
{
    static const struct number_case cases[] = {
        { "{}", EH_OK, 7 },
        { "{\"n\":null}", EH_OK, 7 },
        { "{\"n\":1574843571767}", EH_OK, INT64_C(1574843571767) },
        { "{\"n\":1574843571767.75}", EH_OK, INT64_C(1574843571767) },
        { "{\"n\":1.5e12}", EH_OK, INT64_C(1500000000000) },
        { "{\"n\":-9223372036854775808}", EH_OK, INT64_MIN },
        { "{\"n\":1e19}", JSONRPC_INVALID_PARAMS, 7 },
        { "{\"n\":\"1574843571767\"}", JSONRPC_INVALID_PARAMS, 7 },
        { "{\"n\":[]}", JSONRPC_INVALID_PARAMS, 7 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_number(&cases[i], read_time, "n must be a number of milliseconds that fits 64 bits");
}

static void reads_booleans(void **state)
{
    json_auto_t *json = parse("{\"yes\":true,\"no\":false,\"none\":null,\"text\":\"true\"}");
    struct params p = { .json = json };
    bool got = true;

    (void)state;
    assert_int_equal(params_bool(&p, "absent", &got), EH_OK);
    assert_int_equal(params_bool(&p, "none", &got), EH_OK);
    assert_true(got);
    assert_int_equal(params_bool(&p, "no", &got), EH_OK);
    assert_false(got);
    assert_int_equal(params_bool(&p, "yes", &got), EH_OK);
    assert_true(got);
    assert_int_equal(params_bool(&p, "text", &got), JSONRPC_INVALID_PARAMS);
    assert_string_equal(p.why, "text must be true or false");
}

static void requires_strings(void **state)
{
    json_auto_t *json = parse("{\"s\":\"\",\"n\":1,\"none\":null}");
    static const char *const bad[] = { "n", "none", "absent" };
    struct params p = { .json = json };
    struct str s = STR("untouched");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(params_string(&p, bad[i], &s), JSONRPC_INVALID_PARAMS);
    assert_string_equal(p.why, "absent must be a string");
    assert_true(str_eq(s, STR("untouched")));
    assert_int_equal(params_string(&p, "s", &s), EH_OK);
    assert_int_equal(s.n, 0);
}

static void requires_valid_topics_and_keys(void **state)
{
    json_auto_t *json = parse("{\"topic\":\"a/#\",\"key\":\"a/\"}");
    json_auto_t *bad = parse("{\"topic\":\"a b\"}");
    struct auth *everything = auth_everything();
    struct params p = { .json = json };
    struct str s;

    (void)state;
    assert_int_equal(params_topic(&p, everything, AUTH_READ, true, &s), EH_OK);
    assert_true(str_eq(s, STR("a/#")));
    assert_int_equal(params_topic(&p, everything, AUTH_READ, false, &s), JSONRPC_INVALID_PARAMS);
    assert_string_equal(p.why, "topic must be one topic, not a pattern");
    p.json = bad;
    assert_int_equal(params_topic(&p, everything, AUTH_READ, false, &s), JSONRPC_INVALID_PARAMS);
    assert_string_equal(p.why, "topic must be a valid topic");
    assert_int_equal(params_topic(&p, everything, AUTH_READ, true, &s), JSONRPC_INVALID_PARAMS);
    assert_string_equal(p.why, "topic must be a valid topic or pattern");
    p.json = json;
    assert_int_equal(params_key(&p, everything, AUTH_READ, &s), JSONRPC_INVALID_PARAMS);
    assert_string_equal(p.why, "key must be spelled like a topic");
    auth_free(everything);
}

static void builds_params_from_a_query(void **state)
{
    static const struct query_param known[] = {
        { "n", QUERY_INTEGER }, { "b", QUERY_BOOL }, { "s", QUERY_STRING },
        { "t", QUERY_NUMBER },  { "f", QUERY_FLAG }, { NULL, QUERY_STRING },
    };
    static const struct {
        const char *query;
        const char *json; /* NULL: refused */
    } cases[] = {
        { "", "{}" },
        { "other=1", "{}" },
        { "n=60&b=true&s=60", "{\"b\":true,\"n\":60,\"s\":\"60\"}" },
        { "n=6e1&b=1&s=true", "{\"b\":\"1\",\"n\":60,\"s\":\"true\"}" },
        { "n=-60.0&s=60.0", "{\"n\":-60,\"s\":\"60.0\"}" },
        { "n=60.5&t=60.5", "{\"n\":\"60.5\",\"t\":60.5}" },
        { "n=1e300&t=6e1", "{\"n\":\"1e300\",\"t\":6e1}" },
        { "t=60", "{\"t\":60}" },
        { "t=1e999", "{\"t\":\"1e999\"}" },
        { "n=0060", "{\"n\":60}" },
        { "n=1e999", "{\"n\":\"1e999\"}" },
        { "n=18446744073709551616", "{\"n\":\"18446744073709551616\"}" },
        { "n=%2060", "{\"n\":\" 60\"}" },
        { "n=60x", "{\"n\":\"60x\"}" },
        { "n=[60]", "{\"n\":\"[60]\"}" },
        { "n=&b=false&s=", "{\"b\":false,\"n\":\"\",\"s\":\"\"}" },
        { "s=%c3%a4+b", "{\"s\":\"\xc3\xa4+b\"}" },
        { "f=1", "{\"f\":true}" },
        { "f=0", "{\"f\":false}" },
        { "f=true", "{\"f\":true}" },
        { "f=false", "{\"f\":false}" },
        { "f=01", "{\"f\":\"01\"}" },
        { "f=", "{\"f\":\"\"}" },
        { "s=%ff", NULL },
        { "s=%f", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *got = params_of_query(str_of(cases[i].query), known);
        json_auto_t *want = cases[i].json ? parse(cases[i].json) : NULL;

        assert_true(want ? json_equal(got, want) : !got);
    }
}

static void finds_unknown_parameters_of_a_query(void **state)
{
    static const struct query_param known[] = { { "a", QUERY_STRING }, { NULL, QUERY_STRING } };
    struct str query = STR("a=1&auth=x&&=&A=2&b&a"), name;

    (void)state;
    assert_true(params_cut_unknown(&query, known, &name));
    assert_true(str_eq(name, STR("A")));
    assert_true(params_cut_unknown(&query, known, &name));
    assert_true(str_eq(name, STR("b")));
    assert_false(params_cut_unknown(&query, known, &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_integers_within_bounds),
        cmocka_unit_test(cuts_off_the_fraction_of_a_time),
        cmocka_unit_test(reads_booleans),
        cmocka_unit_test(requires_strings),
        cmocka_unit_test(requires_valid_topics_and_keys),
        cmocka_unit_test(builds_params_from_a_query),
        cmocka_unit_test(finds_unknown_parameters_of_a_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
