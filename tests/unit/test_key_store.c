#include "app/conn/key_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct keyring *ring_of(size_t n)
{
    struct keyring *keys = keyring_create();

    for (size_t i = 0; i < n; i++)
        assert_null(keyring_add(keys, STR(""), KEY_HS256, STR("secret")));
    return keys;
}

static void expect_rings(struct key_store *s, size_t own, size_t fetched)
{
    struct key_rings rings;

    key_store_take(s, &rings);
    assert_int_equal(keyring_count(rings.own), own);
    assert_int_equal(rings.fetched ? keyring_count(rings.fetched) : 0, fetched);
    keyring_unref(rings.own);
    keyring_unref(rings.fetched);
}

static void gives_the_current_keys(void **state)
{
    struct key_store *s = key_store_create(ring_of(1));
    struct key_rings before;

    (void)state;
    expect_rings(s, 1, 0);
    key_store_take(s, &before);
    key_store_replace(s, ring_of(2));
    expect_rings(s, 2, 0);
    assert_int_equal(keyring_count(before.own), 1); /* as long as somebody uses them */
    keyring_unref(before.own);
    key_store_fetched(s, ring_of(3));
    expect_rings(s, 2, 3);
    key_store_fetched(s, ring_of(4));
    key_store_replace(s, ring_of(5));
    expect_rings(s, 5, 4);
    key_store_free(s);
    key_store_free(NULL);
}

static bool on_ask(void *arg)
{
    ++*(int *)arg;
    return true;
}

static void waits_for_a_provider_until_its_keys_are_there(void **state)
{
    struct key_store *s = key_store_create(ring_of(0));
    const char *why;
    int asked = 0;

    (void)state;
    assert_false(key_store_is_waiting(s, &why)); /* there is no provider */
    assert_false(key_store_ask(s));
    key_store_expect(s, on_ask, &asked);
    assert_true(key_store_is_waiting(s, &why));
    assert_string_equal(why, "");
    key_store_failed(s, "no route to host");
    assert_true(key_store_is_waiting(s, &why));
    assert_string_equal(why, "no route to host");
    assert_int_equal(asked, 0);
    assert_true(key_store_ask(s));
    assert_int_equal(asked, 1);
    key_store_fetched(s, ring_of(1));
    assert_false(key_store_is_waiting(s, &why));
    key_store_failed(s, "no route to host");
    assert_false(key_store_is_waiting(s, &why)); /* the old ones stay */
    key_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_current_keys),
        cmocka_unit_test(waits_for_a_provider_until_its_keys_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
