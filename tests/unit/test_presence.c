#include "hub/presence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"

static void add_number(struct presence *p, unsigned number)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%05u", number);
    presence_add_sub(p, str_of(text));
}

static void assert_json(const struct presence *p, size_t max, bool is_all, const char *want)
{
    struct buf out = { 0 };

    buf_add_char(&out, '>');
    assert_int_equal(presence_add_json(p, max, &out), is_all);
    assert_true(str_eq(str_skip(buf_str(&out), 1), str_of(want)));
    buf_done(&out);
}

static void keeps_subs_sorted_and_distinct(void **state)
{
    static const char *const subs[] = { "b", "a", "", "ab", "b", "\xc3\xa4", "a", "B" };
    struct presence p = { 0 };

    (void)state;
    assert_json(&p, 100, true, "[]");
    for (size_t i = 0; i < ARRAY_LEN(subs); i++)
        presence_add_sub(&p, str_of(subs[i]));
    presence_add_sub(&p, str_make("a\0", 2));
    assert_json(&p, 100, true, "[\"B\",\"a\",\"a\\u0000\",\"ab\",\"b\",\"\xc3\xa4\"]");
    assert_false(p.more);
    presence_done(&p);
    assert_int_equal(p.n_subs, 0);
    presence_done(&p);
}

static void assert_is_full(const struct presence *p)
{
    assert_int_equal(p->n_subs, PRESENCE_SUBS);
    assert_true(p->more);
    assert_true(str_eq(bytes_str(p->subs[0]), STR("00000")));
    assert_true(str_eq(bytes_str(p->subs[PRESENCE_SUBS - 1]), STR("00999")));
}

static void keeps_the_first_thousand_whatever_their_order(void **state)
{
    struct presence up = { 0 }, down = { 0 }, mixed = { 0 };

    (void)state;
    for (unsigned i = 0; i < 2 * PRESENCE_SUBS; i++) {
        add_number(&up, i);
        add_number(&down, 2 * PRESENCE_SUBS - 1 - i);
        add_number(&mixed, i * 7 % (2 * PRESENCE_SUBS));
    }
    assert_is_full(&up);
    assert_is_full(&down);
    assert_is_full(&mixed);
    presence_done(&up);
    presence_done(&down);
    presence_done(&mixed);
}

static void reports_no_more_at_exactly_a_thousand(void **state)
{
    struct presence p = { 0 };

    (void)state;
    for (unsigned i = 0; i < PRESENCE_SUBS; i++)
        add_number(&p, i);
    for (unsigned i = 0; i < PRESENCE_SUBS; i++)
        add_number(&p, i);
    assert_int_equal(p.n_subs, PRESENCE_SUBS);
    assert_false(p.more);
    presence_done(&p);
}

static void adds_counts_and_joins_subs_when_merging(void **state)
{
    struct presence a = { .count = 2 }, b = { .count = 3, .more = true };

    (void)state;
    add_number(&a, 1);
    add_number(&a, 2);
    add_number(&b, 2);
    add_number(&b, 0);
    presence_merge(&a, &b);
    assert_int_equal(a.count, 5);
    assert_true(a.more);
    assert_json(&a, 100, true, "[\"00000\",\"00001\",\"00002\"]");
    presence_done(&a);
    presence_done(&b);
}

static void limits_the_size_of_the_array(void **state)
{
    struct presence p = { 0 };

    (void)state;
    presence_add_sub(&p, STR("aaaa"));
    presence_add_sub(&p, STR("bbbb"));
    assert_json(&p, 15, true, "[\"aaaa\",\"bbbb\"]");
    assert_json(&p, 14, false, "[\"aaaa\"]");
    assert_json(&p, 8, false, "[\"aaaa\"]");
    assert_json(&p, 7, false, "[]");
    presence_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_subs_sorted_and_distinct),
        cmocka_unit_test(keeps_the_first_thousand_whatever_their_order),
        cmocka_unit_test(reports_no_more_at_exactly_a_thousand),
        cmocka_unit_test(adds_counts_and_joins_subs_when_merging),
        cmocka_unit_test(limits_the_size_of_the_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
