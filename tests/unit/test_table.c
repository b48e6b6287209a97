/* test_table.c - adds and removes at random, against a plain list, with hashes that collide. */
#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"

#define ITEMS 400
#define STEPS 30000

struct item {
    uint32_t key;
    uint32_t hash;
    bool is_in; /* in the model */
};

static bool has_key(const void *item, const void *key)
{
    return ((const struct item *)item)->key == *(const uint32_t *)key;
}

static struct item *find(const struct table *t, const struct item *i)
{
    return table_find(t, i->hash, has_key, &i->key);
}

/* Checks that exactly the items of the model are found, and that every slot from the home of an
 * item to its place is in use. */
static void check(const struct table *t, const struct item *items, size_t n)
{
    size_t count = 0, used = 0;

    for (size_t i = 0; i < n; i++) {
        if (find(t, &items[i]) != (items[i].is_in ? &items[i] : NULL))
            fail_msg("item %u is %sfound", items[i].key, items[i].is_in ? "not " : "");
        count += items[i].is_in;
    }
    for (size_t s = 0; s < t->cap; s++) {
        if (!t->slots[s].item)
            continue;
        used++;
        for (size_t i = t->slots[s].hash & (t->cap - 1); i != s; i = (i + 1) & (t->cap - 1))
            assert_non_null(t->slots[i].item);
    }
    assert_int_equal(t->count, count);
    assert_int_equal(used, count);
}

static void change(struct table *t, struct item *i)
{
    i->is_in = !i->is_in;
    if (i->is_in)
        table_add(t, i, i->hash);
    else
        table_remove(t, i, i->hash);
}

/* Few homes make long chains; homes near the largest hash make them wrap around the end. */
static void agrees_with_a_plain_list(void **state)
{
    static const struct {
        uint32_t n_hashes, first;
    } cases[] = { { 1, 0 }, { 3, UINT32_MAX - 1 }, { 40, 8 }, { UINT32_MAX, 0 } };
    static struct item items[ITEMS];

    (void)state;
    srand(1);
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct table t = { 0 };

        for (uint32_t i = 0; i < ITEMS; i++)
            items[i] =
                (struct item){ .key = i,
                               .hash = cases[c].first + (uint32_t)rand() % cases[c].n_hashes };
        for (int step = 0; step < STEPS; step++) {
            struct item *i = &items[rand() % ITEMS];
            bool is_filling = step / 3000 % 2 == 0; /* else emptying */

            if (i->is_in != is_filling || rand() % 8 == 0)
                change(&t, i);
            if (step % 100 == 0)
                check(&t, items, ITEMS);
        }
        check(&t, items, ITEMS);
        table_done(&t);
    }
}

static void gives_memory_back(void **state)
{
    static struct item items[ITEMS];
    struct table t = { 0 };
    size_t largest;

    (void)state;
    assert_null(table_find(&t, 0, has_key, &items[0].key)); /* while it has no slots */
    for (uint32_t i = 0; i < ITEMS; i++) {
        items[i] = (struct item){ .key = i, .hash = i * 2654435761u };
        change(&t, &items[i]);
    }
    largest = t.cap;
    assert_in_range(largest, ITEMS / 3 * 4, ITEMS * 8 / 3);
    for (uint32_t i = 0; i < ITEMS; i++) {
        change(&t, &items[i]);
        check(&t, items, ITEMS);
    }
    assert_in_range(t.cap, 1, largest / 16);
    table_done(&t);
    assert_null(t.slots);
    table_add(&t, &items[0], 7); /* and it can be used again */
    assert_int_equal(t.count, 1);
    table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_list),
        cmocka_unit_test(gives_memory_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
