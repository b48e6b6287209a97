#include "proto/jsonrpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"

#define REQUEST(id) "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":" id "}"

static void expect_bytes(struct bytes *got, struct str want)
{
    if (!str_eq(bytes_str(got), want))
        fail_msg("want %.*s\n got %.*s", STR_ARG(want), STR_ARG(bytes_str(got)));
    shared_unref(&got->shared);
}

/* Parses a message and reads its first request; the caller frees *ret_m. */
static int read_text(struct str text, struct jsonrpc_message *ret_m, struct jsonrpc_request *ret,
                     const char **ret_why)
{
    *ret_m = (struct jsonrpc_message){ 0 };
    *ret = (struct jsonrpc_request){ 0 };
    EH_TRY(jsonrpc_parse(text, ret_m, ret_why));
    return jsonrpc_read(ret_m, 0, ret, ret_why);
}

/* Reads a request that must be refused, and compares the id that came with it. */
static void expect_refused(struct str text, int code, const char *id)
{
    struct jsonrpc_request rq;
    const char *why = NULL;
    struct jsonrpc_message m;
    int rc = read_text(text, &m, &rq, &why);

    if (rc != code)
        fail_msg("%.*s: want %d, got %d", STR_ARG(text), code, rc);
    assert_non_null(why);
    assert_null(rq.params);
    if (!str_eq(rq.id, id ? str_of(id) : (struct str){ NULL, 0 }))
        fail_msg("%.*s: id %.*s", STR_ARG(text), STR_ARG(rq.id));
    jsonrpc_free(&m);
}

static void expect_id(const char *text, const char *id)
{
    struct jsonrpc_request rq;
    const char *why = "";
    struct jsonrpc_message m;

    if (read_text(str_of(text), &m, &rq, &why) != EH_OK)
        fail_msg("%s: %s", text, why);
    if (!str_eq(rq.id, id ? str_of(id) : (struct str){ NULL, 0 }))
        fail_msg("%s: id %.*s", text, STR_ARG(rq.id));
    jsonrpc_free(&m);
}

static void reads_a_request(void **state)
{
    struct jsonrpc_request rq;
    const char *why = "";
    struct str text = STR(" { \"method\" : \"Sub\\u0073cribe\", \"params\":{\"topic\":\"a\"},\r\n\t"
                          "\"id\":1, \"jsonrpc\":\"2.0\", \"other\":null } ");
    struct jsonrpc_message m;

    (void)state;
    assert_int_equal(read_text(text, &m, &rq, &why), EH_OK);
    assert_true(str_eq(rq.method, STR("Subscribe")));
    assert_true(str_eq(rq.id, STR("1")));
    assert_string_equal(json_string_value(json_object_get(rq.params, "topic")), "a");
    jsonrpc_free(&m);
}

