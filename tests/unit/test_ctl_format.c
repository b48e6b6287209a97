/* test_ctl_format.c - messages after a pattern. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "ctl/pubsub/format.h"
#include "ctl/term/clean.h"

static const struct format_message hello = {
    .id = { "1796041805123-4", 15 },
    .topic = { "a/b", 3 },
    .text = { "Hello", 5 },
    .origin = { "alice", 5 },
};

static void assert_text(struct buf *got, struct str want)
{
    assert_int_equal(buf_used(got), want.n);
    assert_memory_equal(buf_head(got), want.p, want.n);
    buf_done(got);
}

static void follows_the_pattern(void **state)
{
    static const struct {
        struct str pattern, want;
    } cases[] = {
        { STR("%i %T %t %m"), STR("1796041805123-4 2026-11-30T12:30:05.123Z a/b Hello\n") },
        { STR("%o: %m"), STR("alice: Hello\n") },
        { STR("100%% \\\\ a\\tb\\nc"), STR("100% \\ a\tb\nc\n") },
        { STR("%m\\0"), STR("Hello\0\n") },
        { STR("plain"), STR("plain\n") },
        { STR(""), STR("\n") },
        { STR("%%m%%"), STR("%m%\n") },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = { 0 };

        assert_null(format_check(cases[i].pattern));
        format_add(&out, cases[i].pattern, &hello, false);
        assert_text(&out, cases[i].want);
    }
}

static void prints_nothing_for_what_a_message_lacks(void **state)
{
    struct format_message bare = { .id = STR("no id"), .topic = STR("a"), .text = STR("x") };
    struct buf out = { 0 };

    (void)state;
    format_add(&out, STR("[%o][%T]%m"), &bare, false);
    assert_text(&out, STR("[][]x\n"));
}

static void cleans_the_fields_but_not_the_pattern(void **state)
{
    struct format_message evil = {
        .id = STR("5-0"),
        .topic = STR("a"),
        .text = STR("\x1b[2J two\nlines \xc2\x9b \xe2\x80\xae"),
        .origin = STR("\x07"),
    };
    struct buf out = { 0 };

    (void)state;
    format_add(&out, STR("\x1b[1m%o %m"), &evil, true);
    assert_text(&out, STR("\x1b[1m\\x07 \\x1b[2J two\nlines \\x9b \\u202e\n"));
    format_add(&out, STR("%m"), &evil, false);
    assert_text(&out, STR("\x1b[2J two\nlines \xc2\x9b \xe2\x80\xae\n"));
}

static void escapes_in_json_what_could_drive_a_terminal(void **state)
{
    struct buf out = { 0 };

    (void)state;
    clean_add_json(
        &out, STR("{\"a\": \"\\u001b \x7f \xc2\x9b \xe2\x80\xae \xc3\xa4 \xf0\x9f\x98\x80\"}\n"));
    assert_text(&out,
                STR("{\"a\": \"\\u001b \\u007f \\u009b \\u202e \xc3\xa4 \xf0\x9f\x98\x80\"}\n"));
}

static void refuses_wrong_patterns(void **state)
{
    static const char *const cases[] = { "%", "%x", "%m %", "\\", "\\x", "a\\", "%I", "%\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_non_null(format_check(str_of(cases[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_pattern),
        cmocka_unit_test(prints_nothing_for_what_a_message_lacks),
        cmocka_unit_test(cleans_the_fields_but_not_the_pattern),
        cmocka_unit_test(escapes_in_json_what_could_drive_a_terminal),
        cmocka_unit_test(refuses_wrong_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
