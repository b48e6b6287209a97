#include "broker/mem/mem_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOTS (16u * 1024 * 1024)

static struct mem_table table_with(uint64_t memory)
{
    struct mem_table t;

    mem_table_init(&t, memory);
    return t;
}

static void put(struct mem_table *t, struct str key, struct str value, uint64_t expires)
{
    assert_true(mem_table_has_room(t, key, value.n, 0));
    mem_table_set(t, key, value, expires);
}

static bool holds(const struct mem_table *t, struct str key, struct str value, uint64_t now)
{
    const struct mem_item *item = mem_table_get(t, key, now);

    return item && str_eq(item->key, key) && str_eq(item->value, value);
}

static struct str numbered(char buf[16], size_t i)
{
    return str_make(buf, (size_t)snprintf(buf, 16, "key %zu", i));
}

static void finds_every_item_that_was_set(void **state)
{
    enum { N = 1000 };
    struct mem_table t = table_with(LOTS);
    char key[16];

    (void)state;
    assert_null(mem_table_get(&t, STR("key 0"), 0));
    assert_false(mem_table_delete(&t, STR("key 0"), 0));
    for (size_t i = 0; i < N; i++)
        put(&t, numbered(key, i), numbered(key, i), MEM_FOR_EVER);
    assert_int_equal(t.n, N);
    for (size_t i = 0; i < N; i++)
        assert_true(holds(&t, numbered(key, i), numbered(key, i), UINT64_MAX - 1));
    for (size_t i = 0; i < N; i += 2)
        assert_true(mem_table_delete(&t, numbered(key, i), 0));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(mem_table_get(&t, numbered(key, i), 0) != NULL, i % 2);
    mem_table_done(&t);
}

static void replaces_value_and_expiry(void **state)
{
    struct mem_table t = table_with(LOTS);
    uint64_t bytes;

    (void)state;
    put(&t, STR("a"), STR("1"), 100);
    bytes = t.bytes;
    put(&t, STR("a"), STR(""), MEM_FOR_EVER);
    assert_int_equal(t.bytes, bytes - 1);
    assert_true(holds(&t, STR("a"), STR(""), 100));
    put(&t, STR("a"), str_make("x\0y", 3), 50);
    assert_true(holds(&t, STR("a"), str_make("x\0y", 3), 49));
    assert_null(mem_table_get(&t, STR("a"), 50));
    assert_int_equal(t.n, 1);
    mem_table_done(&t);
}

/* Key and value of a set may point into the item that it replaces. */
static void sets_an_item_from_its_own_text(void **state)
{
    struct mem_table t = table_with(LOTS);
    const struct mem_item *item;

    (void)state;
    put(&t, STR("a"), STR("1"), 100);
    item = mem_table_get(&t, STR("a"), 0);
    mem_table_set(&t, item->key, item->value, 200);
    assert_true(holds(&t, STR("a"), STR("1"), 199));
    mem_table_done(&t);
}

static void removes_expired_items(void **state)
{
    enum { N = 10 };
    struct mem_table t = table_with(LOTS);
    char key[16];

    (void)state;
    for (size_t i = 0; i < N; i++)
        put(&t, numbered(key, i), STR("x"), 100 + i);
    assert_false(mem_table_delete(&t, numbered(key, 0), 100));
    assert_int_equal(t.n, N - 1);
    assert_false(mem_table_expire(&t, 100, N));
    assert_true(mem_table_expire(&t, 104, 3));
    assert_false(mem_table_expire(&t, 104, 1));
    assert_int_equal(t.n, N - 5);
    assert_true(holds(&t, numbered(key, 5), STR("x"), 104));
    assert_false(mem_table_expire(&t, 200, SIZE_MAX));
    assert_int_equal(t.n, 0);
    assert_int_equal(t.bytes, 0);
    mem_table_done(&t);
}

static void refuses_new_items_when_full(void **state)
{
    struct mem_table t = table_with(4096);
    char key[16];
    size_t n = 0;

    (void)state;
    while (mem_table_has_room(&t, numbered(key, n), 100, 0))
        mem_table_set(&t, numbered(key, n++), str_make(key, 5), 1000);
    assert_in_range(n, 10, 40);
    assert_true(holds(&t, numbered(key, 0), str_make(key, 5), 0));
    assert_true(mem_table_has_room(&t, numbered(key, 0), 5, 0)); /* replaces itself */
    assert_false(mem_table_has_room(&t, numbered(key, n), 100, 999));
    assert_true(mem_table_has_room(&t, numbered(key, n), 100, 1000)); /* expired items make room */
    assert_true(t.n < n);
    assert_false(mem_table_has_room(&t, numbered(key, n), 5000, 1000));
    assert_int_equal(t.bytes, 0);
    mem_table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_item_that_was_set),
        cmocka_unit_test(replaces_value_and_expiry),
        cmocka_unit_test(sets_an_item_from_its_own_text),
        cmocka_unit_test(removes_expired_items),
        cmocka_unit_test(refuses_new_items_when_full),
    };

    return cmocka_run_group_tests_name("mem_table", tests, NULL, NULL);
}
