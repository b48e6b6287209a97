#include "hub/trie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"
#include "hub/topic.h"

/* A subscriber that knows its filter and counts its deliveries. */
struct subscriber {
    struct trie_sub sub;
    const char *filter;
    unsigned delivered;
};

static struct trie *trie;

static int set_up(void **state)
{
    (void)state;
    trie = trie_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    trie_free(trie);
    return 0;
}

static void add(struct subscriber *s, const char *filter)
{
    *s = (struct subscriber){ .filter = filter };
    trie_add(trie, str_of(filter), &s->sub);
}

static void deliver(struct trie_sub *sub, void *arg)
{
    container_of(sub, struct subscriber, sub)->delivered++;
    (*(size_t *)arg)++;
}

static size_t match(const char *topic)
{
    size_t n = 0;

    trie_match(trie, str_of(topic), deliver, &n);
    return n;
}

static void matches_nothing_while_empty(void **state)
{
    (void)state;
    assert_int_equal(match("a"), 0);
    assert_int_equal(match("a/b/c"), 0);
    assert_int_equal(trie_node_count(trie), 0);
    trie_free(NULL);
}

static void reports_each_matching_filter_once(void **state)
{
    static const char *const filters[] = {
        "a",   "a/b",   "a/b/c", "a//b",  "#",     "+",    "+/+",   "a/#", "a/+",
        "+/b", "+/b/#", "a/b/#", "a/+/c", "+/+/#", "a//#", "a/+/b", "b",   "A/b",
    };
    static const char *const topics[] = {
        "a", "b", "a/b", "a/b/c", "a//b", "a/b/c/d", "c", "b/b", "ab", "A/b", "a/c/b", "a//b/c",
    };
    struct subscriber subs[ARRAY_LEN(filters)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        add(&subs[i], filters[i]);
    for (size_t t = 0; t < ARRAY_LEN(topics); t++) {
        (void)match(topics[t]);
        for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
            unsigned want = filter_matches(str_of(filters[i]), str_of(topics[t]));

            if (subs[i].delivered != want)
                fail_msg("%s with %s: reported %u times", filters[i], topics[t], subs[i].delivered);
            subs[i].delivered = 0;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        trie_remove(trie, &subs[i].sub);
}

static void shares_the_nodes_of_equal_filters(void **state)
{
    struct subscriber a, b, c;

    (void)state;
    add(&a, "x/y/z");
    add(&b, "x/y/z");
    add(&c, "x/y");
    assert_int_equal(trie_node_count(trie), 3);
    assert_int_equal(match("x/y/z"), 2);
    trie_remove(trie, &a.sub);
    assert_int_equal(match("x/y/z"), 1);
    trie_remove(trie, &b.sub);
    assert_int_equal(trie_node_count(trie), 2); /* z is gone; y has its own subscriber */
    assert_int_equal(match("x/y/z"), 0);
    assert_int_equal(match("x/y"), 1);
    trie_remove(trie, &c.sub);
}

static void keeps_the_filters_below_a_removed_one(void **state)
{
    static const char *const pairs[][2] = {
        { "a", "a/b/c" }, { "a/+", "a/+/c" }, { "+", "+/#" }, { "a/b", "a/#" }, { "a/+", "a/#" },
    };
    static const char *const topics[] = { "a/b/c", "a/b/c", "a", "a/b/c", "a" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct subscriber upper, lower;

        add(&upper, pairs[i][0]);
        add(&lower, pairs[i][1]);
        trie_remove(trie, &upper.sub);
        assert_null(upper.sub.node);
        assert_int_equal(match(topics[i]), 1);
        assert_int_equal(lower.delivered, 1);
        trie_remove(trie, &lower.sub);
        assert_int_equal(match(topics[i]), 0);
        assert_int_equal(trie_node_count(trie), 0);
    }
}

static void reads_back_the_filter(void **state)
{
    static const char *const filters[] = { "a", "#", "a//b", "abc/+/d-e_f/#", "a///////b", "+/+" };
    char out[TOPIC_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct subscriber s;

        add(&s, filters[i]);
        assert_true(str_eq(str_make(out, trie_filter(&s.sub, out)), str_of(filters[i])));
        trie_remove(trie, &s.sub);
    }
}

static void finds_equal_filters_at_one_node(void **state)
{
    struct subscriber a, b;

    (void)state;
    assert_null(trie_find(trie, STR("x/+")));
    add(&a, "x/+");
    add(&b, "x/+");
    assert_ptr_equal(trie_find(trie, STR("x/+")), a.sub.node);
    assert_ptr_equal(trie_find(trie, STR("x/+")), b.sub.node);
    assert_null(trie_find(trie, STR("x/y"))); /* although the filter matches x/y */
    assert_null(trie_find(trie, STR("x/+/z")));
    trie_remove(trie, &a.sub);
    assert_ptr_equal(trie_find(trie, STR("x/+")), b.sub.node);
    trie_remove(trie, &b.sub);
    assert_null(trie_find(trie, STR("x/+")));
}

static size_t each(const char *filter)
{
    size_t n = 0;

    trie_each(trie, str_of(filter), deliver, &n);
    return n;
}

static void reports_subscribers_of_exactly_a_filter(void **state)
{
    static const char *const filters[] = { "a/+", "a/b", "a/#", "a/+", "a/+/c", "#" };
    struct subscriber subs[ARRAY_LEN(filters)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        add(&subs[i], filters[i]);
    assert_int_equal(each("a/+"), 2);
    assert_int_equal(subs[0].delivered + subs[3].delivered, 2);
    assert_int_equal(each("a/#"), 1);
    assert_int_equal(each("#"), 1);
    assert_int_equal(each("a"), 0); /* only an inner node */
    assert_int_equal(each("b/+"), 0);
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        trie_remove(trie, &subs[i].sub);
}

static void keeps_a_mark_while_a_filter_has_subscribers(void **state)
{
    struct subscriber a, b, below;

    (void)state;
    assert_null(trie_filter_mark(trie, STR("x/y")));
    add(&below, "x/y/z");
    assert_null(trie_filter_mark(trie, STR("x/y"))); /* it has a node, but no subscriber */
    add(&a, "x/y");
    assert_true(trie_is_only(&a.sub));
    assert_int_equal(*trie_sub_mark(&a.sub), 0);
    *trie_sub_mark(&a.sub) = 3;
    add(&b, "x/y");
    assert_false(trie_is_only(&a.sub));
    assert_int_equal(*trie_sub_mark(&b.sub), 3);
    trie_remove(trie, &a.sub);
    assert_true(trie_is_only(&b.sub));
    assert_int_equal(*trie_filter_mark(trie, STR("x/y")), 3);
    trie_remove(trie, &b.sub);
    add(&a, "x/y");
    assert_int_equal(*trie_sub_mark(&a.sub), 0);
    trie_remove(trie, &a.sub);
    trie_remove(trie, &below.sub);
}

/* A topic has at most one level of 256 bytes, or 255 levels. */
static void holds_the_longest_and_the_deepest_filter(void **state)
{
    char longest[TOPIC_MAX + 1] = { 0 };
    char deepest[TOPIC_MAX + 1] = { 0 };
    char out[TOPIC_MAX];
    struct subscriber l, d;

    (void)state;
    memset(longest, 'x', TOPIC_MAX);
    memset(deepest, '/', TOPIC_MAX);
    deepest[0] = deepest[TOPIC_MAX - 1] = 'x';
    add(&l, longest);
    add(&d, deepest);
    assert_int_equal(trie_node_count(trie), 1 + 255);
    assert_int_equal(match(longest), 1);
    assert_int_equal(match(deepest), 1);
    assert_int_equal(l.delivered + d.delivered, 2);
    assert_true(str_eq(str_make(out, trie_filter(&l.sub, out)), str_of(longest)));
    assert_true(str_eq(str_make(out, trie_filter(&d.sub, out)), str_of(deepest)));
    trie_remove(trie, &l.sub);
    trie_remove(trie, &d.sub);
    assert_int_equal(trie_node_count(trie), 0);
}

/* The table grows through many sizes and shrinks again; its filters must be found at each step. */
static void finds_filters_while_the_table_grows_and_shrinks(void **state)
{
    enum { MANY = 3000 };
    static char texts[MANY][24];
    struct subscriber *subs = mem_array(NULL, MANY, sizeof(*subs));

    (void)state;
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "room/%d/chat", i);
        add(&subs[i], texts[i]);
    }
    assert_int_equal(trie_node_count(trie), 1 + 2 * MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(match(texts[i]), 1);
        trie_remove(trie, &subs[i].sub);
        assert_int_equal(match(texts[i]), 0);
        assert_int_equal(match(texts[MANY - 1]), i < MANY - 1);
        assert_int_equal(trie_node_count(trie), i < MANY - 1 ? 1 + 2 * (MANY - 1 - i) : 0);
    }
    free(subs);
}

/* ---- adds and removes at random, against a list of filters and filter_matches ---- */

#define MODEL_SUBS 200

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

static void random_text(char *out, size_t cap, const char *const *levels, uint32_t n_levels)
{
    do {
        uint32_t depth = 1 + random_below(4);
        size_t n = 0;

        for (uint32_t i = 0; i < depth; i++)
            n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "/" : "",
                                  levels[random_below(n_levels)]);
    } while (!filter_is_valid(str_of(out)));
}

