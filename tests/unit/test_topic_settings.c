#include "hub/topic_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "hub/topic.h"

#define MAX_SIZE 65536

static struct topic_settings *parse(const char *text)
{
    struct topic_settings *s = NULL;
    struct buf why = { 0 };

    if (topic_settings_parse(str_of(text), MAX_SIZE, &s, &why) != EH_OK)
        fail_msg("%s: %.*s", text, STR_ARG(buf_str(&why)));
    assert_int_equal(buf_used(&why), 0);
    return s;
}

static void assert_setting(const struct topic_settings *s, const char *topic,
                           struct topic_setting want)
{
    struct topic_setting got = topic_settings_find(s, str_of(topic));

    if (memcmp(&got, &want, sizeof(got)) != 0)
        fail_msg("%s: %u %u %u", topic, (unsigned)got.max_length, (unsigned)got.ttl_s,
                 (unsigned)got.max_size);
}

static void reads_values_comments_and_blank_lines(void **state)
{
    struct topic_settings *s = parse("# pattern max_length ttl max_message_size\n"
                                     "\n"
                                     "  # a note\r\n"
                                     "\ta/b \t 5  60   4k \r\n"
                                     "#c 1 2 3\n"
                                     "# 1 2 three\n"
                                     "a/+ - - -\n"
                                     "a/# 1000000000 31536000 64K");

    (void)state;
    assert_int_equal(topic_settings_count(s), 3);
    assert_setting(s, "a/b", (struct topic_setting){ 5, 60, 4096 });
    assert_setting(s, "a/c", (struct topic_setting){ 0 });
    assert_setting(s, "a", (struct topic_setting){ 1000000000, 31536000, MAX_SIZE });
    assert_setting(s, "a/b/c", (struct topic_setting){ 1000000000, 31536000, MAX_SIZE });
    assert_setting(s, "b", (struct topic_setting){ 0 });
    topic_settings_unref(s);
    topic_settings_unref(NULL);
}

static void accepts_a_file_without_settings(void **state)
{
    static const char *const texts[] = { "", "\n\n", "# nothing", "\r\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct topic_settings *s = parse(texts[i]);

        assert_int_equal(topic_settings_count(s), 0);
        assert_setting(s, "a", (struct topic_setting){ 0 });
        topic_settings_unref(s);
    }
}

static void refuses_a_line_with_a_mistake(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "a 1 2", "1: a line must have four words" },
        { "a 1 2 3 4", "1: a line must have four words" },
        { "\n\n a", "3: a line must have four words" },
        { "a 1 2 3 # note", "1: a line must have four words" },
        { "/a 1 2 3", "1: the first word must be a valid topic or pattern" },
        { "a/#/b 1 2 3", "1: the first word must be a valid topic or pattern" },
        { "a\xff 1 2 3", "1: the first word must be a valid topic or pattern" },
        { "# 1 2 3", "1: a line that begins with # is a comment: for all topics" },
        { "a 0 2 3", "1: max_length must be a number from 1 to 1000000000, or -" },
        { "a -1 2 3", "1: max_length must be" },
        { "a -- 2 3", "1: max_length must be" },
        { "a 1k 2 3", "1: max_length must be" },
        { "a 1000000001 2 3", "1: max_length must be" },
        { "a 99999999999999999999 2 3", "1: max_length must be" },
        { "a 1 0 3", "1: ttl must be a number of seconds from 1 to 31536000, or -" },
        { "a 1 31536001 3", "1: ttl must be" },
        { "a 1 1h 3", "1: ttl must be" },
        { "a 1 2 0", "1: max_message_size must be a size in bytes" },
        { "a 1 2 65537", "1: max_message_size must be" },
        { "a 1 2 65k", "1: max_message_size must be" },
        { "a 1 2 k", "1: max_message_size must be" },
        { "a 1 2 18446744073709551615g", "1: max_message_size must be" },
        { "b - - -\na 1 2 3\n\na 1 2 4", "4: the pattern is already on line 2" },
        { "a/+ 1 2 3\n+/b - - -\na/+ 1 2 3", "3: the pattern is already on line 1" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct topic_settings *s = NULL;
        struct buf why = { 0 };

        assert_int_equal(topic_settings_parse(str_of(cases[i].text), MAX_SIZE, &s, &why),
                         EH_EINVAL);
        assert_null(s);
        if (!str_starts_with(buf_str(&why), str_of(cases[i].why)))
            fail_msg("%s: %.*s", cases[i].text, STR_ARG(buf_str(&why)));
        buf_done(&why);
    }
}

