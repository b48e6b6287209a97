#include "proto/json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

static void check(struct str in, struct str want)
{
    struct buf out = { 0 };

    json_add_string(&out, in);
    if (!str_eq(buf_str(&out), want))
        fail_msg("want %.*s, got %.*s", STR_ARG(want), STR_ARG(buf_str(&out)));
    buf_done(&out);
}

static void escapes_special_characters(void **state)
{
    static const struct {
        struct str in, want;
    } cases[] = {
        { { NULL, 0 }, STR("\"\"") },
        { STR(""), STR("\"\"") },
        { STR("a"), STR("\"a\"") },
        { STR("plain text of more than eight bytes"),
          STR("\"plain text of more than eight bytes\"") },
        { STR("say \"hi\""), STR("\"say \\\"hi\\\"\"") },
        { STR("back\\slash/slash"), STR("\"back\\\\slash/slash\"") },
        { STR("\b\f\n\r\t"), STR("\"\\b\\f\\n\\r\\t\"") },
        { STR("\0\1\x1f\x0b"), STR("\"\\u0000\\u0001\\u001f\\u000b\"") },
        { STR(" !#[]\x7f"), STR("\" !#[]\x7f\"") },
        { STR("bl\xc3\xa5 \xe2\x82\xac \xf0\x9f\x98\x80"),
          STR("\"bl\xc3\xa5 \xe2\x82\xac \xf0\x9f\x98\x80\"") },
        { STR("\xe2\x80\xa8\xe2\x80\xa9"), STR("\"\xe2\x80\xa8\xe2\x80\xa9\"") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(cases[i].in, cases[i].want);
}

static void appends_to_existing_text(void **state)
{
    struct buf out = { 0 };

    (void)state;
    buf_add_str(&out, STR("{\"k\":"));
    json_add_string(&out, STR("v\n"));
    buf_add_char(&out, '}');
    assert_str(buf_str(&out), "{\"k\":\"v\\n\"}");
    buf_done(&out);
}

static bool reads_back(struct str in)
{
    struct buf out = { 0 }, back = { 0 };
    json_t *v;
    bool is_same;

    json_add_string(&out, in);
    v = json_loadb(buf_head(&out), buf_used(&out), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    is_same = v && str_eq(str_make(json_string_value(v), json_string_length(v)), in);
    is_same = is_same && json_read_string(buf_str(&out), &back) == (int)buf_used(&out) &&
              str_eq(buf_str(&back), in);
    json_decref(v);
    buf_done(&back);
    buf_done(&out);
    return is_same;
}

/* The text spans several words: each byte of the word-wise scan must see each ASCII character. */
static void reads_back_every_character_at_every_place(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 20; at++) {
            char text[20];

            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            if (!reads_back(str_make(text, sizeof(text))))
                fail_msg("character %#x at %zu is not read back", (unsigned)c, at);
        }
    }
}

static void escapes_nothing_else(void **state)
{
    (void)state;
    for (int c = 0x20; c < 0x100; c++) {
        char text[9], want[11] = "\"";

        if (c == '"' || c == '\\')
            continue;
        memset(text, c, sizeof(text));
        memcpy(want + 1, text, sizeof(text));
        want[10] = '"';
        check(str_make(text, sizeof(text)), str_make(want, sizeof(want)));
    }
}

static void reads_back_random_texts(void **state)
{
    static const char *const pieces[] = { "a",        "\"",       "\\",
                                          "\n",       "",         "\x1f",
                                          "\xc2\x80", "/",        "\xf0\x9f\x98\x80",
                                          "\t",       "abcdefgh", "\x7f" };
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct buf text = { 0 };

        for (int i = 0; i < round % 40; i++) {
            random = random * 1664525 + 1013904223;
            buf_add_str(&text, str_of(pieces[(random >> 16) % ARRAY_LEN(pieces)]));
        }
        assert_true(reads_back(buf_str(&text)));
        buf_done(&text);
    }
}

/* --- json_read_string --- */

static void reads_strings(void **state)
{
    static const struct {
        struct str in, want;
        int used;
    } cases[] = {
        { STR("\"\""), STR(""), 2 },
        { STR("\"plain\",\"topic\":1"), STR("plain"), 7 },
        { STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), STR("\"\\/\b\f\n\r\t"), 18 },
        { STR("\"a\\u0000b\""), STR("a\0b"), 10 },
        { STR("\"\\u007f\\u0080\\u07FF\\u0800\\uffff\""),
          STR("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"), 32 },
        { STR("\"\\ud83d\\ude00\\uDBFF\\uDFFF\""), STR("\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"), 26 },
        { STR("\"\xe2\x82\xac as it is\""), STR("\xe2\x82\xac as it is"), 14 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };
        int used = json_read_string(cases[i].in, &out);

        assert_int_equal(json_read_string(cases[i].in, NULL), used);
        if (used != cases[i].used || !str_eq(buf_str(&out), cases[i].want))
            fail_msg("%.*s: used %d, got %.*s", STR_ARG(cases[i].in), used, STR_ARG(buf_str(&out)));
        buf_done(&out);
    }
}

static void refuses_malformed_strings(void **state)
{
    static const struct str cases[] = {
        { NULL, 0 },
        STR("x\""),
        STR("\""),
        STR("\"no end"),
        STR("\"no end\\\""),
        STR("\"\\"),
        STR("\"\\x41\""),
        STR("\"\\\0\""),
        STR("\"line\nfeed\""),
        STR("\"nul\0\""),
        STR("\"\\u12\""),
        STR("\"\\u12g4\""),
        STR("\"\\u 123\""),
        STR("\"\\u123"),
        STR("\"\\ud800\""),
        STR("\"\\ud800x\\udc00\""),
        STR("\"\\ud800\\ud800\""),
        STR("\"\\ud800\\u0041\""),
        STR("\"\\ud800\\n00000\""),
        STR("\"\\udc00\""),
        STR("\"\\udfff\\ud800\""),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        if (json_read_string(cases[i], &out) != EH_EINVAL ||
            json_read_string(cases[i], NULL) != EH_EINVAL)
            fail_msg("%.*s was accepted", STR_ARG(cases[i]));
        buf_done(&out);
    }
}

static void reads_every_bmp_escape_as_jansson_does(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 0x10000; c++) {
        char text[9];
        struct buf out = { 0 };
        json_t *v;
        int used;

        (void)snprintf(text, sizeof(text), "\"\\u%04x\"", c);
        v = json_loadb(text, 8, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        used = json_read_string(str_make(text, 8), &out);
        if (v ? used != 8 ||
                    !str_eq(buf_str(&out), str_make(json_string_value(v), json_string_length(v)))
              : used != EH_EINVAL)
            fail_msg("%s is not read as jansson does", text);
        json_decref(v);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_special_characters),
        cmocka_unit_test(appends_to_existing_text),
        cmocka_unit_test(reads_back_every_character_at_every_place),
        cmocka_unit_test(escapes_nothing_else),
        cmocka_unit_test(reads_back_random_texts),
        cmocka_unit_test(reads_strings),
        cmocka_unit_test(refuses_malformed_strings),
        cmocka_unit_test(reads_every_bmp_escape_as_jansson_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
