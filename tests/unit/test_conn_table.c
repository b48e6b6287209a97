/* test_conn_table.c - slots and tickets, with pointers that are never followed. */
#include "app/conn/conn_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CONNS 100

static char conns[CONNS];
static unsigned n_emptied;

static void on_empty(struct conn_table *t)
{
    (void)t;
    n_emptied++;
}

static struct conn *conn(size_t i)
{
    return (struct conn *)(void *)&conns[i];
}

static int set_up(void **state)
{
    static struct conn_table t;

    n_emptied = 0;
    conn_table_init(&t, on_empty);
    *state = &t;
    return 0;
}

static int tear_down(void **state)
{
    conn_table_done(*state);
    return 0;
}

static void finds_each_connection_by_its_ticket(void **state)
{
    struct conn_table *t = *state;
    struct conn_ref refs[CONNS];

    for (size_t i = 0; i < CONNS; i++)
        refs[i] = conn_table_add(t, conn(i));
    assert_int_equal(t->n_conns, CONNS);
    for (size_t i = 0; i < CONNS; i++)
        assert_ptr_equal(conn_table_find(t, refs[i]), conn(i));
}

static void never_finds_another_in_the_same_slot(void **state)
{
    struct conn_table *t = *state;
    struct conn_ref old = conn_table_add(t, conn(0)), new;

    conn_table_remove(t, old);
    assert_null(conn_table_find(t, old));
    new = conn_table_add(t, conn(1));
    assert_int_equal(new.slot, old.slot);
    assert_null(conn_table_find(t, old));
    assert_ptr_equal(conn_table_find(t, new), conn(1));
}

static void reports_when_the_last_one_left(void **state)
{
    struct conn_table *t = *state;
    struct conn_ref a = conn_table_add(t, conn(0)), b = conn_table_add(t, conn(1));

    conn_table_remove(t, a);
    assert_int_equal(n_emptied, 0);
    conn_table_remove(t, b);
    assert_int_equal(n_emptied, 1);
}

static void walks_all_while_they_leave(void **state)
{
    struct conn_table *t = *state;
    struct conn_ref refs[CONNS];
    struct conn *c;
    uint32_t slot = 0;
    size_t n = 0;

    for (size_t i = 0; i < CONNS; i++)
        refs[i] = conn_table_add(t, conn(i));
    for (size_t i = 0; i < CONNS; i += 3)
        conn_table_remove(t, refs[i]);
    while ((c = conn_table_next(t, &slot))) {
        size_t i = (size_t)((char *)c - conns);

        assert_int_not_equal(i % 3, 0);
        conn_table_remove(t, refs[i]);
        n++;
    }
    assert_int_equal(n, CONNS - (CONNS + 2) / 3);
    assert_int_equal(t->n_conns, 0);
    assert_null(conn_table_next(t, &slot));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_each_connection_by_its_ticket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(never_finds_another_in_the_same_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reports_when_the_last_one_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(walks_all_while_they_leave, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