static void check_against_model(struct subscriber *subs, const char *topic)
{
    size_t want = 0;

    for (size_t i = 0; i < MODEL_SUBS; i++)
        want += subs[i].sub.node && filter_matches(str_of(subs[i].filter), str_of(topic));
    assert_int_equal(match(topic), want);
    for (size_t i = 0; i < MODEL_SUBS; i++) {
        bool should = subs[i].sub.node && filter_matches(str_of(subs[i].filter), str_of(topic));

        if (subs[i].delivered != (unsigned)should)
            fail_msg("%s with %s: reported %u times", subs[i].filter, topic, subs[i].delivered);
        subs[i].delivered = 0;
    }
}

static void agrees_with_a_naive_matcher(void **state)
{
    static const char *const filter_levels[] = { "a", "b", "c", "long-level_0", "", "+", "#" };
    static const char *const topic_levels[] = { "a", "b", "c", "long-level_0", "", "d" };
    static struct subscriber subs[MODEL_SUBS];
    static char texts[MODEL_SUBS][64];
    char topic[64];

    (void)state;
    random_state = 42;
    for (int step = 0; step < 20000; step++) {
        uint32_t i = random_below(MODEL_SUBS);

        if (subs[i].sub.node) {
            trie_remove(trie, &subs[i].sub);
        } else {
            random_text(texts[i], sizeof(texts[i]), filter_levels, ARRAY_LEN(filter_levels));
            add(&subs[i], texts[i]);
        }
        if (step % 8)
            continue;
        random_text(topic, sizeof(topic), topic_levels, ARRAY_LEN(topic_levels));
        check_against_model(subs, topic);
    }
    for (size_t i = 0; i < MODEL_SUBS; i++) {
        if (subs[i].sub.node)
            trie_remove(trie, &subs[i].sub);
    }
    assert_int_equal(trie_node_count(trie), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_nothing_while_empty),
        cmocka_unit_test(reports_each_matching_filter_once),
        cmocka_unit_test(shares_the_nodes_of_equal_filters),
        cmocka_unit_test(keeps_the_filters_below_a_removed_one),
        cmocka_unit_test(reads_back_the_filter),
        cmocka_unit_test(finds_equal_filters_at_one_node),
        cmocka_unit_test(reports_subscribers_of_exactly_a_filter),
        cmocka_unit_test(keeps_a_mark_while_a_filter_has_subscribers),
        cmocka_unit_test(holds_the_longest_and_the_deepest_filter),
        cmocka_unit_test(finds_filters_while_the_table_grows_and_shrinks),
        cmocka_unit_test(agrees_with_a_naive_matcher),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
