#include "proto/json_reader.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

/* Writes the tokens as "<kind><depth>:<text> ". Returns what json_reader_next returned last. */
static int read_tokens(struct str text, struct buf *out)
{
    struct json_reader r;
    struct json_token t;
    int rc;

    json_reader_init(&r, text);
    while ((rc = json_reader_next(&r, &t)) == EH_OK && t.kind != JSON_TOKEN_END)
        buf_addf(out, "%c%zu:%.*s%s ", "E()nsdw"[t.kind], t.depth, STR_ARG(t.text),
                 t.has_half ? "!" : "");
    json_reader_done(&r);
    return rc;
}

static void reads_tokens(void **state)
{
    static const struct {
        const char *text, *tokens;
    } cases[] = {
        { "1", "d0:1 " },
        { " \"\" ", "s0:\"\" " },
        { "null", "w0:null " },
        { "[]", "(0:[ )0:] " },
        { "\t{\r}\n", "(0:{ )0:} " },
        { "[true , false,[ ]]", "(0:[ w1:true w1:false (1:[ )1:] )0:] " },
        { "{\"a\" : [ {} , 1 ] ,\"b\":{\"c\":-1.5e+2}}",
          "(0:{ n1:\"a\" (1:[ (2:{ )2:} d2:1 )1:] n1:\"b\" (1:{ n2:\"c\" d2:-1.5e+2 )1:} )0:} " },
        { "[1e999,99999999999999999999]", "(0:[ d1:1e999 d1:99999999999999999999 )0:] " },
        { "{\"\\u0000\":1,\"\\u0000\":2}", "(0:{ n1:\"\\u0000\" d1:1 n1:\"\\u0000\" d1:2 )0:} " },
        { "[\"\\ud83d\",\"\\ud83d\\ude00\",\"\\\\ud83d\",\"\\ude00\\ud83d\"]",
          "(0:[ s1:\"\\ud83d\"! s1:\"\\ud83d\\ude00\" s1:\"\\\\ud83d\" s1:\"\\ude00\\ud83d\"! "
          ")0:] " },
        { "{\"\\udfff\":0}", "(0:{ n1:\"\\udfff\"! d1:0 )0:} " },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        assert_int_equal(read_tokens(str_of(cases[i].text), &out), EH_OK);
        assert_str(buf_str(&out), cases[i].tokens);
        buf_done(&out);
    }
}

static const char *const not_json[] = {
    "",
    " ",
    "[",
    "]",
    "}",
    "{",
    "[}",
    "{]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "1 2",
    "[1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1",
    "{\"a\":1,",
    "{,}",
    "{\"a\":1,}",
    "{1:2}",
    "{a:1}",
    "{\"a\",1}",
    "{\"a\":1]",
    "[]]",
    "{}{}",
    "nul",
    "nulll",
    "True",
    "truefalse",
    "+1",
    "-",
    "01",
    "-01",
    "1.",
    ".5",
    "1.e5",
    "1e",
    "1e+",
    "1e5.5",
    "0x1",
    "1_0",
    "NaN",
    "-Infinity",
    "\"",
    "\"a",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\n\"",
    "'a'",
    "/**/1",
    "1//",
    "[1,/**/2]",
    "\"\\ud8\"",
    "\\u0031",
    ("\x0c"
     "1"),
};

static void refuses_text_that_is_not_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(not_json); i++) {
        struct buf out = { 0 };

        if (read_tokens(str_of(not_json[i]), &out) != EH_EINVAL)
            fail_msg("%s", not_json[i]);
        assert_null(json_loads(not_json[i], JSON_DECODE_ANY, NULL));
        buf_done(&out);
    }
}

static void reads_any_nesting(void **state)
{
    enum { DEPTH = 300000 };
    struct buf text = { 0 };
    struct json_reader r;
    struct json_token t = { .kind = JSON_TOKEN_OPEN };
    size_t deepest = 0;

    (void)state;
    for (size_t i = 0; i < DEPTH; i++)
        buf_add_char(&text, '[');
    for (size_t i = 0; i < DEPTH; i++)
        buf_add_char(&text, ']');
    json_reader_init(&r, buf_str(&text));
    while (t.kind != JSON_TOKEN_END) {
        assert_int_equal(json_reader_next(&r, &t), EH_OK);
        deepest = t.depth > deepest ? t.depth : deepest;
    }
    assert_int_equal(deepest, DEPTH - 1);
    json_reader_done(&r);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tokens),
        cmocka_unit_test(refuses_text_that_is_not_json),
        cmocka_unit_test(reads_any_nesting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
