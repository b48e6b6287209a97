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
    struct interest *i = interest_create(PORTS);

    (void)state;
    run(i, steps, ARRAY_LEN(steps));
    assert_int_equal(interest_topic_count(i), 0);
    assert_int_equal(interest_pattern_count(i), 0);
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
    struct interest *i = interest_create(PORTS);

    (void)state;
    run(i, steps, ARRAY_LEN(steps));
    assert_int_equal(interest_topic_count(i), 0);
    assert_false(interest_has_pattern(i, INTEREST_ALL));
    interest_free(i);
    interest_free(NULL);
}

static void finds_the_ports_that_want_a_topic(void **state)
{
    static const struct step edges[] = {
        { '+', "a", 0, true },    { '+', "a/b", 1, true }, { '+', "a/#", 2, true },
        { '+', "a/b", 2, false }, { '+', "+/c", 0, true }, { '+', "x//y", 1, true },
    };
    static const struct {
        const char *topic;
        unsigned ports; /* a bit each */
    } rows[] = {
        { "a", 1 | 4 }, { "a/b", 2 | 4 }, { "a/c", 1 | 4 }, { "b/c", 1 },   { "x//y", 2 },
        { "x/y", 0 },   { "b", 0 },       { "ab", 0 },      { "a/b/c", 4 }, { "x", 0 },
    };
    struct interest *i = interest_create(PORTS);

    (void)state;
    run(i, edges, ARRAY_LEN(edges));
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        bool ports[PORTS] = { false };
        unsigned got = 0;
        size_t n = interest_ports(i, str_of(rows[r].topic), ports);

        for (size_t p = 0; p < PORTS; p++) {
            got |= (unsigned)ports[p] << p;
            n -= ports[p];
        }
        if (got != rows[r].ports || n != 0)
            fail_msg("%s: ports %u", rows[r].topic, got);
        assert_int_equal(interest_matches(i, str_of(rows[r].topic)), rows[r].ports != 0);
    }
    assert_true(interest_has(i, STR("+/c")));
    assert_false(interest_has(i, STR("b/c")));
    assert_false(interest_has(i, STR("x")));
    interest_free(i);
}

/* Joins the reported topics, each behind a space, in the order of their reports. */
static void join(struct str topic, void *arg)
{
    char *text = arg;
    size_t at = strlen(text);

    (void)snprintf(text + at, 100 - at, " %.*s", STR_ARG(topic));
}

static void assert_topics(const struct interest *i, size_t port, const char *want)
{
    char text[100] = "";

    interest_each_topic(i, port, join, text);
    assert_string_equal(text, want);
}

static void lists_each_topic_once(void **state)
{
    struct interest *i = interest_create(PORTS);

    (void)state;
    assert_topics(i, INTEREST_ALL, "");
    interest_add(i, STR("a"), 0);
    interest_add(i, STR("a"), 1);
    interest_add(i, STR("b/c"), 1);
    interest_add(i, STR("b/#"), 2);
    assert_topics(i, INTEREST_ALL, " a b/c");
    assert_topics(i, 0, " a");
    assert_topics(i, 1, " a b/c");
    assert_topics(i, 2, "");
    assert_int_equal(interest_topic_count(i), 2);
    assert_int_equal(interest_pattern_count(i), 1);
    assert_true(interest_has_pattern(i, INTEREST_ALL));
    assert_true(interest_has_pattern(i, 2));
    assert_false(interest_has_pattern(i, 1));
    interest_remove(i, STR("a"), 0); /* the edge that represents the topic in the list */
    assert_topics(i, INTEREST_ALL, " b/c a");
    interest_remove(i, STR("a"), 1);
    assert_topics(i, INTEREST_ALL, " b/c");
    assert_topics(i, 1, " b/c");
    interest_free(i);
}

/* Against a plain table of filters and ports. */
static void agrees_with_a_table(void **state)
{
    static const char *const filters[] = { "a", "b", "a/b", "a/#", "a/+", "#", "+/b", "a//b" };
    static const char *const topics[] = { "a", "b", "a/b", "c/b", "a//b", "a/c/d" };
    bool table[ARRAY_LEN(filters)][PORTS] = { { false } };
    struct interest *i = interest_create(PORTS);
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
            bool want[PORTS] = { false }, got[PORTS] = { false };

            for (f = 0; f < ARRAY_LEN(filters); f++) {
                for (p = 0; p < PORTS; p++)
                    want[p] |= table[f][p] && filter_matches(str_of(filters[f]), str_of(topics[t]));
            }
            (void)interest_ports(i, str_of(topics[t]), got);
            assert_memory_equal(got, want, sizeof(want));
        }
    }
    interest_free(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_the_first_and_the_last_port_of_a_filter),
        cmocka_unit_test(ignores_edges_that_exist_and_that_do_not),
        cmocka_unit_test(finds_the_ports_that_want_a_topic),
        cmocka_unit_test(lists_each_topic_once),
        cmocka_unit_test(agrees_with_a_table),
    };

    return cmocka_run_group_tests_name("interest", tests, NULL, NULL);
}
