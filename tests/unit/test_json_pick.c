#include "proto/json_pick.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "support/assert_str.h"

static bool is_object(const char *text)
{
    return json_pick(str_of(text), NULL, 0);
}

static void finds_members_by_name(void **state)
{
    struct json_pick picks[] = { { .name = "a" }, { .name = "b" }, { .name = "" } };

    (void)state;
    assert_true(
        json_pick(STR(" { \"b\" : [ 1, {\"a\":2} ] , \"a\":\"x\\\"\",\"c\":0}\n"), picks, 3));
    assert_str(picks[0].value, "\"x\\\"\"");
    assert_int_equal(picks[0].count, 1);
    assert_int_equal(strncmp(picks[1].value.p, "[ 1, {\"a\":2} ]", 14), 0);
    assert_int_equal(picks[1].count, 1);
    assert_null(picks[2].value.p);
    assert_int_equal(picks[2].count, 0);

    assert_true(json_pick(STR("{\"\":1.5e3}"), picks, 3));
    assert_null(picks[0].value.p);
    assert_str(picks[2].value, "1.5e3");
    assert_true(json_pick(STR("{}"), picks, 3));
    assert_null(picks[2].value.p);
}

static void counts_duplicates_in_every_spelling(void **state)
{
    struct json_pick pick = { .name = "exp" };

    (void)state;
    assert_true(json_pick(STR("{\"exp\":1,\"\\u0065xp\":2,\"e\\u0078\\u0070\":3}"), &pick, 1));
    assert_int_equal(pick.count, 3);
    assert_str(pick.value, "3");
    assert_true(
        json_pick(STR("{\"exp\\u0000\":1,\"exp\\ud83d\":2,\"\\ud83dexp\":3,\"Exp\":4}"), &pick, 1));
    assert_int_equal(pick.count, 0);
}

/* Texts that jansson refuses, although they are JSON. */
static void passes_over_what_jansson_cannot_represent(void **state)
{
    static const char *const texts[] = {
        "{\"a\":1e999}",       "{\"a\":-123456789012345678901234567890}",
        "{\"a\":\"\\u0000\"}", "{\"\\u0000\":1}",
        "{\"a\":\"\\ud83d\"}", "{\"a\":\"\\ude00\\ud83d\"}",
        "{\"\\ud83d\":[]}",    "{\"a\":{\"b\":1,\"b\":1}}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_null(json_loads(texts[i], JSON_REJECT_DUPLICATES, NULL));
        if (!is_object(texts[i]))
            fail_msg("%s", texts[i]);
    }
}

static const char *const json_values[] = {
    "0",
    "-0",
    "12",
    "1.5",
    "1e5",
    "1E+5",
    "1e-5",
    "-1.25e10",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
    "\"\xc3\xa4\"",
    "\"\x7f\"",
    "[]",
    "[ ]",
    "{}",
    "{ }",
    "[1,2]",
    "[[],[[]]]",
    "{\"x\":{\"y\":[{}]},\"z\":1}",
    "[{\"x\":[1]},[2]]",
    " 1 ",
    "\n1\t",
    "\"\\ud83d\\ude00\"",
};
static const char *const other_values[] = {
    "",
    " ",
    "01",
    "-",
    "-a",
    "+1",
    "1.",
    ".5",
    "1e",
    "1e+",
    "1.e5",
    "0x1",
    "1a",
    "Infinity",
    "NaN",
    "True",
    "tru",
    "truex",
    "nul",
    "'a'",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u\"",
    "\"\\",
    "\"\t\"",
    "\"\n\"",
    "\"\xff\"",
    "\"\xc3\"",
    "\"\xed\xa0\xbd\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{\"x\":1]",
    "{\"x\"}",
    "{\"x\":}",
    "{\"x\":1,}",
    "{x:1}",
    "{1:1}",
    "{\"x\" 1}",
    "{,}",
    "[1]]",
    "{\"x\":[}]",
    "1,",
    "1 2",
    "\f1",
    "\x0b",
    "\xc2\xa0",
    "/**/1",
    ("\xef\xbb\xbf"
     "1"),
};

