/* test_per_ip.c - counts connections per address, against a naive model and from many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/array.h"
#include "net/per_ip.h"

static struct sock_addr addr(const char *text)
{
    struct sock_addr a;

    assert_int_equal(sock_addr_parse(str_of(text), &a), EH_OK);
    return a;
}

static void counts_an_ipv6_network_as_one_address(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        { "1.2.3.4", "1.2.3.4:99", true },
        { "1.2.3.4", "1.2.3.5", false },
        { "2001:db8::1", "2001:db8::ffff:0:1", true }, /* one /64 */
        { "2001:db8:0:1::1", "2001:db8:0:2::1", false },
        { "::1", "::2", true },
        { "::1", "0.0.0.1", false },
        { "::ffff:1.2.3.4", "1.2.3.4", true },
        { "::ffff:1.2.3.4", "::1", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct per_ip *p = per_ip_create(1);
        struct sock_addr a = addr(cases[i].a), b = addr(cases[i].b);

        assert_true(per_ip_enter(p, &a));
        assert_int_equal(per_ip_enter(p, &b), !cases[i].same);
        per_ip_free(p);
    }
}

static void accepts_another_after_one_has_left(void **state)
{
    struct per_ip *p = per_ip_create(2);
    struct sock_addr a = addr("1.2.3.4");

    (void)state;
    assert_true(per_ip_enter(p, &a));
    assert_true(per_ip_enter(p, &a));
    assert_false(per_ip_enter(p, &a));
    assert_false(per_ip_enter(p, &a)); /* a refusal does not count */
    per_ip_leave(p, &a);
    assert_true(per_ip_enter(p, &a));
    assert_false(per_ip_enter(p, &a));
    per_ip_free(p);
}

#define ADDRESSES 500
#define MOST      3
#define STEPS     200000

/* Random entering and leaving makes the table grow and close gaps in its chains. */
static void agrees_with_a_naive_count(void **state)
{
    struct per_ip *p = per_ip_create(MOST);
    unsigned n[ADDRESSES] = { 0 };

    (void)state;
    srand(1);
    for (int step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)rand() % ADDRESSES;
        struct sock_addr a = { .ip = { 0x20, 1, [6] = (uint8_t)(i >> 8), [7] = (uint8_t)i } };

        if (rand() % 2) {
            assert_int_equal(per_ip_enter(p, &a), n[i] < MOST);
            n[i] += n[i] < MOST;
        } else if (n[i]) {
            per_ip_leave(p, &a);
            n[i]--;
        }
    }
    per_ip_free(p);
}

#define THREADS 4

static struct per_ip *shared;
static atomic_int inside;

static void *enter_and_leave(void *arg)
{
    struct sock_addr a = addr("1.2.3.4");
    bool *was_over = arg;

    for (int i = 0; i < 20000; i++) {
        if (!per_ip_enter(shared, &a))
            continue;
        *was_over |= atomic_fetch_add(&inside, 1) >= MOST;
        atomic_fetch_sub(&inside, 1);
        per_ip_leave(shared, &a);
    }
    return NULL;
}

static void never_exceeds_the_limit_across_threads(void **state)
{
    pthread_t threads[THREADS];
    bool was_over[THREADS] = { 0 };

    (void)state;
    shared = per_ip_create(MOST);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, enter_and_leave, &was_over[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(was_over[i]);
    }
    per_ip_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_an_ipv6_network_as_one_address),
        cmocka_unit_test(accepts_another_after_one_has_left),
        cmocka_unit_test(agrees_with_a_naive_count),
        cmocka_unit_test(never_exceeds_the_limit_across_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
