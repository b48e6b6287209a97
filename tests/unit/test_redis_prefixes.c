#include "broker/redis/redis_prefixes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"

static void finds_the_prefix_of_a_pattern(void **state)
{
    static const struct {
        const char *pattern, *want;
    } rows[] = {
        { "#", "" },
        { "+", "" },
        { "+/a", "" },
        { "a/#", "a/" },
        { "a/+", "a/" },
        { "a/+/c", "a/" },
        { "a/b/#", "a/b/" },
        { "a//#", "a//" },
        { "a//+", "a//" },
        { "1/2/3/4/5/6/7/8/#", "1/2/3/4/5/6/7/8/" },
        { "1/2/3/4/5/6/7/8/9/#", "1/2/3/4/5/6/7/8/" },
        { "1/2/3/4/5/6/7/8/9/10/+", "1/2/3/4/5/6/7/8/" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str got = prefix_of(str_of(rows[i].pattern));

        if (!str_eq(got, str_of(rows[i].want)))
            fail_msg("%s: %.*s", rows[i].pattern, STR_ARG(got));
    }
}

static void finds_whole_levels_in_common(void **state)
{
    static const struct {
        const char *a, *b, *want;
    } rows[] = {
        { "a/b/", "a/c/", "a/" }, { "a/b/", "a/b/c/", "a/b/" },
        { "ab/", "ac/", "" },     { "a/bc/", "a/b/", "a/" },
        { "", "a/", "" },         { "a/", "a/", "a/" },
        { "a//", "a/b/", "a/" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str got = prefix_common(str_of(rows[i].a), str_of(rows[i].b));

        if (!str_eq(got, str_of(rows[i].want)))
            fail_msg("%s and %s: %.*s", rows[i].a, rows[i].b, STR_ARG(got));
    }
}

/* Writes the chosen prefixes behind each other, in alphabetical order, as `[a/][b/]`. */
static void write_choice(const struct prefixes *p, size_t max, char *out)
{
    struct prefix_text chosen[16];
    size_t n = prefixes_choose(p, max, chosen);

    assert_true(n <= max);
    *out = '\0';
    for (size_t left = n; left > 0; left--) {
        size_t first = n;

        for (size_t i = 0; i < n; i++) {
            chosen[i].p[chosen[i].n] = '\0';
            if (chosen[i].n < TOPIC_MAX - 1 &&
                (first == n || strcmp(chosen[i].p, chosen[first].p) < 0))
                first = i;
        }
        out += sprintf(out, "[%s]", chosen[first].p);
        chosen[first].n = TOPIC_MAX - 1; /* written */
        chosen[first].p[0] = '\x7f';
    }
}

static void chooses_a_few_that_cover_all(void **state)
{
    static const struct {
        const char *added[8];
        size_t max;
        const char *want;
    } rows[] = {
        { { NULL }, 3, "" },
        { { "" }, 3, "[]" },
        { { "a/", "b/" }, 3, "[a/][b/]" },
        { { "a/", "b/", "c/", "d/" }, 3, "[]" },
        { { "a/1/", "a/2/", "b/" }, 3, "[a/1/][a/2/][b/]" },
        { { "a/1/", "a/2/", "a/3/", "b/" }, 3, "[a/][b/]" },
        { { "a/1/", "a/2/", "a/3/", "b/1/", "b/2/" }, 3, "[a/][b/1/][b/2/]" },
        { { "a/", "a/1/", "a/2/" }, 3, "[a/]" }, /* never narrower than an added one */
        { { "", "a/", "b/" }, 3, "[]" },
        { { "x/y/z/" }, 1, "[x/y/z/]" },
        { { "x/y/1/", "x/y/2/" }, 1, "[x/y/]" },
        { { "a//", "a/b/" }, 2, "[a//][a/b/]" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct prefixes *p = prefixes_create();
        char got[100];

        for (size_t a = 0; a < 8 && rows[i].added[a]; a++)
            prefixes_add(p, str_of(rows[i].added[a]));
        write_choice(p, rows[i].max, got);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s, not %s", i, got, rows[i].want);
        prefixes_free(p);
    }
}

static void counts_each_addition(void **state)
{
    struct prefixes *p = prefixes_create();
    char got[100];

    (void)state;
    prefixes_add(p, STR("a/b/"));
    prefixes_add(p, STR("a/b/"));
    prefixes_add(p, STR("a/"));
    assert_true(prefixes_any_below(p, STR("")));
    assert_true(prefixes_any_below(p, STR("a/b/")));
    assert_false(prefixes_any_below(p, STR("a/b/c/")));
    assert_false(prefixes_any_below(p, STR("b/")));
    prefixes_remove(p, STR("a/b/"));
    prefixes_remove(p, STR("a/"));
    write_choice(p, 3, got);
    assert_string_equal(got, "[a/b/]");
    prefixes_remove(p, STR("a/b/"));
    assert_false(prefixes_any_below(p, STR("")));
    write_choice(p, 3, got);
    assert_string_equal(got, "");
    prefixes_free(p);
    prefixes_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_prefix_of_a_pattern),
        cmocka_unit_test(finds_whole_levels_in_common),
        cmocka_unit_test(chooses_a_few_that_cover_all),
        cmocka_unit_test(counts_each_addition),
    };

    return cmocka_run_group_tests_name("redis_prefixes", tests, NULL, NULL);
}
