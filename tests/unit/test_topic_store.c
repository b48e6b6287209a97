#include "app/conn/topic_store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define REPLACED 2000

/* Settings whose values for the topic "a" are all the same number. */
static struct topic_settings *settings_of(unsigned n)
{
    struct topic_settings *settings = NULL;
    struct buf why = { 0 };
    char text[64];

    (void)snprintf(text, sizeof(text), "a %u %u %u\n", n, n, n);
    assert_int_equal(topic_settings_parse(str_of(text), 65536, &settings, &why), EH_OK);
    return settings;
}

static void expect(struct topic_store *s, const char *topic, uint64_t want)
{
    struct topic_setting found = topic_store_find(s, str_of(topic));

    assert_int_equal(found.max_length, want);
    assert_int_equal(found.ttl_s, want);
    assert_int_equal(found.max_size, want);
}

static void finds_the_current_settings(void **state)
{
    struct topic_settings *first = settings_of(1);
    struct topic_store *s = topic_store_create(topic_settings_ref(first));

    (void)state;
    expect(s, "a", 1);
    expect(s, "b", 0);
    topic_store_replace(s, settings_of(2));
    expect(s, "a", 2);
    assert_int_equal(topic_settings_find(first, STR("a")).ttl_s, 1); /* while somebody uses them */
    topic_settings_unref(first);
    topic_store_free(s);
    topic_store_free(NULL);
}

/* A worker: sees one set of settings or another, never a mix, and none that are older than before. */
static void *find_until_the_last(void *arg)
{
    struct topic_setting found;
    uint64_t before = 1;

    do {
        found = topic_store_find(arg, STR("a"));
        if (found.max_length != found.ttl_s || found.ttl_s != found.max_size ||
            found.ttl_s < before)
            return arg;
        before = found.ttl_s;
    } while (before < REPLACED);
    return NULL;
}

static void is_replaced_while_workers_use_it(void **state)
{
    struct topic_store *s = topic_store_create(settings_of(1));
    pthread_t workers[2];

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, find_until_the_last, s), 0);
    for (unsigned n = 2; n <= REPLACED; n++)
        topic_store_replace(s, settings_of(n));
    for (size_t i = 0; i < 2; i++) {
        void *fault;

        assert_int_equal(pthread_join(workers[i], &fault), 0);
        assert_null(fault);
    }
    topic_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_current_settings),
        cmocka_unit_test(is_replaced_while_workers_use_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
