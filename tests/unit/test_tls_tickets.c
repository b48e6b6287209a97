/* test_tls_tickets.c - a key seals for one period, opens for two, and is then forgotten. */
#include "net/tls_tickets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

#define BEGIN 1000 /* seconds: a machine that has just started */

static bool is_same(const struct tls_ticket_key *a, const struct tls_ticket_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void forgets_a_key_after_two_periods(void **state)
{
    const struct {
        uint64_t at_s; /* seconds after the key was created; nothing happens in between */
        enum tls_ticket_age age;
    } cases[] = {
        { 0, TLS_TICKET_RECENT },
        { TLS_TICKET_S - 1, TLS_TICKET_RECENT },
        { TLS_TICKET_S, TLS_TICKET_OLD },
        { 2 * TLS_TICKET_S - 1, TLS_TICKET_OLD },
        { 2 * TLS_TICKET_S, TLS_TICKET_UNKNOWN },
        { 100 * TLS_TICKET_S, TLS_TICKET_UNKNOWN },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_tickets *t = tls_tickets_create();
        struct tls_ticket_key key, found, next;

        tls_tickets_seal(t, BEGIN, &key);
        if (tls_tickets_open(t, BEGIN + cases[i].at_s, key.name, &found) != cases[i].age)
            fail_msg("wrong age in case %zu", i);
        if (cases[i].age != TLS_TICKET_UNKNOWN)
            assert_true(is_same(&key, &found));
        tls_tickets_seal(t, BEGIN + cases[i].at_s, &next);
        assert_int_equal(is_same(&key, &next), cases[i].age == TLS_TICKET_RECENT);
        tls_tickets_free(t);
    }
}

/* Neither opening tickets nor creating a new key extends the life of an old one. */
static void never_extends_the_life_of_a_key(void **state)
{
    const uint64_t looks[] = { TLS_TICKET_S, 2 * TLS_TICKET_S - 1, 2 * TLS_TICKET_S };
    struct tls_tickets *t = tls_tickets_create();
    struct tls_ticket_key key, found, next;

    (void)state;
    tls_tickets_seal(t, BEGIN, &key);
    for (size_t i = 0; i < ARRAY_LEN(looks); i++)
        assert_int_equal(tls_tickets_open(t, BEGIN + looks[i], key.name, &found),
                         i + 1 < ARRAY_LEN(looks) ? TLS_TICKET_OLD : TLS_TICKET_UNKNOWN);

    tls_tickets_seal(t, 2 * BEGIN + 2 * TLS_TICKET_S, &key);
    tls_tickets_seal(t, 2 * BEGIN + 4 * TLS_TICKET_S - 1, &next);
    assert_int_equal(tls_tickets_open(t, 2 * BEGIN + 4 * TLS_TICKET_S - 1, key.name, &found),
                     TLS_TICKET_OLD);
    assert_int_equal(tls_tickets_open(t, 2 * BEGIN + 4 * TLS_TICKET_S, key.name, &found),
                     TLS_TICKET_UNKNOWN);
    assert_int_equal(tls_tickets_open(t, 2 * BEGIN + 4 * TLS_TICKET_S, next.name, &found),
                     TLS_TICKET_RECENT);
    tls_tickets_free(t);
}

/* A busy node has the key of this period and the one before. */
static void keeps_the_previous_key(void **state)
{
    struct tls_tickets *t = tls_tickets_create();
    struct tls_ticket_key keys[5], found;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        uint64_t now_s = BEGIN + i * TLS_TICKET_S;

        tls_tickets_seal(t, now_s, &keys[i]);
        assert_int_equal(tls_tickets_open(t, now_s, keys[i].name, &found), TLS_TICKET_RECENT);
        if (i >= 1)
            assert_int_equal(tls_tickets_open(t, now_s, keys[i - 1].name, &found), TLS_TICKET_OLD);
        if (i >= 2)
            assert_int_equal(tls_tickets_open(t, now_s, keys[i - 2].name, &found),
                             TLS_TICKET_UNKNOWN);
    }
    tls_tickets_free(t);
}

/* Of two threads that ask at once, the one that read the clock first can come last. */
static void accepts_a_key_from_the_future(void **state)
{
    struct tls_tickets *t = tls_tickets_create();
    struct tls_ticket_key key, found;

    (void)state;
    tls_tickets_seal(t, BEGIN, &key);
    assert_int_equal(tls_tickets_open(t, BEGIN - 1, key.name, &found), TLS_TICKET_RECENT);
    tls_tickets_seal(t, BEGIN - 1, &found);
    assert_true(is_same(&key, &found));
    tls_tickets_free(t);
}

static void draws_random_keys(void **state)
{
    struct tls_tickets *a = tls_tickets_create(), *b = tls_tickets_create();
    const unsigned char nothing[16] = { 0 };
    struct tls_ticket_key of_a, of_b, found;

    (void)state;
    assert_int_equal(tls_tickets_open(a, BEGIN, nothing, &found), TLS_TICKET_UNKNOWN);
    tls_tickets_seal(a, BEGIN, &of_a);
    tls_tickets_seal(b, BEGIN, &of_b);
    assert_memory_not_equal(of_a.name, of_b.name, sizeof(of_a.name));
    assert_memory_not_equal(of_a.cipher, of_b.cipher, sizeof(of_a.cipher));
    assert_memory_not_equal(of_a.mac, of_b.mac, sizeof(of_a.mac));
    assert_int_equal(tls_tickets_open(a, BEGIN, of_b.name, &found), TLS_TICKET_UNKNOWN);
    assert_int_equal(tls_tickets_open(a, BEGIN, nothing, &found), TLS_TICKET_UNKNOWN);
    tls_tickets_free(a);
    tls_tickets_free(b);
    tls_tickets_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgets_a_key_after_two_periods),
        cmocka_unit_test(never_extends_the_life_of_a_key),
        cmocka_unit_test(keeps_the_previous_key),
        cmocka_unit_test(accepts_a_key_from_the_future),
        cmocka_unit_test(draws_random_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
