#include "proto/jsonrpc_refused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

#define REQUEST(id)  "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":" id "}"
#define CALL(params) "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":" params ",\"id\":\"x\"}"

#define NUMBER_RULE "out of range: an integer must fit 64 bits, any other number a double"
#define HALF_RULE   " must not contain half of a surrogate pair"

/* Reads one request; the caller frees *ret_m. */
static int read_text(struct str text, struct jsonrpc_message *ret_m, struct jsonrpc_request *ret,
                     const char **ret_why)
{
    assert_int_equal(jsonrpc_parse(text, ret_m, ret_why), EH_OK);
    return jsonrpc_read(ret_m, 0, ret, ret_why);
}

/* id and why are NULL where there is none, or any text will do. */
static void expect_refused(struct str text, int code, const char *id, const char *wanted_why)
{
    struct jsonrpc_message m;
    struct jsonrpc_request rq;
    const char *why = "";
    int rc = read_text(text, &m, &rq, &why);

    if (rc != code || (wanted_why && strcmp(why, wanted_why) != 0))
        fail_msg("%.*s: %d, %s", STR_ARG(text), rc, why);
    if (!str_eq(rq.id, id ? str_of(id) : (struct str){ NULL, 0 }))
        fail_msg("%.*s: id %.*s", STR_ARG(text), STR_ARG(rq.id));
    jsonrpc_free(&m);
}

