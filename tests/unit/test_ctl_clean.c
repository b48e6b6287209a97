#include "ctl/term/clean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "proto/utf8.h"
#include "support/assert_str.h"

#define T(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }

static void spells_out_what_drives_a_terminal(void **state)
{
    static const struct {
        struct str text;
        const char *want;
    } cases[] = {
        { T(""), "" },
        { T("plain \\x1b \"text\""), "plain \\x1b \"text\"" },
        { T("\x1b[2J\x1b]0;title\a"), "\\x1b[2J\\x1b]0;title\\x07" },
        { T("a\0b\r\x7f"), "a\\x00b\\x0d\\x7f" },
        { { "\xc2\x9b"
            "31m\xc2\x80\xc2\x9f",
            9 },
          "\\x9b31m\\x80\\x9f" }, /* C1 */
        { T("\xc2\xa0"), "\xc2\xa0" },
        { { "\xe2\x80\xae"
            "evil\xe2\x80\xac",
            10 },
          "\\u202eevil\\u202c" },
        { T("\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"),
          "\\u2066\\u2069\\u200e\\u200f\\u061c" },
        { T("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029" },
        { T("\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"), "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d" },
        { T("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80" },
        { T("\xe2\x80\x8d"), "\xe2\x80\x8d" }, /* joins emoji */
        { { "\xff"
            "a\x80",
            3 },
          "\\xffa\\x80" },
        { T("\xe2\x80"), "\\xe2\\x80" },
        { T("\xc0\x9b"), "\\xc0\\x9b" },                   /* overlong */
        { T("\xed\xa0\x80"), "\\xed\\xa0\\x80" },          /* half of a surrogate pair */
        { T("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        clean_add(&out, cases[i].text, true);
        assert_str(buf_str(&out), cases[i].want);
        buf_done(&out);
    }
}

static void keeps_line_breaks_unless_it_must_be_one_line(void **state)
{
    struct buf out = { 0 };

    (void)state;
    clean_add(&out, STR("a\tb\nc\r"), false);
    assert_str(buf_str(&out), "a\tb\nc\\x0d");
    buf_clear(&out);
    clean_add(&out, STR("a\tb\nc"), true);
    assert_str(buf_str(&out), "a\\tb\\nc");
    buf_done(&out);
}

/* For any input, the result is UTF-8 and has none of the bytes that begin a sequence. */
static void is_safe_for_all_pairs_of_bytes(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            const char text[] = { (char)a, (char)b };
            struct buf out = { 0 };

            clean_add(&out, str_make(text, 2), true);
            assert_true(utf8_is_valid(buf_str(&out)));
            for (size_t i = 0; i < buf_used(&out); i++) {
                assert_true((unsigned char)buf_head(&out)[i] >= 0x20);
                assert_true(buf_head(&out)[i] != 0x7f);
            }
            buf_done(&out);
        }
    }
}

static void cuts_between_characters(void **state)
{
    (void)state;
    assert_int_equal(clean_cut(STR("abc"), 2), 2);
    assert_int_equal(clean_cut(STR("abc"), 3), 3);
    assert_int_equal(clean_cut(STR("abc"), 9), 3);
    assert_int_equal(clean_cut(STR("\xc3\xa4\xc3\xb6"), 1), 2);
    assert_int_equal(clean_cut(STR(""), 1), 0);
    assert_int_equal(clean_cut(STR("\xe6\xbc\xa2\xe5\xad\x97"), 3), 3); /* two columns each */
    assert_int_equal(clean_cut(STR("\xe6\xbc\xa2\xe5\xad\x97"), 4), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spells_out_what_drives_a_terminal),
        cmocka_unit_test(keeps_line_breaks_unless_it_must_be_one_line),
        cmocka_unit_test(is_safe_for_all_pairs_of_bytes),
        cmocka_unit_test(cuts_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
