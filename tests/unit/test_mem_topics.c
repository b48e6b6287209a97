#include "broker/mem/mem_topics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

#define NAMES 3000

static struct str name_of(unsigned i, char out[16])
{
    /* 7919 and NAMES have no common factor: every name once, out of order */
    return str_make(out, (size_t)snprintf(out, 16, "t/%04u", i * 7919u % NAMES));
}

static void check_sorted(const struct mem_topics *t)
{
    size_t n = 0;

    for (const struct mem_topic *topic = t->first[0]; topic; topic = topic->next[0], n++) {
        if (topic->next[0])
            assert_true(memcmp(topic->name.p, topic->next[0]->name.p, topic->name.n) < 0);
    }
    assert_int_equal(n, t->n);
}

static void keeps_many_topics_sorted_while_they_come_and_go(void **state)
{
    struct mem_topics t;
    char text[16];

    (void)state;
    mem_topics_init(&t);
    for (unsigned i = 0; i < NAMES; i++) {
        struct mem_topic *topic = mem_topics_add(&t, name_of(i, text));

        assert_ptr_equal(mem_topics_add(&t, name_of(i, text)), topic);
    }
    assert_int_equal(t.n, NAMES);
    check_sorted(&t);
    for (unsigned i = 0; i < NAMES; i += 2)
        mem_topics_remove(&t, mem_topics_find(&t, name_of(i, text)));
    check_sorted(&t);
    for (unsigned i = 0; i < NAMES; i++) {
        struct mem_topic *topic = mem_topics_find(&t, name_of(i, text));

        assert_true((topic != NULL) == (i % 2 == 1));
        assert_true(!topic || str_eq(topic->name, name_of(i, text)));
    }
    mem_topics_done(&t);
    assert_int_equal(t.n, 0);
}

static void finds_the_first_topic_at_or_after_a_name(void **state)
{
    static const struct {
        const char *from, *want;
    } cases[] = {
        { "", "a" },      { "a", "a" },   { "a/", "a/b" }, { "a/b", "a/b" },
        { "a/b/", "ab" }, { "ab", "ab" }, { "b", "b" },    { "b0", NULL },
    };
    static const char *const names[] = { "ab", "b", "a/b", "a" };
    struct mem_topics t;

    (void)state;
    mem_topics_init(&t);
    assert_null(mem_topics_from(&t, STR("")));
    assert_null(mem_topics_find(&t, STR("a")));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        mem_topics_add(&t, str_of(names[i]));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mem_topic *topic = mem_topics_from(&t, str_of(cases[i].from));

        assert_int_equal(topic != NULL, cases[i].want != NULL);
        assert_true(!topic || str_eq(topic->name, str_of(cases[i].want)));
    }
    assert_null(mem_topics_find(&t, STR("a/")));
    mem_topics_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_many_topics_sorted_while_they_come_and_go),
        cmocka_unit_test(finds_the_first_topic_at_or_after_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
