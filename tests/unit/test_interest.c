#include "broker/interest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"
#include "hub/topic.h"

#define PORTS 3

/* Rows: an edge is added (+) or removed (-), and whether it was the node's first or last. */
struct step {
    char what;
    const char *filter;
    size_t port;
    bool is_edge;
};

static void run(struct interest *i, const struct step *steps, size_t n)
{
    for (size_t s = 0; s < n; s++) {
        struct str filter = str_of(steps[s].filter);
        bool is_edge = steps[s].what == '+' ? interest_add(i, filter, steps[s].port)
                                            : interest_remove(i, filter, steps[s].port);

        if (is_edge != steps[s].is_edge)
            fail_msg("step %zu: %c %s of port %zu", s, steps[s].what, steps[s].filter,
                     steps[s].port);
    }
}

static void reports_the_first_and_the_last_port_of_a_filter(void **state)
{
    static const struct step steps[] = {
        { '+', "a", 0, true },    { '+', "a", 1, false },   { '-', "a", 0, false },
        { '-', "a", 1, true },    { '+', "a", 2, true },    { '-', "a", 2, true },
        { '+', "a/#", 0, true },  { '+', "a/+", 0, true },  { '+', "a/#", 2, false },
        { '-', "a/#", 0, false }, { '-', "a/#", 2, true },  { '-', "a/+", 0, true },
        { '+', "a//b", 1, true }, { '-', "a//b", 1, true },
    };
    struct interest *i = interest_create();

    (void)state;
    run(i, steps, ARRAY_LEN(steps));
    assert_int_equal(interest_topic_count(i), 0);
    assert_false(interest_has_pattern(i));
    interest_free(i);
}

static void ignores_edges_that_exist_and_that_do_not(void **state)
{
    static const struct step steps[] = {
        { '-', "a", 0, false },  { '+', "a", 0, true },    { '+', "a", 0, false },
        { '-', "a", 1, false },  { '-', "a/b", 0, false }, { '-', "a/#", 0, false },
        { '+', "a/#", 1, true }, { '+', "a/#", 1, false }, { '-', "a/#", 0, false },
        { '-', "+", 0, false },  { '-', "a", 0, true },    { '-', "a", 0, false },
        { '-', "a/#", 1, true }, { '-', "a/#", 1, false },
    };
    struct interest *i = interest_create();

    (void)state;
    run(i, steps, ARRAY_LEN(steps));
    assert_int_equal(interest_topic_count(i), 0);
    assert_false(interest_has_pattern(i));
    interest_free(i);
    interest_free(NULL);
}

static void knows_which_topics_any_port_wants(void **state)
{
    static const struct step edges[] = {
        { '+', "a", 0, true },    { '+', "a/b", 1, true }, { '+', "a/#", 2, true },
        { '+', "a/b", 2, false }, { '+', "+/c", 0, true }, { '+', "x//y", 1, true },
    };
    static const struct {
        const char *topic;
        bool is_wanted;
    } rows[] = {
        { "a", true },    { "a/b", true }, { "a/c", true }, { "b/c", true },   { "x//y", true },
        { "x/y", false }, { "b", false },  { "ab", false }, { "a/b/c", true }, { "x", false },
    };
    struct interest *i = interest_create();

    (void)state;
    run(i, edges, ARRAY_LEN(edges));
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        if (interest_matches(i, str_of(rows[r].topic)) != rows[r].is_wanted)
            fail_msg("%s", rows[r].topic);
    }
    interest_free(i);
}

/* Joins the reported topics, each behind a space, in the order of their reports. */
static void join(struct str topic, void *arg)
{
    char *text = arg;
    size_t at = strlen(text);

    (void)snprintf(text + at, 100 - at, " %.*s", STR_ARG(topic));
}

static void assert_topics(const struct interest *i, const char *want)
{
    char text[100] = "";

    interest_each_topic(i, join, text);
    assert_string_equal(text, want);
}

static void lists_each_topic_once(void **state)
{
    struct interest *i = interest_create();

    (void)state;
    assert_topics(i, "");
    interest_add(i, STR("a"), 0);
    interest_add(i, STR("a"), 1);
    interest_add(i, STR("b/c"), 1);
    interest_add(i, STR("b/#"), 2);
    assert_topics(i, " a b/c");
    assert_int_equal(interest_topic_count(i), 2);
    assert_true(interest_has_pattern(i));
    interest_remove(i, STR("a"), 0); /* the edge that represents the topic in the list */
    assert_topics(i, " b/c a");
    interest_remove(i, STR("a"), 1);
    assert_topics(i, " b/c");
    interest_free(i);
}

/* Against a plain table of filters and ports. */
static void agrees_with_a_table(void **state)
{
    static const char *const filters[] = { "a", "b", "a/b", "a/#", "a/+", "#", "+/b", "a//b" };
    static const char *const topics[] = { "a", "b", "a/b", "c/b", "a//b", "a/c/d" };
    bool table[ARRAY_LEN(filters)][PORTS] = { { false } };
    struct interest *i = interest_create();
    unsigned seed = 1;

    (void)state;
    for (size_t step = 0; step < 5000; step++) {
        size_t f = (seed = seed * 1103515245 + 12345) >> 16 & 7;
        size_t p = (seed = seed * 1103515245 + 12345) / 65536 % PORTS;
        bool was = table[f][0] || table[f][1] || table[f][2];
        bool adds = (seed >> 24 & 1) != 0;
        bool is_edge = adds ? interest_add(i, str_of(filters[f]), p)
                            : interest_remove(i, str_of(filters[f]), p);

        table[f][p] = adds;
        assert_int_equal(is_edge, was != (table[f][0] || table[f][1] || table[f][2]));
        for (size_t t = 0; t < ARRAY_LEN(topics); t++) {
            bool is_wanted = false;

            for (f = 0; f < ARRAY_LEN(filters); f++) {
                for (p = 0; p < PORTS; p++)
                    is_wanted |=
                        table[f][p] && filter_matches(str_of(filters[f]), str_of(topics[t]));
            }
            assert_int_equal(interest_matches(i, str_of(topics[t])), is_wanted);
        }
    }
    interest_free(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_the_first_and_the_last_port_of_a_filter),
        cmocka_unit_test(ignores_edges_that_exist_and_that_do_not),
        cmocka_unit_test(knows_which_topics_any_port_wants),
        cmocka_unit_test(lists_each_topic_once),
        cmocka_unit_test(agrees_with_a_table),
    };

    return cmocka_run_group_tests_name("interest", tests, NULL, NULL);
}