static void bounds_the_number_of_patterns(void **state)
{
    struct buf text = { 0 }, why = { 0 };
    struct topic_settings *s = NULL;

    (void)state;
    for (int i = 0; i < TOPIC_SETTINGS_MAX; i++)
        buf_addf(&text, "t/%d %d - -\n", i, i + 1);
    assert_int_equal(topic_settings_parse(buf_str(&text), MAX_SIZE, &s, &why), EH_OK);
    assert_int_equal(topic_settings_count(s), TOPIC_SETTINGS_MAX);
    assert_setting(s, "t/999", (struct topic_setting){ .max_length = 1000 });
    topic_settings_unref(s);
    buf_addf(&text, "# a comment\nt/more - - -\n");
    assert_int_equal(topic_settings_parse(buf_str(&text), MAX_SIZE, &s, &why), EH_EINVAL);
    assert_true(str_eq(buf_str(&why), STR("1002: there may be at most 1000 patterns")));
    buf_done(&text);
    buf_done(&why);
}

/* The line numbers are the max_lengths. */
static void the_narrowest_pattern_counts(void **state)
{
    static const char text[] = "+/#       1 - -\n"
                               "a/#       2 - -\n"
                               "a/+       3 - -\n"
                               "a/b       4 - -\n"
                               "+/b       5 - -\n"
                               "a/+/c     6 - -\n"
                               "a/b/#     7 - -\n"
                               "+/b/c     8 - -\n"
                               "a         9 - -\n";
    static const struct {
        const char *topic;
        uint64_t line;
    } cases[] = {
        { "a", 9 },     { "b", 1 },     { "a/b", 4 },   { "a/x", 3 },     { "x/b", 5 },
        { "x/y", 1 },   { "a/b/c", 7 }, { "a/x/c", 6 }, { "x/b/c", 8 },   { "a/x/y", 2 },
        { "a/b/y", 7 }, { "x/b/y", 1 }, { "aa/b", 5 },  { "a/b/c/d", 7 },
    };
    struct topic_settings *s = parse(text);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_setting(s, cases[i].topic, (struct topic_setting){ .max_length = cases[i].line });
    topic_settings_unref(s);
}

/* ---- against a model ---- */

#define PATTERNS 12

static size_t below(size_t n)
{
    return (size_t)rand() % n;
}

static void random_filter(char *out, bool has_wildcards)
{
    size_t levels = 1 + below(4);

    *out = '\0';
    for (size_t i = 0; i < levels; i++) {
        const char *level = below(2) ? "a" : "b";

        if (has_wildcards && below(3) == 0)
            level = i + 1 == levels && below(2) ? "#" : "+";
        (void)sprintf(out + strlen(out), "%s%s", i ? "/" : "", level);
    }
}

static bool is_known(char names[][16], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], names[n]) == 0)
            return true;
    }
    return strcmp(names[n], "#") == 0;
}

/* The pattern found matches; no other one that matches is truly narrower; and the order of the lines
 * does not matter. */
static void finds_what_a_search_of_all_lines_finds(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 3000; round++) {
        struct buf forth = { 0 }, back = { 0 };
        struct topic_settings *s, *same;
        char names[PATTERNS][16], topic[16];
        struct topic_setting got, again;
        size_t n = 0, n_matching = 0;

        for (size_t i = 0; i < PATTERNS; i++) {
            random_filter(names[n], true);
            n += !is_known(names, n);
        }
        for (size_t i = 0; i < n; i++) {
            buf_addf(&forth, "%s %zu - -\n", names[i], i + 1);
            buf_addf(&back, "%s %zu - -\n", names[n - 1 - i], n - i);
        }
        buf_add_char(&forth, '\0');
        buf_add_char(&back, '\0');
        s = parse(buf_head(&forth));
        same = parse(buf_head(&back));
        random_filter(topic, false);
        got = topic_settings_find(s, str_of(topic));
        again = topic_settings_find(same, str_of(topic));
        assert_int_equal(got.max_length, again.max_length);
        for (size_t i = 0; i < n; i++) {
            struct str other = str_of(names[i]), found;

            if (!filter_matches(other, str_of(topic)))
                continue;
            n_matching++;
            assert_in_range(got.max_length, 1, n);
            found = str_of(names[got.max_length - 1]);
            assert_true(filter_matches(found, str_of(topic)));
            assert_false(filter_covers(found, other) && !filter_covers(other, found));
        }
        assert_int_equal(got.max_length > 0, n_matching > 0);
        topic_settings_unref(s);
        topic_settings_unref(same);
        buf_done(&forth);
        buf_done(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values_comments_and_blank_lines),
        cmocka_unit_test(accepts_a_file_without_settings),
        cmocka_unit_test(refuses_a_line_with_a_mistake),
        cmocka_unit_test(bounds_the_number_of_patterns),
        cmocka_unit_test(the_narrowest_pattern_counts),
        cmocka_unit_test(finds_what_a_search_of_all_lines_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
