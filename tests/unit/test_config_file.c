#include "app/config/config_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"

static bool next(struct config_file *f, struct config_setting *ret, const char **ret_why)
{
    *ret_why = NULL;
    return config_file_next(f, ret, ret_why);
}

static void expect_setting(struct config_file *f, const char *name, const char *value, size_t line)
{
    struct config_setting got;
    const char *why;

    if (!next(f, &got, &why))
        fail_msg("%s: %s", name, why ? why : "the file ended");
    if (!str_eq(got.name, str_of(name)) || !str_eq(got.value, str_of(value)))
        fail_msg("want %s=%s, got %.*s=%.*s", name, value, STR_ARG(got.name), STR_ARG(got.value));
    assert_int_equal(f->line, line);
}

static void expect_end(struct config_file *f)
{
    struct config_setting got;
    const char *why;

    assert_false(next(f, &got, &why));
    assert_null(why);
}

static void expect_wrong(struct str text, const char *want, size_t line)
{
    struct config_file f = { .rest = text };
    struct config_setting got;
    const char *why;

    while (next(&f, &got, &why))
        ;
    if (!why)
        fail_msg("%.*s was accepted", STR_ARG(text));
    assert_string_equal(why, want);
    assert_int_equal(f.line, line);
    expect_end(&f); /* reading stops at an error */
}

static void parses_one_line(void **state)
{
    static const struct {
        const char *text, *name, *value;
    } cases[] = {
        { "a=b", "a", "b" },
        { "a = b", "a", "b" },
        { " \ta\t= \t b \t", "a", "b" },
        { "a=", "a", "" },
        { "a = \t", "a", "" },
        { "a = b c", "a", "b c" },
        { "a = b=c", "a", "b=c" },
        { "a = b # c", "a", "b" },
        { "a = b\t#", "a", "b" },
        { "a = b#c", "a", "b#c" },
        { "a = b#c #d #e", "a", "b#c" },
        { "a =#b", "a", "#b" },
        { "a = # b", "a", "" },
        { "a = \"b # c\"", "a", "b # c" },
        { "a = 'b # c' # d", "a", "b # c" },
        { "a = ' b '", "a", " b " },
        { "a=''", "a", "" },
        { "a = 'b\"c'", "a", "b\"c" },
        { "a = \"b'c\"\t# it's", "a", "b'c" },
        { "a = 'b\\n'", "a", "b\\n" },
        { "a = b'c'", "a", "b'c'" },
        { "a = b\r", "a", "b" },
        { "a = 'b'\r", "a", "b" },
        { "a = \xc3\xa9", "a", "\xc3\xa9" },
        { "\xef\xbb\xbf\x61 = b", "a", "b" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_file f = { .rest = str_of(cases[i].text) };

        expect_setting(&f, cases[i].name, cases[i].value, 1);
        expect_end(&f);
    }
}

static void counts_lines_and_skips_comments(void **state)
{
    struct config_file f = { .rest = STR("# first = comment\r\n"
                                         "\r\n"
                                         "a = 1\r\n"
                                         "  \t# indented = comment\n"
                                         "\n"
                                         "a = 2\n"
                                         "b = 3") };

    (void)state;
    expect_setting(&f, "a", "1", 3);
    expect_setting(&f, "a", "2", 6);
    expect_setting(&f, "b", "3", 7);
    expect_end(&f);
    expect_end(&f);
}

static void ignores_blank_lines_and_comments(void **state)
{
    static const char *const cases[] = { "",
                                         "\n",
                                         "\r\n\r\n",
                                         " ",
                                         "#",
                                         "# a = b",
                                         "\t#\n \n",
                                         "\xef\xbb\xbf",
                                         "\xef\xbb\xbf# a = b\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_file f = { .rest = str_of(cases[i]) };

        expect_end(&f);
    }
}

static void refuses_malformed_lines(void **state)
{
    static const struct {
        struct str text;
        const char *why;
        size_t line;
    } cases[] = {
        { { "a", 1 }, "must be name = value", 1 },
        { { "a # = b", 7 }, "must be name = value", 1 },
        { { "\n= b\nc = d", 10 }, "must be name = value", 2 },
        { { "a b = c", 7 }, "must be name = value", 1 },
        { { " \t = b", 6 }, "must be name = value", 1 },
        { { "a = 1\n[section]\n", 16 }, "must be name = value", 2 },
        { { "\n\xef\xbb\xbf\x61 = b", 9 }, "must be name = value", 2 },
        { { "a = 'b", 6 }, "has no closing quote", 1 },
        { { "a = 'b\"", 7 }, "has no closing quote", 1 },
        { { "a = 'b\nc'", 9 }, "has no closing quote", 1 },
        { { "a = '", 5 }, "has no closing quote", 1 },
        { { "a = 'b' c", 9 }, "continues after the closing quote", 1 },
        { { "a = 'b'c", 8 }, "continues after the closing quote", 1 },
        { { "a = 'b'#c", 9 }, "continues after the closing quote", 1 },
        { { "a = b\0c", 7 }, "holds a control character", 1 },
        { { "a = b\rc", 7 }, "holds a control character", 1 },
        { { "a = b\r\r\n", 8 }, "holds a control character", 1 },
        { { "# \x1b[0m", 6 }, "holds a control character", 1 },
        { { "a = \x7f", 5 }, "holds a control character", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_wrong(cases[i].text, cases[i].why, cases[i].line);
}

/* The line end does not count. */
static void limits_the_length_of_a_line(void **state)
{
    char *line = mem_alloc(CONFIG_LINE_MAX + 2);
    struct config_file f = { .rest = str_make(line, CONFIG_LINE_MAX + 1) };
    struct config_setting got;
    const char *why;

    (void)state;
    memset(line, 'x', CONFIG_LINE_MAX + 2);
    memcpy(line, "a=", 2);
    line[CONFIG_LINE_MAX] = '\n';
    assert_true(next(&f, &got, &why));
    assert_int_equal(got.value.n, CONFIG_LINE_MAX - 2);
    line[CONFIG_LINE_MAX] = 'x';
    line[CONFIG_LINE_MAX + 1] = '\n';
    expect_wrong(str_make(line, CONFIG_LINE_MAX + 2), "is longer than 8192 bytes", 1);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_one_line),
        cmocka_unit_test(counts_lines_and_skips_comments),
        cmocka_unit_test(ignores_blank_lines_and_comments),
        cmocka_unit_test(refuses_malformed_lines),
        cmocka_unit_test(limits_the_length_of_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
