#include "hub/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"

static void refuse(struct str s)
{
    if (filter_is_valid(s))
        fail_msg("%.*s was accepted", STR_ARG(s));
}

static void accepts_topics(void **state)
{
    static const char *const topics[] = {
        "a", "my/topic1", "a/b/c/d/e", "A-Z_a-z/0-9", "a//b", "a///b", "-", "_/-", "0",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        if (!topic_is_valid(str_of(topics[i])) || pattern_is_valid(str_of(topics[i])))
            fail_msg("%s is not taken for a topic", topics[i]);
        assert_false(filter_is_pattern(str_of(topics[i])));
    }
}

static void accepts_patterns(void **state)
{
    static const char *const patterns[] = {
        "#", "+", "+/+", "+/#", "a/#", "a/+", "+/a", "a/+/b", "a/+/#", "a//#", "a//+", "+//b",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        if (topic_is_valid(str_of(patterns[i])) || !pattern_is_valid(str_of(patterns[i])))
            fail_msg("%s is not taken for a pattern", patterns[i]);
        assert_true(filter_is_pattern(str_of(patterns[i])));
    }
}

static void refuses_malformed_filters(void **state)
{
    static const char *const texts[] = {
        "",     "/",     "//", "/a", "a/",   "a//",  "/a/",  "a b",      " a",     "a.b",  "a:b",
        "a\tb", "a\n",   "a*", "$a", "{a}",  "a%2f", "\\",   "\xc3\xa6", "a/\x80", "\x7f", "#/a",
        "#/#",  "a/#/b", "a#", "#a", "a/b#", "##",   "a+",   "+a",       "a/b+/c", "++",   "+#",
        "/#",   "/+",    "+/", "#/", "a/+b", "a/#/", "+/+/", "@",        "[",      "`",    "~",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        refuse(str_of(texts[i]));
    refuse(STR("a\0b"));
    refuse(STR("a\0"));
    refuse(STR("\0"));
    refuse(STR("a/\0/+"));
    refuse(str_make(NULL, 0));
}

static void refuses_every_byte_outside_the_alphabet(void **state)
{
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[] = { 'x', (char)c, 'y' };
        bool want = c == '/' || memchr(alphabet, c, sizeof(alphabet) - 1) != NULL;

        assert_int_equal(topic_is_valid(str_make(text, sizeof(text))), want);
        refuse(want ? STR("#x") : str_make(text, sizeof(text)));
    }
}