static void refuses_what_a_tree_cannot_hold_under_the_id(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *why;
    } cases[] = {
        { CALL("{\"ttl\":1e999}"), JSONRPC_INVALID_PARAMS, "the number in ttl is " NUMBER_RULE },
        { CALL("{\"t\\u0074l\":1e999}"), JSONRPC_INVALID_PARAMS,
          "the number in params is " NUMBER_RULE },
        { CALL("{\"a\":1,\"ttl\":9223372036854775808,\"b\":-1e999}"), JSONRPC_INVALID_PARAMS,
          "the number in ttl is " NUMBER_RULE },
        { CALL("{\"a\":{\"b\":[1,[-9223372036854775809]]}}"), JSONRPC_INVALID_PARAMS,
          "the number in a is " NUMBER_RULE },
        { CALL("[1,1e999]"), JSONRPC_INVALID_PARAMS, "the number in params is " NUMBER_RULE },
        { CALL("1e999"), JSONRPC_INVALID_PARAMS, "the number in params is " NUMBER_RULE },
        { CALL("[],\"x\":{\"params\":{\"ttl\":1e999}}"), JSONRPC_INVALID_REQUEST,
          "a number is " NUMBER_RULE },
        { CALL("[],\"x\":-1e400,\"y\":\"\\ud800\""), JSONRPC_INVALID_REQUEST,
          "a number is " NUMBER_RULE },
        { CALL("{\"topic\":\"\\udc00\"}"), JSONRPC_INVALID_PARAMS, "topic" HALF_RULE },
        { CALL("{\"key\":\"a\\ud83d\",\"ttl\":1e999}"), JSONRPC_INVALID_PARAMS, "key" HALF_RULE },
        { CALL("{\"message\":[\"\\ud83d\"]}"), JSONRPC_INVALID_PARAMS, "message" HALF_RULE },
        { CALL("{\"\\ud83d\":1}"), JSONRPC_INVALID_PARAMS, "params" HALF_RULE },
        { CALL("[\"\\ud83d\"]"), JSONRPC_INVALID_PARAMS, "params" HALF_RULE },
        { CALL("[],\"message\":\"\\ud83d\""), JSONRPC_PARSE_ERROR,
          "a string contains half of a surrogate pair" },
        { CALL("[],\"\\udfff\":1"), JSONRPC_PARSE_ERROR,
          "a string contains half of a surrogate pair" },
        { CALL("{\"a\":1,\"\\u0061\":1}"), JSONRPC_PARSE_ERROR,
          "an object has two members with the same name" },
        { CALL("[],\"method\":\"n\""), JSONRPC_PARSE_ERROR,
          "an object has two members with the same name" },
        { CALL("{\"message\":\"\\ud83d\",\"message\":\"\"}"), JSONRPC_PARSE_ERROR,
          "an object has two members with the same name" },
        { CALL("{\"a\\u0000\":1}"), JSONRPC_INVALID_REQUEST, "a member name contains U+0000" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refused(str_of(cases[i].text), cases[i].code, "\"x\"", cases[i].why);
}

static void answers_without_an_id_that_cannot_be_read(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *why;
    } cases[] = {
        { REQUEST("\"\\ud83d\""), JSONRPC_PARSE_ERROR, "id" HALF_RULE },
        { REQUEST("1,\"id\":1"), JSONRPC_PARSE_ERROR,
          "an object has two members with the same name" },
        { REQUEST("1,\"\\u0069\\u0064\":1,\"params\":{\"x\":1e999}"), JSONRPC_PARSE_ERROR,
          "an object has two members with the same name" },
        { REQUEST("[1e999]"), JSONRPC_INVALID_REQUEST, "id must be a string or a number" },
        { REQUEST("{\"id\":1},\"x\":1e999"), JSONRPC_INVALID_REQUEST,
          "id must be a string or a number" },
        { REQUEST("null,\"x\":1,\"x\":1"), JSONRPC_INVALID_REQUEST,
          "id must be a string or a number" },
        { REQUEST("-1e999"), JSONRPC_INVALID_REQUEST, "id is " NUMBER_RULE },
        { REQUEST("18446744073709551616"), JSONRPC_INVALID_REQUEST, "id is " NUMBER_RULE },
        { "{\"x\":1e999,\"y\":{\"id\":1}}", JSONRPC_INVALID_REQUEST, NULL },
        { "{\"x\":1,\"x\":1}", JSONRPC_PARSE_ERROR, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refused(str_of(cases[i].text), cases[i].code, NULL, cases[i].why);
}

static void expect_text(struct str request, const char *name, struct str want)
{
    struct jsonrpc_message m;
    struct jsonrpc_request rq;
    const char *why = "";
    const json_t *got;

    assert_int_equal(read_text(request, &m, &rq, &why), EH_OK);
    assert_true(str_eq(rq.id, STR("\"x\"")));
    assert_true(str_eq(rq.method, STR("m")));
    got = json_object_get(rq.params, name);
    if (!str_eq(str_make(json_string_value(got), json_string_length(got)), want))
        fail_msg("%.*s: %s", STR_ARG(request), json_string_value(got));
    jsonrpc_free(&m);
}

static void replaces_half_a_surrogate_pair_in_messages_and_values(void **state)
{
    static const struct {
        const char *text;
        struct str want;
    } cases[] = {
        { "hi \\ud83d", STR("hi \xef\xbf\xbd") },
        { "\\uDE00\\uD83D\\u0000\\\"", STR("\xef\xbf\xbd\xef\xbf\xbd\0\"") },
        { "\\ud83d\\ud83d\\ude00", STR("\xef\xbf\xbd\xf0\x9f\x98\x80") },
        { "\\\\ud83d\\ud83dx", STR("\\ud83d\xef\xbf\xbdx") },
        { "\xc3\xa9\\ud83d", STR("\xc3\xa9\xef\xbf\xbd") },
    };
    char text[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(text, sizeof(text), CALL("{\"a\":[1],\"message\":\"%s\"}"), cases[i].text);
        expect_text(str_of(text), "message", cases[i].want);
        (void)snprintf(text, sizeof(text), CALL("{\"\\u0076alue\":\"%s\" , \"b\":{}}"),
                       cases[i].text);
        expect_text(str_of(text), "value", cases[i].want);
    }
}

static void reads_each_request_of_a_batch_by_itself(void **state)
{
    static const struct {
        int code;
        const char *id;
    } want[] = {
        { EH_OK, "1" },
        { JSONRPC_INVALID_PARAMS, "2" },
        { EH_OK, "9223372036854775808" },
        { JSONRPC_INVALID_REQUEST, NULL },
        { JSONRPC_PARSE_ERROR, "\"\xc3\xa9\"" },
        { JSONRPC_INVALID_REQUEST, "6" },
        { EH_OK, NULL },
        { JSONRPC_INVALID_REQUEST, NULL },
    };
    static const char text[] =
        "\xef\xbb\xbf [" REQUEST("1") ", {\"id\":2,\"params\":{\"ttl\":1e999}}\n," //
        REQUEST("9223372036854775808") ",[[{\"id\":4}]],{\"a\":1,\"id\":\"\\u00e9\",\"a\":1},"
                                       "{\"id\":6},{\"jsonrpc\":\"2.0\",\"method\":\"m\"},7] ";
    struct jsonrpc_message m;
    const char *why = "";

    (void)state;
    assert_int_equal(jsonrpc_parse(str_of(text), &m, &why), EH_OK);
    assert_true(m.is_batch);
    assert_int_equal(m.n, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct jsonrpc_request rq;

        assert_int_equal(jsonrpc_read(&m, i, &rq, &why), want[i].code);
        if (!str_eq(rq.id, want[i].id ? str_of(want[i].id) : (struct str){ NULL, 0 }))
            fail_msg("request %zu: id %.*s", i, STR_ARG(rq.id));
    }
    jsonrpc_free(&m);
}

static void finds_the_id_beside_deep_nesting(void **state)
{
    enum { DEPTH = 100000 };
    struct buf text = { 0 };
    struct jsonrpc_message m;
    const char *why = "";

    (void)state;
    buf_add_str(&text, STR("{\"params\":"));
    for (size_t i = 0; i < DEPTH; i++)
        buf_add_str(&text, i % 2 ? STR("[1,") : STR("{\"id\":"));
    buf_add_str(&text, STR("{}"));
    for (size_t i = DEPTH; i-- > 0;)
        buf_add_char(&text, i % 2 ? ']' : '}');
    buf_add_str(&text, STR(",\"id\":5}"));
    expect_refused(buf_str(&text), JSONRPC_PARSE_ERROR, "5", "the text is nested too deeply");

    buf_head(&text)[buf_used(&text) - 10] = '}'; /* where a `]` was */
    assert_int_equal(jsonrpc_parse(buf_str(&text), &m, &why), JSONRPC_PARSE_ERROR);
    buf_done(&text);
}

static void finds_nothing_in_text_without_requests(void **state)
{
    static const char *const texts[] = {
        "",
        "{\"id\":1,\"x\":\"\\ud83d\"",
        "[{\"id\":1,\"x\":1e999},{\"id\":2,}]",
        "{\"id\":1,\"x\":1e999}}",
        "{\"id\":1,\"x\":\"\xff\"}",
        "1e999",
        "\"\\udfff\"",
        "[]",
        "[1,[{\"id\":1}],1e999]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct jsonrpc_message m = { 0 };

        assert_int_equal(jsonrpc_refused_read(str_of(texts[i]), &m), EH_EINVAL);
        assert_null(m.items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_a_tree_cannot_hold_under_the_id),
        cmocka_unit_test(answers_without_an_id_that_cannot_be_read),
        cmocka_unit_test(replaces_half_a_surrogate_pair_in_messages_and_values),
        cmocka_unit_test(reads_each_request_of_a_batch_by_itself),
        cmocka_unit_test(finds_the_id_beside_deep_nesting),
        cmocka_unit_test(finds_nothing_in_text_without_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
