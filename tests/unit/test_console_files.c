#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/http/console_files.h"
#include "base/array.h"

static void finds_the_page(void **state)
{
    const struct console_file *page = console_file_find(STR(""));

    (void)state;
    assert_non_null(page);
    assert_string_equal(page->type, "text/html; charset=utf-8");
    assert_true(str_starts_with(page->plain.bytes, STR("<!doctype html>\n")));
}

static void tags_each_encoding_with_its_own_tag(void **state)
{
    const struct console_file *page = console_file_find(STR(""));

    (void)state;
    assert_int_equal(page->plain.tag[0], '"');
    assert_int_equal(page->plain.tag[strlen(page->plain.tag) - 1], '"');
    assert_true(page->gzip.bytes.n > 0 && page->gzip.bytes.n < page->plain.bytes.n);
    assert_string_not_equal(page->plain.tag, page->gzip.tag);
}

static void keeps_no_time_and_no_name_in_gzip(void **state)
{
    static const char head[] = { 0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0 }; /* RFC 1952 2.3 */
    const struct console_file *page = console_file_find(STR(""));

    (void)state;
    assert_memory_equal(page->gzip.bytes.p, head, sizeof(head));
}

static void finds_nothing_else(void **state)
{
    static const char *const paths[] = {
        "index.html", "/",           "..",       "../metrics", "./",           "js/app.js/",
        "js/App.js",  "js/app%2ejs", "%2e%2e/x", "js/app.js ", "js/app.js%00", "js/app.js/..",
        "socket",
    };

    (void)state;
    assert_non_null(console_file_find(STR("js/app.js")));
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (console_file_find(str_of(paths[i])))
            fail_msg("there is a file '%s'", paths[i]);
    }
    assert_null(console_file_find(str_make("js/app.js\0", 8)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_page),
        cmocka_unit_test(tags_each_encoding_with_its_own_tag),
        cmocka_unit_test(keeps_no_time_and_no_name_in_gzip),
        cmocka_unit_test(finds_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