static void limits_the_length(void **state)
{
    char text[TOPIC_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_true(topic_is_valid(str_make(text, TOPIC_MAX)));
    refuse(str_make(text, TOPIC_MAX + 1));
    memcpy(text + TOPIC_MAX - 2, "/#", 2);
    assert_true(pattern_is_valid(str_make(text, TOPIC_MAX)));
    memcpy(text + TOPIC_MAX - 2, "a/#", 3);
    refuse(str_make(text, TOPIC_MAX + 1));
}

static void matches_topics(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool want;
    } cases[] = {
        { "a/b", "a/b", true },
        { "a/b", "a/c", false },
        { "a/b", "a", false },
        { "a", "a/b", false },
        { "ab", "a", false },
        { "a", "ab", false },
        { "room/+/chat", "room/1/chat", true },
        { "room/+/chat", "room/1/2/chat", false },
        { "room/+/chat", "room//chat", true }, /* the empty level is one level */
        { "room/+", "room", false },
        { "room/+", "room/1", true },
        { "room/+", "room/1/2", false },
        { "room/#", "room", true },
        { "room/#", "room/1/2/3", true },
        { "room/#", "rooms", false },
        { "room/#", "roo", false },
        { "#", "a", true },
        { "#", "a/b/c", true },
        { "+", "a", true },
        { "+", "a/b", false },
        { "+/#", "a", true },
        { "+/b/#", "a/b/c/d", true },
        { "+/b/#", "a/b", true },
        { "+/b/#", "a/c", false },
        { "a//b", "a//b", true },
        { "a//b", "a/b", false },
        { "a/+/+/b", "a///b", true },
        { "a//#", "a//x", true },
        { "a//#", "a/x", false },
        { "A", "a", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (filter_matches(str_of(cases[i].filter), str_of(cases[i].topic)) != cases[i].want)
            fail_msg("wrong result for %s with %s", cases[i].filter, cases[i].topic);
    }
}

static void covers_narrower_filters(void **state)
{
    static const struct {
        const char *wide, *narrow;
        bool want;
    } cases[] = {
        { "a/#", "a/+", true },     { "a/+", "a/#", false },     { "a/#", "a/b/#", true },
        { "a/#", "a", true },       { "a/#", "a/#", true },      { "a/+", "a/+", true },
        { "a/+", "a/b", true },     { "a/b", "a/+", false },     { "#", "#", true },
        { "#", "+/+/#", true },     { "+", "#", false },         { "+/#", "#", true },
        { "+/+/#", "#", false },    { "+/+/#", "+/#", false },   { "a/+/#", "a/#", false },
        { "a//+/#", "a//#", true }, { "+/+/+/#", "a//#", true }, { "a//b/#", "a//#", false },
        { "a/+/b", "a//b", true },  { "a//b", "a/+/b", false },  { "a", "b", false },
        { "+/b", "a/+", false },    { "+/+", "a/b", true },      { "a", "a/b", false },
        { "a/b", "a", false },      { "a/#", "#", false },       { "a/b/#", "a/#", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (filter_covers(str_of(cases[i].wide), str_of(cases[i].narrow)) != cases[i].want)
            fail_msg("wrong result for %s over %s", cases[i].wide, cases[i].narrow);
    }
}

static void finds_fixed_prefixes(void **state)
{
    static const struct {
        const char *filter, *want;
    } cases[] = {
        { "a", "a" },      { "a/b", "a/b" },  { "a/#", "a" },    { "a/b/#", "a/b" },
        { "#", "" },       { "+", "" },       { "+/a", "" },     { "+/#", "" },
        { "a/+", "a/" },   { "a/+/c", "a/" }, { "a/+/#", "a/" }, { "a//#", "a//" },
        { "a//+", "a//" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = filter_fixed_prefix(str_of(cases[i].filter));

        if (!str_eq(got, str_of(cases[i].want)))
            fail_msg("%s: got '%.*s'", cases[i].filter, STR_ARG(got));
    }
}

static void knows_where_the_topics_of_a_pattern_end(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool is_past;
    } cases[] = {
        { "#", "a", false },       { "+", "zz/z", false },    { "a/#", "a", false },
        { "a/#", "a-", false },    { "a/#", "a/b/c", false }, { "a/#", "a0", true },
        { "a/#", "ab", true },     { "a/#", "b", true },      { "a/+", "a/b", false },
        { "a/+", "a/b/c", false }, { "a/+", "a0", true },     { "a//#", "a//b", false },
        { "a//#", "a/0", true },   { "+/a", "z", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str pattern = str_of(cases[i].pattern);

        if (pattern_is_past(pattern, filter_fixed_prefix(pattern), str_of(cases[i].name)) !=
            cases[i].is_past)
            fail_msg("wrong result for %s behind %s", cases[i].name, cases[i].pattern);
    }
}

/* ---- exhaustive: all filters of up to 4 levels, all topics of up to 5 ----
 * Five levels are enough: a topic with more levels than the filter matches only if the filter ends
 * in `#`. */

#define FILTER_LEVELS 4
#define TOPIC_LEVELS  5
#define SET_WORDS     16
#define FILTERS_MAX   1024

struct texts {
    size_t n;
    char text[SET_WORDS * 64][2 * TOPIC_LEVELS];
};

static struct texts topics, filters;
static uint64_t matched[FILTERS_MAX][SET_WORDS]; /* for each filter, the set of its topics */

static void collect(struct texts *all, const char *text, bool is_wanted)
{
    if (!is_wanted)
        return;
    assert_true(all->n < ARRAY_LEN(all->text));
    (void)snprintf(all->text[all->n++], sizeof(all->text[0]), "%s", text);
}

/* Collects all valid texts of 1 to depth levels, each one of the given levels. */
static void enumerate(struct texts *all, const char *const *levels, size_t n_levels, size_t depth,
                      const char *before)
{
    for (size_t i = 0; i < n_levels; i++) {
        char text[2 * TOPIC_LEVELS + 2];

        (void)snprintf(text, sizeof(text), "%s%s", before, levels[i]);
        collect(all, text, filter_is_valid(str_of(text)));
        if (depth == 1)
            continue;
        (void)strncat(text, "/", 2);
        enumerate(all, levels, n_levels, depth - 1, text);
    }
}

static int set_up_everything(void **state)
{
    static const char *const topic_levels[] = { "a", "b", "c", "" };
    static const char *const filter_levels[] = { "a", "b", "+", "#", "" };

    (void)state;
    enumerate(&topics, topic_levels, ARRAY_LEN(topic_levels), TOPIC_LEVELS, "");
    enumerate(&filters, filter_levels, ARRAY_LEN(filter_levels), FILTER_LEVELS, "");
    for (size_t f = 0; f < filters.n; f++) {
        for (size_t t = 0; t < topics.n; t++) {
            if (filter_matches(str_of(filters.text[f]), str_of(topics.text[t])))
                matched[f][t / 64] |= UINT64_C(1) << t % 64;
        }
    }
    return 0;
}

static bool is_subset(const uint64_t *narrow, const uint64_t *wide)
{
    for (size_t i = 0; i < SET_WORDS; i++) {
        if (narrow[i] & ~wide[i])
            return false;
    }
    return true;
}

static void covers_exactly_the_included_sets(void **state)
{
    (void)state;
    assert_int_equal(topics.n, 768);
    assert_int_equal(filters.n, 256);
    for (size_t w = 0; w < filters.n; w++) {
        for (size_t n = 0; n < filters.n; n++) {
            bool got = filter_covers(str_of(filters.text[w]), str_of(filters.text[n]));

            if (got != is_subset(matched[n], matched[w]))
                fail_msg("%s over %s: got %d", filters.text[w], filters.text[n], got);
        }
    }
}

/* Returns the length of the longest common prefix of all topics that a filter matches. */
static size_t common_prefix(size_t f, const char **ret_text)
{
    const char *first = NULL;
    size_t n = 0;

    for (size_t t = 0; t < topics.n; t++) {
        if (!(matched[f][t / 64] >> t % 64 & 1))
            continue;
        if (!first) {
            first = topics.text[t];
            n = strlen(first);
        }
        while (strncmp(first, topics.text[t], n) != 0)
            n--;
    }
    *ret_text = first;
    return n;
}

static void finds_the_longest_prefix(void **state)
{
    (void)state;
    for (size_t f = 0; f < filters.n; f++) {
        struct str got = filter_fixed_prefix(str_of(filters.text[f]));
        const char *text;
        size_t n = common_prefix(f, &text);

        if (!str_eq(got, str_make(text, n)))
            fail_msg("%s: want '%.*s', got '%.*s'", filters.text[f], (int)n, text, STR_ARG(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_topics),
        cmocka_unit_test(accepts_patterns),
        cmocka_unit_test(refuses_malformed_filters),
        cmocka_unit_test(refuses_every_byte_outside_the_alphabet),
        cmocka_unit_test(limits_the_length),
        cmocka_unit_test(matches_topics),
        cmocka_unit_test(covers_narrower_filters),
        cmocka_unit_test(finds_fixed_prefixes),
        cmocka_unit_test(knows_where_the_topics_of_a_pattern_end),
        cmocka_unit_test_setup(covers_exactly_the_included_sets, set_up_everything),
        cmocka_unit_test(finds_the_longest_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
