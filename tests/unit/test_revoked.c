#include "hub/revoked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NONE STR("")

static int add_id(struct revoked *r, struct str jti, uint64_t until_ms)
{
    return revoked_add(
        r, &(struct revocation){ .kind = REVOKED_ID, .name = jti, .until_ms = until_ms }, 0);
}

static int add_sub(struct revoked *r, struct str sub, uint64_t before_ms, uint64_t until_ms)
{
    return revoked_add(r, &(struct revocation){ REVOKED_SUB, sub, before_ms, until_ms }, 0);
}

static void revokes_one_token(void **state)
{
    struct revoked *r = revoked_create(10);

    (void)state;
    assert_false(revoked_has(r, STR("t1"), STR("ann"), 50, 99));
    assert_int_equal(add_id(r, STR("t1"), 100), EH_OK);
    assert_true(revoked_has(r, STR("t1"), STR("ann"), 50, 99));
    assert_false(revoked_has(r, STR("t1"), STR("ann"), 50, 100));
    assert_false(revoked_has(r, STR("t2"), STR("ann"), 50, 99));
    assert_false(revoked_has(r, NONE, STR("t1"), 50, 99)); /* a sub of the same name */
    assert_false(revoked_has(r, NONE, NONE, 0, 0));
    revoked_free(r);
}

static void revokes_what_was_issued_before(void **state)
{
    struct revoked *r = revoked_create(10);

    (void)state;
    assert_int_equal(add_sub(r, STR("ann"), 50, 100), EH_OK);
    assert_true(revoked_has(r, NONE, STR("ann"), 49, 60));
    assert_true(revoked_has(r, NONE, STR("ann"), 0, 60));
    assert_false(revoked_has(r, NONE, STR("ann"), 50, 60));
    assert_false(revoked_has(r, NONE, STR("bob"), 49, 60));
    assert_int_equal(add_sub(r, STR("ann"), 40, 200), EH_OK); /* later times count */
    assert_true(revoked_has(r, NONE, STR("ann"), 49, 199));
    assert_int_equal(revoked_count(r), 1);
    revoked_free(r);
}

static void says_when_something_changes(void **state)
{
    struct revoked *r = revoked_create(10);
    uint32_t changes = revoked_changes(r);

    (void)state;
    assert_int_equal(add_sub(r, STR("ann"), 50, 100), EH_OK);
    assert_int_equal(revoked_changes(r), ++changes);
    assert_int_equal(add_sub(r, STR("ann"), 50, 100), EH_OK);
    assert_int_equal(add_sub(r, STR("ann"), 10, 20), EH_OK);
    assert_int_equal(revoked_changes(r), changes);
    assert_int_equal(add_sub(r, STR("ann"), 51, 100), EH_OK);
    assert_int_equal(revoked_changes(r), ++changes);
    assert_int_equal(add_sub(r, STR("ann"), 51, 101), EH_OK);
    assert_int_equal(revoked_changes(r), ++changes);
    assert_false(revoked_expire(r, 1000));
    assert_int_equal(revoked_changes(r), changes);
    revoked_free(r);
}

static void refuses_names_without_a_size(void **state)
{
    static char longest[REVOKED_NAME_MAX + 1];
    struct revoked *r = revoked_create(10);

    (void)state;
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(add_id(r, NONE, 100), EH_EINVAL);
    assert_int_equal(add_sub(r, str_make(longest, sizeof(longest)), 50, 100), EH_EINVAL);
    assert_int_equal(revoked_count(r), 0);
    assert_int_equal(add_sub(r, str_make(longest, REVOKED_NAME_MAX), 50, 100), EH_OK);
    revoked_free(r);
}

static void is_bounded_and_forgets(void **state)
{
    enum { MAX = 10000 }; /* more than one step */
    struct revoked *r = revoked_create(MAX);
    char name[16];
    size_t n_steps = 1;

    (void)state;
    for (unsigned i = 0; i < MAX; i++) {
        (void)snprintf(name, sizeof(name), "t%u", i);
        assert_int_equal(add_id(r, str_of(name), i + 1), EH_OK);
    }
    assert_int_equal(add_id(r, STR("more"), 50000), EH_ELIMIT);
    assert_int_equal(add_id(r, STR("t7"), 50000), EH_OK);
    while (revoked_expire(r, MAX - 1))
        n_steps++;
    assert_in_range(n_steps, 2, 20);
    assert_int_equal(revoked_count(r), 2);
    assert_true(revoked_has(r, STR("t7"), NONE, 0, 49999));
    assert_true(revoked_has(r, STR("t9999"), NONE, 0, MAX - 1));
    assert_int_equal(add_id(r, STR("more"), 50000), EH_OK);
    revoked_free(r);
}

static void gives_back_what_has_another_mark(void **state)
{
    struct revoked *r = revoked_create(10);
    struct revocation v = { .kind = REVOKED_ID, .name = STR("known"), .until_ms = 100 }, got[2];
    struct buf texts = { 0 };
    size_t n = 0;

    (void)state;
    assert_int_equal(revoked_add(r, &v, 1), EH_OK);
    assert_int_equal(add_id(r, STR("ended"), 50), EH_OK);
    for (char c = 'a'; c < 'd'; c++)
        assert_int_equal(add_sub(r, str_make(&c, 1), 10, 100), EH_OK);
    assert_int_equal(revoked_take_unmarked(r, 1, 50, got, 2, &texts), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(got[i].kind, REVOKED_SUB);
        assert_in_range(got[i].name.p[0], 'a', 'c');
        n += (size_t)got[i].name.p[0];
    }
    assert_int_equal(revoked_take_unmarked(r, 1, 50, got, 2, &texts), 1);
    assert_int_equal(n + (size_t)got[0].name.p[0], 'a' + 'b' + 'c');
    assert_int_equal(got[0].before_ms, 10);
    assert_int_equal(got[0].until_ms, 100);
    assert_int_equal(revoked_take_unmarked(r, 1, 50, got, 2, &texts), 0);
    assert_int_equal(revoked_add(r, &v, 2), EH_OK);
    assert_int_equal(revoked_take_unmarked(r, 1, 50, got, 2, &texts), 1);
    buf_done(&texts);
    revoked_free(r);
}

/* A large table is walked in steps, from its first slot with each mark. */
static void gives_back_each_entry_once(void **state)
{
    enum { N = 2 * REVOKED_STEP, MAX = 64 };
    struct revoked *r = revoked_create(N);
    struct revocation got[MAX];
    struct buf texts = { 0 };
    char name[16];

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        (void)snprintf(name, sizeof(name), "t%u", i);
        assert_int_equal(add_id(r, str_of(name), 100), EH_OK);
    }
    assert_int_equal(revoked_take_unmarked(r, 1, 50, got, MAX, &texts), MAX);
    for (uint32_t mark = 2; mark < 4; mark++) {
        size_t n, all = 0;

        while ((n = revoked_take_unmarked(r, mark, 50, got, MAX, &texts)) > 0)
            all += n;
        assert_int_equal(all, N);
    }
    buf_done(&texts);
    revoked_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revokes_one_token),
        cmocka_unit_test(revokes_what_was_issued_before),
        cmocka_unit_test(says_when_something_changes),
        cmocka_unit_test(refuses_names_without_a_size),
        cmocka_unit_test(is_bounded_and_forgets),
        cmocka_unit_test(gives_back_what_has_another_mark),
        cmocka_unit_test(gives_back_each_entry_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
