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

/* ---- json_read_string ---- */

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

static void reads_half_a_surrogate_pair_as_a_replacement_character(void **state)
{
    static const struct {
        struct str in, want;
        bool has_half;
    } cases[] = {
        { STR("\"a\\ud83d\""), STR("a\xef\xbf\xbd"), true },
        { STR("\"\\ude00\\ud83d\""), STR("\xef\xbf\xbd\xef\xbf\xbd"), true },
        { STR("\"\\ud83dA\\u0041\""),
          STR("\xef\xbf\xbd"
              "AA"),
          true },
        { STR("\"\\ud83d\\u0041\""),
          STR("\xef\xbf\xbd"
              "A"),
          true },
        { STR("\"\\ud83d\\n\""), STR("\xef\xbf\xbd\n"), true },
        { STR("\"\\ud83d\\ud83d\\ude00\""), STR("\xef\xbf\xbd\xf0\x9f\x98\x80"), true },
        { STR("\"\\ud83d\\ude00\""), STR("\xf0\x9f\x98\x80"), false },
        { STR("\"\\\\ud83d\""), STR("\\ud83d"), false },
    };
    static const struct str bad[] = {
        STR("\"\\ud83\""),
        STR("\"\\ud83d\\u12\""),
        STR("\"\\ud83d\\x\""),
        STR("\"\\ud83d"),
    };
    bool has_half = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        assert_int_equal(json_read_string_lossy(cases[i].in, &out, &has_half), cases[i].in.n);
        assert_true(str_eq(buf_str(&out), cases[i].want));
        assert_true(has_half == cases[i].has_half);
        buf_done(&out);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(json_read_string_lossy(bad[i], NULL, &has_half), EH_EINVAL);
}

/* ---- numbers ---- */

static void measures_numbers(void **state)
{
    static const struct {
        const char *in;
        int used; /* EH_EINVAL: refused */
    } cases[] = {
        { "0", 1 },           { "-0", 2 },          { "60", 2 },          { "60.0", 4 },
        { "6e1", 3 },         { "-6.25E-12", 9 },   { "6E+1,", 4 },       { "60 ", 2 },
        { "1-2", 1 },         { "1e5.5", 3 },       { "0x1", 1 },         { "", EH_EINVAL },
        { "-", EH_EINVAL },   { "+1", EH_EINVAL },  { "00", EH_EINVAL },  { "-01", EH_EINVAL },
        { ".5", EH_EINVAL },  { "1.", EH_EINVAL },  { "1.e", EH_EINVAL }, { "1e", EH_EINVAL },
        { "1e-", EH_EINVAL }, { "NaN", EH_EINVAL }, { " 1", EH_EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (json_read_number(str_of(cases[i].in)) != cases[i].used)
            fail_msg("%s", cases[i].in);
    }
}

static void reads_whole_numbers_in_any_spelling(void **state)
{
    static const struct {
        const char *json;
        bool is_whole, can_be_cut;
        int64_t n;
    } cases[] = {
        { "60", true, true, 60 },
        { "60.0", true, true, 60 },
        { "6e1", true, true, 60 },
        { "0.6E+2", true, true, 60 },
        { "6000e-2", true, true, 60 },
        { "-60.000", true, true, -60 },
        { "-0.0", true, true, 0 },
        { "1e18", true, true, INT64_C(1000000000000000000) },
        { "9223372036854775807", true, true, INT64_MAX },
        { "9223372036854774784.0", true, true, INT64_C(9223372036854774784) },
        { "-9223372036854775808.0", true, true, INT64_MIN },
        { "60.5", false, true, 60 },
        { "-60.9", false, true, -60 },
        { "1e-9", false, true, 0 },
        { "1574843571767.25", false, true, INT64_C(1574843571767) },
        { "9223372036854775808.0", false, false, 7 },
        { "-9223372036854777856.0", false, false, 7 },
        { "1e300", false, false, 7 },
        { "-1e300", false, false, 7 },
        { "\"60\"", false, false, 7 },
        { "true", false, false, 7 },
        { "null", false, false, 7 },
        { "[60]", false, false, 7 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *v = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        int64_t whole = 7, cut = 7;

        assert_non_null(v);
        if (json_whole_number(v, &whole) != cases[i].is_whole ||
            json_cut_number(v, &cut) != cases[i].can_be_cut ||
            whole != (cases[i].is_whole ? cases[i].n : 7) || cut != cases[i].n)
            fail_msg("%s: %lld, %lld", cases[i].json, (long long)whole, (long long)cut);
    }
    assert_false(json_whole_number(NULL, &(int64_t){ 0 }));
    assert_false(json_cut_number(NULL, &(int64_t){ 0 }));
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
        cmocka_unit_test(reads_half_a_surrogate_pair_as_a_replacement_character),
        cmocka_unit_test(measures_numbers),
        cmocka_unit_test(reads_whole_numbers_in_any_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
