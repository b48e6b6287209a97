#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"

static void assert_str(struct str got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void compares_with_and_without_case(void **state)
{
    static const struct {
        struct str a, b;
        bool eq, eq_nocase;
    } cases[] = {
        { { "abc", 3 }, { "abc", 3 }, true, true },
        { { "abc", 3 }, { "aBC", 3 }, false, true },
        { { "abc", 3 }, { "ab", 2 }, false, false },
        { { "abc", 3 }, { "abd", 3 }, false, false },
        { { "", 0 }, { NULL, 0 }, true, true },
        { { "a\0b", 3 }, { "a\0c", 3 }, false, false },
        { { "a\0b", 3 }, { "A\0B", 3 }, false, true },
        { { "[", 1 }, { "{", 1 }, false, false }, /* 0x20 apart, but not letters */
        { { "@", 1 }, { "`", 1 }, false, false },
        { { "\xc3\x84", 2 }, { "\xc3\xa4", 2 }, false, false }, /* ASCII only */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(str_eq(cases[i].a, cases[i].b), cases[i].eq);
        assert_int_equal(str_eq(cases[i].b, cases[i].a), cases[i].eq);
        assert_int_equal(str_eq_nocase(cases[i].a, cases[i].b), cases[i].eq_nocase);
        assert_int_equal(str_eq_nocase(cases[i].b, cases[i].a), cases[i].eq_nocase);
    }
}

static void compares_byte_by_byte(void **state)
{
    static const struct str sorted[] = {
        { NULL, 0 }, { "\0", 1 },   { "-", 1 },    { "a", 1 },    { "a\0", 2 },
        { "a-", 2 }, { "a/", 2 },   { "a/b", 3 },  { "a0", 2 },   { "ab", 2 },
        { "b", 1 },  { "\x7f", 1 }, { "\x80", 1 }, { "\xff", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
        for (size_t k = 0; k < ARRAY_LEN(sorted); k++) {
            int cmp = str_cmp(sorted[i], sorted[k]);

            assert_int_equal((cmp > 0) - (cmp < 0), (i > k) - (i < k));
        }
    }
}

static void finds_and_skips_prefixes(void **state)
{
    (void)state;
    assert_true(str_starts_with(STR("abc"), STR("ab")));
    assert_true(str_starts_with(STR("abc"), STR("abc")));
    assert_true(str_starts_with(STR("abc"), str_make(NULL, 0)));
    assert_false(str_starts_with(STR("abc"), STR("abcd")));
    assert_false(str_starts_with(STR("abc"), STR("b")));
    assert_true(str_starts_with_nocase(STR("aBc"), STR("Ab")));
    assert_true(str_starts_with_nocase(STR("aBc"), STR("AbC")));
    assert_true(str_starts_with_nocase(str_make(NULL, 0), STR("")));
    assert_false(str_starts_with_nocase(STR("abc"), STR("abcd")));
    assert_false(str_starts_with_nocase(STR("abc"), STR("b")));
    assert_str(str_skip(STR("abc"), 2), "c");
    assert_str(str_skip(STR("abc"), 3), "");
}

static void trims_blanks(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "" },          { " \t ", "" },       { "a", "a" },
        { " a b\t", "a b" }, { "\na\n", "\na\n" }, { "a  ", "a" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(str_trim(str_of(cases[i].in)), cases[i].out);
    assert_int_equal(str_trim(str_make(NULL, 0)).n, 0);
}

static void cuts_at_each_separator(void **state)
{
    struct str rest = STR("a//b/"), head;

    (void)state;
    assert_true(str_cut(&rest, '/', &head));
    assert_str(head, "a");
    assert_true(str_cut(&rest, '/', &head));
    assert_str(head, "");
    assert_true(str_cut(&rest, '/', &head));
    assert_str(head, "b");
    assert_true(str_cut(&rest, '/', &head)); /* the text after the last separator is empty */
    assert_str(head, "");
    assert_false(str_cut(&rest, '/', &head));
    assert_null(rest.p);
}

static void cuts_once_without_a_separator(void **state)
{
    struct str rest = STR("abc"), head;

    (void)state;
    assert_true(str_cut(&rest, ',', &head));
    assert_str(head, "abc");
    assert_false(str_cut(&rest, ',', &head));
    rest = STR("");
    assert_true(str_cut(&rest, ',', &head));
    assert_int_equal(head.n, 0);
    assert_false(str_cut(&rest, ',', &head));
}

static void parses_unsigned_numbers(void **state)
{
    static const struct {
        const char *in;
        int rc;
        uint64_t value;
    } cases[] = {
        { "0", EH_OK, 0 },
        { "007", EH_OK, 7 },
        { "18446744073709551615", EH_OK, UINT64_MAX },
        { "18446744073709551616", EH_ELIMIT, 0 },
        { "99999999999999999999999", EH_ELIMIT, 0 },
        { "99999999999999999999x", EH_EINVAL, 0 },
        { "", EH_EINVAL, 0 },
        { "+1", EH_EINVAL, 0 },
        { "-1", EH_EINVAL, 0 },
        { " 1", EH_EINVAL, 0 },
        { "1 ", EH_EINVAL, 0 },
        { "1.0", EH_EINVAL, 0 },
        { "0x10", EH_EINVAL, 0 },
        { "1e3", EH_EINVAL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 12345;

        assert_int_equal(str_parse_u64(str_of(cases[i].in), &v), cases[i].rc);
        assert_int_equal(v,
                         cases[i].rc == EH_OK ? cases[i].value : 12345); /* untouched on failure */
    }
    assert_int_equal(str_parse_u64(str_make("1\0", 2), &(uint64_t){ 0 }), EH_EINVAL);
}

static void parses_signed_numbers(void **state)
{
    static const struct {
        const char *in;
        int rc;
        int64_t value;
    } cases[] = {
        { "0", EH_OK, 0 },
        { "-0", EH_OK, 0 },
        { "-1", EH_OK, -1 },
        { "9223372036854775807", EH_OK, INT64_MAX },
        { "9223372036854775808", EH_ELIMIT, 0 },
        { "-9223372036854775808", EH_OK, INT64_MIN },
        { "-9223372036854775809", EH_ELIMIT, 0 },
        { "18446744073709551615", EH_ELIMIT, 0 },
        { "-18446744073709551616", EH_ELIMIT, 0 },
        { "", EH_EINVAL, 0 },
        { "-", EH_EINVAL, 0 },
        { "--1", EH_EINVAL, 0 },
        { "1-", EH_EINVAL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = 12345;

        assert_int_equal(str_parse_i64(str_of(cases[i].in), &v), cases[i].rc);
        assert_true(v == (cases[i].rc == EH_OK ? cases[i].value : 12345));
    }
}

static void parses_sizes(void **state)
{
    static const struct {
        const char *in;
        int rc;
        uint64_t value;
    } cases[] = {
        { "0", EH_OK, 0 },
        { "7", EH_OK, 7 },
        { "500", EH_OK, 500 },
        { "1k", EH_OK, 1024 },
        { "3K", EH_OK, 3072 },
        { "64k", EH_OK, 65536 },
        { "2m", EH_OK, 2097152 },
        { "1M", EH_OK, 1048576 },
        { "1g", EH_OK, 1073741824 },
        { "2G", EH_OK, UINT64_C(2147483648) },
        { "17179869183G", EH_OK, 17179869183u * UINT64_C(1073741824) },
        { "17179869184G", EH_ELIMIT, 0 },
        { "18446744073709551616", EH_ELIMIT, 0 },
        { "99999999999999999999", EH_ELIMIT, 0 },
        { "", EH_EINVAL, 0 },
        { "k", EH_EINVAL, 0 },
        { "1kb", EH_EINVAL, 0 },
        { "1kk", EH_EINVAL, 0 },
        { "1 k", EH_EINVAL, 0 },
        { "1t", EH_EINVAL, 0 },
        { "-1k", EH_EINVAL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t v = 12345;

        assert_int_equal(str_parse_size(str_of(cases[i].in), &v), cases[i].rc);
        assert_true(v == (cases[i].rc == EH_OK ? cases[i].value : 12345));
    }
}

static void formats_numbers(void **state)
{
    const struct {
        uint64_t number;
        const char *text;
    } cases[] = { { 0, "0" }, { 9, "9" }, { 10, "10" }, { UINT64_MAX, "18446744073709551615" } };
    char out[STR_U64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = str_format_u64(cases[i].number, out);

        assert_true(str_eq(str_make(out, n), str_of(cases[i].text)));
    }
}

static void copies_printable_text(void **state)
{
    static const struct {
        const char *from;
        size_t size;
        const char *want;
    } cases[] = {
        { "events-1", 9, "events-1" },
        { "events-1", 8, "events-" },
        { "ev\xff\x80nts\n~ ", 20, "ev??nts?~ " },
        { "f\xc3\xbcr", 20, "f??r" },
        { "\xc3\xbcr", 2, "?" },
        { "a", 1, "" },
        { "", 5, "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char to[20];

        str_copy_printable(to, cases[i].size, cases[i].from);
        assert_string_equal(to, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_numbers),
        cmocka_unit_test(compares_with_and_without_case),
        cmocka_unit_test(compares_byte_by_byte),
        cmocka_unit_test(finds_and_skips_prefixes),
        cmocka_unit_test(trims_blanks),
        cmocka_unit_test(copies_printable_text),
        cmocka_unit_test(cuts_at_each_separator),
        cmocka_unit_test(parses_signed_numbers),
        cmocka_unit_test(parses_sizes),
        cmocka_unit_test(cuts_once_without_a_separator),
        cmocka_unit_test(parses_unsigned_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