static void accepts_only_structured_params(void **state)
{
    static const struct {
        const char *params;
        int type; /* -1: refused, -2: treated as absent */
    } cases[] = {
        { "{}", JSON_OBJECT }, { "[]", JSON_ARRAY }, { "[\"a\",1]", JSON_ARRAY },
        { "null", -2 },        { "\"a\"", -1 },      { "7", -1 },
        { "true", -1 },        { "false", -1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct jsonrpc_request rq;
        const char *why = "";
        struct jsonrpc_message m;
        char text[128];
        int n = snprintf(text, sizeof(text),
                         "{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":7,\"params\":%s}",
                         cases[i].params);

        if (cases[i].type == -1) {
            expect_refused(str_make(text, (size_t)n), JSONRPC_INVALID_REQUEST, "7");
            continue;
        }
        assert_int_equal(read_text(str_make(text, (size_t)n), &m, &rq, &why), EH_OK);
        assert_int_equal(rq.params ? (int)json_typeof(rq.params) : -2, cases[i].type);
        jsonrpc_free(&m);
    }
}

static void reads_ids(void **state)
{
    (void)state;
    expect_id("{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", NULL);
    expect_id(REQUEST("0"), "0");
    expect_id(REQUEST("-17"), "-17");
    expect_id(REQUEST("4294967296"), "4294967296");
    expect_id(REQUEST("9007199254740993"), "9007199254740993");
    expect_id(REQUEST("9223372036854775807"), "9223372036854775807");
    expect_id(REQUEST("-9223372036854775808"), "-9223372036854775808");
    expect_id(REQUEST("9223372036854775808"), "9223372036854775808");
    expect_id(REQUEST("18446744073709551615"), "18446744073709551615");
    expect_id(REQUEST("1.5"), "1.5");
    expect_id(REQUEST("1e2"), "100.0");
    expect_id(REQUEST("\"\""), "\"\"");
    expect_id(REQUEST("\"a\\u0041/\\/\""), "\"aA//\"");
    expect_id(REQUEST("\"\\\"\\\\\\n\\u0000\\u001f\""), "\"\\\"\\\\\\n\\u0000\\u001F\"");
    expect_id(REQUEST("\"\xc3\xa9\\ud83d\\ude00\""), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void refuses_ids_of_other_types(void **state)
{
    static const char *const cases[] = {
        REQUEST("null"),
        REQUEST("true"),
        REQUEST("false"),
        REQUEST("{}"),
        REQUEST("[1]"),
        REQUEST("18446744073709551616"),
        REQUEST("-9223372036854775809"),
        REQUEST("1e999"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refused(str_of(cases[i]), JSONRPC_INVALID_REQUEST, NULL);
}

/* The limit counts the JSON text with its quotes and escapes. */
static void limits_the_length_of_an_id(void **state)
{
    char text[1024], id[JSONRPC_ID_MAX + 3];

    (void)state;
    (void)snprintf(id, sizeof(id), "\"%0*d\"", JSONRPC_ID_MAX - 2, 0);
    (void)snprintf(text, sizeof(text), REQUEST("%s"), id);
    expect_id(text, id);
    (void)snprintf(text, sizeof(text), REQUEST("\"%0*d\""), JSONRPC_ID_MAX - 1, 0);
    expect_refused(str_of(text), JSONRPC_INVALID_REQUEST, NULL);
    (void)snprintf(text, sizeof(text), REQUEST("\"\\n%0*d\""), JSONRPC_ID_MAX - 3, 0);
    expect_refused(str_of(text), JSONRPC_INVALID_REQUEST, NULL);
}

static void refuses_malformed_json(void **state)
{
    static const struct str cases[] = {
        { "", 0 },
        { NULL, 0 },
        { " ", 1 },
        { "{", 1 },
        { "nul", 3 },
        { "\0", 1 },
        { "\xef\xbb\xbf", 3 },
        { "\xef\xbb\xbf\xef\xbb\xbf{}", 8 },
        { "{}\xef\xbb\xbf", 5 },
        { "{}{}", 4 },
        { "{} x", 4 },
        { "{'a':1}", 7 },
        { "{\"a\":01}", 8 },
        { "{\"a\":1,}", 8 },
        { "{\"a\":+1}", 8 },
        { "{\"a\":NaN}", 9 },
        { "{\"a\":\"\n\"}", 9 },
        { "{\"a\":\"\xff\"}", 9 },
        { "{\"a\":\"\xc0\x80\"}", 10 },
        { "{\"a\":\"\xed\xa0\x80\"}", 11 },
        { "{\"a\":\"\\ud800\"}", 14 },
        { "{\"a\":\"\\x41\"}", 12 },
        { "{\"a\":1,\"a\":1}", 13 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refused(cases[i], JSONRPC_PARSE_ERROR, NULL);
}

static void refuses_json_that_is_not_a_request(void **state)
{
    static const struct {
        const char *text, *id;
    } cases[] = {
        { "1", NULL },
        { "null", NULL },
        { "\"text\"", NULL },
        { "[]", NULL },
        { "[[" REQUEST("1") "]]", NULL },
        { "{}", NULL },
        { "{\"id\":5}", "5" },
        { "{\"id\":5,\"method\":\"m\"}", "5" },
        { "{\"id\":5,\"method\":\"m\",\"jsonrpc\":\"1.0\"}", "5" },
        { "{\"id\":5,\"method\":\"m\",\"jsonrpc\":2.0}", "5" },
        { "{\"id\":5,\"method\":\"m\",\"jsonrpc\":\"2.0\\u0000\"}", "5" },
        { "{\"id\":\"x\",\"jsonrpc\":\"2.0\"}", "\"x\"" },
        { "{\"id\":\"x\",\"jsonrpc\":\"2.0\",\"method\":1}", "\"x\"" },
        { "{\"id\":\"x\",\"jsonrpc\":\"2.0\",\"method\":null}", "\"x\"" },
        { "{\"id\":\"x\",\"jsonrpc\":\"2.0\",\"method\":[\"m\"]}", "\"x\"" },
        { "{\"id\":5,\"method\":\"m\",\"jsonrpc\":\"2.0\",\"n\":18446744073709551616}", "5" },
        { "{\"id\":5,\"method\":\"m\",\"jsonrpc\":\"2.0\",\"\\u0000\":1}", "5" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refused(str_of(cases[i].text), JSONRPC_INVALID_REQUEST, cases[i].id);
}

static void refuses_deep_nesting(void **state)
{
    static const char *const opens[] = { "[", "{\"a\":" };
    size_t depth = 100000;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(opens); i++) {
        size_t step = strlen(opens[i]);
        char *text = mem_alloc(depth * step);

        for (size_t d = 0; d < depth; d++)
            memcpy(text + d * step, opens[i], step);
        expect_refused(str_make(text, depth * step), JSONRPC_PARSE_ERROR, NULL);
        free(text);
    }
}

static void keeps_nul_in_strings(void **state)
{
    struct jsonrpc_request rq;
    const char *why = "";
    struct str text = STR("{\"jsonrpc\":\"2.0\",\"method\":\"m\\u0000n\","
                          "\"params\":{\"message\":\"a\\u0000b\"}}");
    struct jsonrpc_message m;
    json_t *message;

    (void)state;
    assert_int_equal(read_text(text, &m, &rq, &why), EH_OK);
    assert_true(str_eq(rq.method, STR("m\0n")));
    message = json_object_get(rq.params, "message");
    assert_int_equal(json_string_length(message), 3);
    assert_memory_equal(json_string_value(message), "a\0b", 3);
    jsonrpc_free(&m);
}

/* Parses an array of n equal elements; any array is a batch, whatever its elements are. */
static int parse_batch(const char *element, size_t n, struct jsonrpc_message *ret)
{
    struct buf text = { 0 };
    const char *why = NULL;
    int rc;

    *ret = (struct jsonrpc_message){ 0 };
    for (size_t i = 0; i < n; i++)
        buf_addf(&text, "%c%s", i ? ',' : '[', element);
    buf_add_str(&text, n ? STR("]") : STR("[]"));
    rc = jsonrpc_parse(buf_str(&text), ret, &why);
    assert_true((rc < 0) == (why != NULL));
    buf_done(&text);
    return rc;
}

static void limits_the_size_of_a_batch(void **state)
{
    static const char *const elements[] = { "1", "{\"a\":1e999}", "{\"a\":\"\\ud800\"}",
                                            "{\"a\":[[],{}],\"b\":-1e999}" };
    static const size_t sizes[] = { 1, 2, JSONRPC_BATCH_MAX, 0, JSONRPC_BATCH_MAX + 1, 1000 };
    struct jsonrpc_message m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        for (size_t j = 0; j < ARRAY_LEN(sizes); j++) {
            bool is_good = sizes[j] > 0 && sizes[j] <= JSONRPC_BATCH_MAX;

            assert_int_equal(parse_batch(elements[i], sizes[j], &m),
                             is_good ? EH_OK : JSONRPC_INVALID_REQUEST);
            assert_int_equal(m.n, is_good ? sizes[j] : 0);
            assert_true(m.is_batch == is_good);
            jsonrpc_free(&m);
        }
    }
}

static void skips_a_byte_order_mark(void **state)
{
    (void)state;
    expect_id("\xef\xbb\xbf" REQUEST("1"), "1");
    expect_id("\xef\xbb\xbf \t" REQUEST("18446744073709551615"), "18446744073709551615");
}

static void writes_a_result(void **state)
{
    (void)state;
    expect_bytes(jsonrpc_result(STR("17"), STR("{\"pong\":1}")),
                 STR("{\"id\":17,\"jsonrpc\":\"2.0\",\"result\":{\"pong\":1}}"));
    expect_bytes(jsonrpc_result(STR("\"x\""), STR("[]")),
                 STR("{\"id\":\"x\",\"jsonrpc\":\"2.0\",\"result\":[]}"));
}

static void writes_a_result_from_a_json_tree(void **state)
{
    json_t *tree = json_pack("{s:s, s:s%, s:b}", "topic", "a/b", "message", "x\0\"/\xc3\xa9",
                             (size_t)6, "ok", 1);

    (void)state;
    json_incref(tree);
    expect_bytes(jsonrpc_result_tree(STR("1"), tree),
                 STR("{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"message\":"
                     "\"x\\u0000\\\"/\xc3\xa9\",\"ok\":true,\"topic\":\"a/b\"}}"));
    assert_int_equal(tree->refcount, 1);
    json_decref(tree);
    expect_bytes(jsonrpc_result_tree(STR("1"), json_integer(3)),
                 STR("{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":3}"));
}

static void writes_errors(void **state)
{
    static const struct {
        enum jsonrpc_error code;
        const char *out;
    } cases[] = {
        { JSONRPC_PARSE_ERROR, "-32700|Parse error" },
        { JSONRPC_INVALID_REQUEST, "-32600|Invalid Request" },
        { JSONRPC_METHOD_NOT_FOUND, "-32601|Method not found" },
        { JSONRPC_INVALID_PARAMS, "-32602|Invalid params" },
        { JSONRPC_NOT_ALLOWED, "-32602|Not allowed" },
        { JSONRPC_BROKER, "-32603|Broker unavailable" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str message = str_of(cases[i].out), code;
        char want[256];

        assert_true(str_cut(&message, '|', &code));
        (void)snprintf(want, sizeof(want),
                       "{\"error\":{\"code\":%.*s,\"data\":\"no \\\"x\\\"\",\"message\":\"%.*s\"},"
                       "\"id\":4,\"jsonrpc\":\"2.0\"}",
                       STR_ARG(code), STR_ARG(message));
        expect_bytes(jsonrpc_error(STR("4"), cases[i].code, STR("no \"x\"")), str_of(want));
    }
}

static void writes_a_null_id_when_there_is_none(void **state)
{
    (void)state;
    expect_bytes(jsonrpc_error((struct str){ NULL, 0 }, JSONRPC_PARSE_ERROR, STR("")),
                 STR("{\"error\":{\"code\":-32700,\"data\":\"\",\"message\":\"Parse error\"},"
                     "\"id\":null,\"jsonrpc\":\"2.0\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_request),
        cmocka_unit_test(accepts_only_structured_params),
        cmocka_unit_test(reads_ids),
        cmocka_unit_test(refuses_ids_of_other_types),
        cmocka_unit_test(limits_the_length_of_an_id),
        cmocka_unit_test(refuses_malformed_json),
        cmocka_unit_test(refuses_json_that_is_not_a_request),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(keeps_nul_in_strings),
        cmocka_unit_test(limits_the_size_of_a_batch),
        cmocka_unit_test(skips_a_byte_order_mark),
        cmocka_unit_test(writes_a_result),
        cmocka_unit_test(writes_a_result_from_a_json_tree),
        cmocka_unit_test(writes_errors),
        cmocka_unit_test(writes_a_null_id_when_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
