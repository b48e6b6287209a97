#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"
#include "proto/utf8.h"

static const struct {
    struct str text;
    bool want;
} cases[] = {
    { { "", 0 }, true },
    { STR("plain"), true },
    { { "a\0b", 3 }, true },
    { STR("sixteen bytes..\x7f"), true },
    { STR("\xc2\x80"), true },
    { STR("\xdf\xbf"), true },
    { STR("\xe0\xa0\x80"), true },
    { STR("\xed\x9f\xbf"), true },
    { STR("\xee\x80\x80"), true },
    { STR("\xef\xbf\xbf"), true },
    { STR("\xf0\x90\x80\x80"), true },
    { STR("\xf4\x8f\xbf\xbf"), true },
    { STR("eight by\xc3\xa9tes and on"), true },
    { STR("\x80"), false },
    { STR("\xbf"), false },
    { STR("\xc0\x80"), false },         /* overlong NUL */
    { STR("\xc1\xbf"), false },         /* overlong */
    { STR("\xe0\x9f\xbf"), false },     /* overlong */
    { STR("\xf0\x8f\xbf\xbf"), false }, /* overlong */
    { STR("\xed\xa0\x80"), false },     /* surrogate */
    { STR("\xed\xbf\xbf"), false },     /* surrogate */
    { STR("\xf4\x90\x80\x80"), false }, /* above U+10FFFF */
    { STR("\xf5\x80\x80\x80"), false },
    { STR("\xff"), false },
    { STR("\xc3("), false },
    { STR("\xe2\x82"), false }, /* ends in the middle */
    { STR("\xf0\x9f\x92"), false },
    { STR("eight by\xc3"), false },
    { STR("eight bytes and a bad \xa9 one"), false },
};

static void validates_whole_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (utf8_is_valid(cases[i].text) != cases[i].want)
            fail_msg("wrong result for case %zu: '%.*s'", i, STR_ARG(cases[i].text));
    }
}

static bool is_valid_cut(struct str s, size_t cut)
{
    uint32_t st = UTF8_START;

    return utf8_feed(&st, s.p, cut) && utf8_feed(&st, s.p + cut, s.n - cut) && st == UTF8_START;
}

static void gives_the_same_result_wherever_text_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].text.n; cut++) {
            if (is_valid_cut(cases[i].text, cut) != cases[i].want)
                fail_msg("wrong result for case %zu cut at %zu", i, cut);
        }
    }
}

/* The last byte of each prefix is wrong, whatever follows. */
static void refuses_at_the_first_wrong_byte(void **state)
{
    static const struct str prefixes[] = {
        STR("\xc0"),     STR("\xe0\x9f"),     STR("\xed\xa0"), STR("\xf0\x8f"),
        STR("\xf4\x90"), STR("\xe2\x82\x28"), STR("\xf5"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        uint32_t st = UTF8_START;

        assert_true(utf8_feed(&st, prefixes[i].p, prefixes[i].n - 1));
        assert_false(utf8_feed(&st, prefixes[i].p + prefixes[i].n - 1, 1));
    }
}

/* Of all strings of three bytes, 128^3 are ASCII, 2*128*1920 contain one character of two bytes,
 * and 61440 are one character of three (U+0800..U+FFFF without the 2048 surrogates). */
static void counts_the_valid_strings_of_three_bytes(void **state)
{
    size_t n_valid = 0;

    (void)state;
    for (uint32_t v = 0; v < 1u << 24; v++) {
        char text[3] = { (char)(v >> 16), (char)(v >> 8), (char)v };

        n_valid += utf8_is_valid(str_make(text, sizeof(text)));
    }
    assert_int_equal(n_valid, 128 * 128 * 128 + 2 * 128 * 1920 + 61440);
}

static void accepts_exactly_the_valid_four_byte_patterns(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp < 1u << 21; cp++) {
        char text[4] = { (char)(0xf0 | cp >> 18), (char)(0x80 | (cp >> 12 & 0x3f)),
                         (char)(0x80 | (cp >> 6 & 0x3f)), (char)(0x80 | (cp & 0x3f)) };

        if (utf8_is_valid(str_make(text, sizeof(text))) != (cp >= 0x10000 && cp <= 0x10ffff))
            fail_msg("wrong result for U+%X", (unsigned)cp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validates_whole_texts),
        cmocka_unit_test(gives_the_same_result_wherever_text_is_cut),
        cmocka_unit_test(refuses_at_the_first_wrong_byte),
        cmocka_unit_test(counts_the_valid_strings_of_three_bytes),
        cmocka_unit_test(accepts_exactly_the_valid_four_byte_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
