#include "broker/redis/redis_walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static void take(struct redis_walk *w, struct str *names, size_t n, bool more)
{
    const struct redis_answer a = { .names = names,
                                    .n_names = n,
                                    .page.ret_more = more,
                                    .index = STR("topics"),
                                    .at = STR("a/z") };

    redis_walk_take(w, &a);
}

static void a_topic_needs_no_walk(void **state)
{
    struct redis_walk w;

    (void)state;
    redis_walk_init(&w, STR("a/b"), NULL, 100, 10);
    assert_true(w.has_ended && !w.is_cut);
    assert_int_equal(w.topics.n, 1);
    assert_true(str_eq(redis_topic_list_at(&w.topics, 0), STR("a/b")));
    redis_walk_done(&w);
}

static void keeps_each_name_that_matches_once(void **state)
{
    struct str first[] = { STR("a/b"), STR("a"), STR("a/b"), STR("b/a"), STR("a/+"), STR("") };
    struct str second[] = { STR("a/c"), STR("a/b") };
    struct redis_reading r = { 0 };
    struct redis_walk w;

    (void)state;
    redis_walk_init(&w, STR("a/+"), NULL, 100, 10);
    redis_walk_ask(&w, &r);
    assert_int_equal(r.kind, REDIS_READ_NAMES);
    assert_true(r.index.n == 0 && r.n_wanted == SIZE_MAX && str_eq(r.filter, STR("a/+")));
    take(&w, first, ARRAY_LEN(first), true);
    assert_false(w.has_ended);
    redis_walk_ask(&w, &r);
    assert_true(str_eq(r.index, STR("topics")) && str_eq(r.at, STR("a/z")));
    take(&w, second, ARRAY_LEN(second), false);
    assert_true(w.has_ended && !w.is_cut);
    assert_int_equal(w.topics.n, 2);
    redis_walk_done(&w);
}

/* Names that do not match need no room. */
static void ends_where_there_is_no_room(void **state)
{
    static const struct {
        size_t max_bytes, max_topics;
        bool is_cut;
    } cases[] = {
        { 100, 3, false }, { 100, 2, true }, { 100, 0, true }, { 23, 10, false }, { 14, 10, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str names[] = { STR("a/b"), STR("a/c"), STR("a/d"), STR("b/x") };
        struct redis_walk w;

        redis_walk_init(&w, STR("a/#"), NULL, cases[i].max_bytes, cases[i].max_topics);
        take(&w, names, ARRAY_LEN(names), true);
        assert_int_equal(w.is_cut, cases[i].is_cut);
        assert_int_equal(w.has_ended, cases[i].is_cut);
        assert_true(w.topics.n <= cases[i].max_topics);
        redis_walk_done(&w);
    }
}

static void take_at(struct redis_walk *w, const char *index, const char *at)
{
    const struct redis_answer a = { .page.ret_more = true,
                                    .index = str_of(index),
                                    .at = str_of(at) };

    redis_walk_take(w, &a);
}

/* The other index is in the order of times: what comes next is not known. */
static void ends_behind_the_names_of_the_pattern(void **state)
{
    static const struct {
        const char *index, *at;
        bool has_ended;
    } cases[] = {
        { "topics", "a/b", false }, { "topics", "a-b", false },           { "topics", "a0", true },
        { "topics", "ab", true },   { "recent", "1700000000000", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_walk w;

        redis_walk_init(&w, STR("a/#"), NULL, 100, 10);
        take_at(&w, cases[i].index, cases[i].at);
        assert_int_equal(w.has_ended, cases[i].has_ended);
        redis_walk_done(&w);
    }
}

static void walks_by_name_from_the_later_of_prefix_and_name(void **state)
{
    static const struct {
        const char *filter, *after, *at;
        size_t n_topics; /* known at once */
    } cases[] = {
        { "#", "", "", 0 },     { "#", "a", "a", 0 },       { "b/#", "a", "", 0 },
        { "b/#", "b", "b", 0 }, { "b/#", "b/c", "b/c", 0 }, { "b/+", "b", "", 0 },
        { "b/#", "c", "c", 0 }, { "b", "", "", 1 },         { "b", "a", "", 1 },
        { "b", "b", "b", 0 },   { "b", "c", "c", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_reading r = { 0 };
        struct redis_walk w;

        redis_walk_init(&w, str_of(cases[i].filter), NULL, 100, 10);
        redis_walk_by_name(&w, str_of(cases[i].after));
        redis_walk_ask(&w, &r);
        assert_true(str_eq(r.index, STR("topics")));
        assert_true(str_eq(r.at, str_of(cases[i].at)));
        assert_int_equal(w.topics.n, cases[i].n_topics);
        assert_int_equal(w.has_ended, !strpbrk(cases[i].filter, "+#"));
        redis_walk_done(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_needs_no_walk),
        cmocka_unit_test(keeps_each_name_that_matches_once),
        cmocka_unit_test(ends_where_there_is_no_room),
        cmocka_unit_test(ends_behind_the_names_of_the_pattern),
        cmocka_unit_test(walks_by_name_from_the_later_of_prefix_and_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