/* jansson is asked, too: both agree on everything that it can represent. */
static void expect_member(const char *value, bool is_json)
{
    char text[128];
    json_t *tree;

    (void)snprintf(text, sizeof(text), "{\"v\":%s}", value);
    tree = json_loads(text, 0, NULL);
    if (is_object(text) != is_json || (tree != NULL) != is_json)
        fail_msg("%s", text);
    json_decref(tree);
}

static void agrees_with_jansson_on_the_syntax(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_values); i++)
        expect_member(json_values[i], true);
    for (size_t i = 0; i < ARRAY_LEN(other_values); i++)
        expect_member(other_values[i], false);
}

static void accepts_only_one_object(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "\"a\"",
        "[]",
        "[{}]",
        "null",
        "{",
        "}",
        "{}}",
        "{}{}",
        "{},",
        "{} x",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{a:1}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\"1}",
        "{\"a\":1 \"b\":2}",
        "\xef\xbb\xbf{}",
    };

    (void)state;
    assert_true(is_object("{}"));
    assert_true(is_object(" {\t}\r\n"));
    assert_false(json_pick((struct str){ NULL, 0 }, NULL, 0));
    assert_false(json_pick(STR("{}\0"), NULL, 0));
    assert_false(json_pick(STR("{\"a\":79\0}"), NULL, 0)); /* jansson skips the NUL */
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (is_object(texts[i]))
            fail_msg("%s", texts[i]);
    }
}

/* Every prefix of a text is incomplete, and is read no further than its end. */
static void refuses_every_prefix(void **state)
{
    static const char text[] =
        "{\"a\\u00e4\":[1.5e+3,true,{\"b\":\"\\ud83d\\n\"},null,[]],\"c\":{\"d\":-0}}";

    (void)state;
    assert_true(is_object(text));
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        char *copy = malloc(n ? n : 1); /* of exactly that size: a sanitizer sees one byte more */

        memcpy(copy, text, n);
        if (json_pick(str_make(copy, n), NULL, 0))
            fail_msg("%.*s", (int)n, text);
        free(copy);
    }
}

static bool is_nested(size_t depth, char open, const char *middle, char close)
{
    struct buf text = { 0 };
    bool is_fine;

    buf_add_str(&text, STR("{\"v\":"));
    for (size_t i = 0; i < depth; i++)
        buf_addf(&text, open == '{' ? "{\"x\":" : "[");
    buf_addf(&text, "%s", middle);
    for (size_t i = 0; i < depth; i++)
        buf_add_char(&text, close);
    buf_add_char(&text, '}');
    is_fine = json_pick(buf_str(&text), NULL, 0);
    buf_done(&text);
    return is_fine;
}

static void limits_nesting(void **state)
{
    (void)state;
    assert_true(is_nested(JSON_PICK_DEPTH, '[', "1", ']'));
    assert_true(is_nested(JSON_PICK_DEPTH, '{', "1", '}'));
    assert_false(is_nested(JSON_PICK_DEPTH + 1, '[', "1", ']'));
    assert_false(is_nested(JSON_PICK_DEPTH + 1, '[', "", ']'));
    assert_false(is_nested(JSON_PICK_DEPTH + 1, '{', "1", '}'));
    assert_false(is_nested(100000, '[', "", ']'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_members_by_name),
        cmocka_unit_test(counts_duplicates_in_every_spelling),
        cmocka_unit_test(passes_over_what_jansson_cannot_represent),
        cmocka_unit_test(agrees_with_jansson_on_the_syntax),
        cmocka_unit_test(accepts_only_one_object),
        cmocka_unit_test(refuses_every_prefix),
        cmocka_unit_test(limits_nesting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
