#include "broker/redis/redis_publish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

static const struct broker_config config = { .default_ttl_s = 86400,
                                             .max_cache_length = 1000,
                                             .cache = true };
static const struct msgid newest = { 7, 8 };

/* want: the arguments, with a bar behind each. */
static void assert_args(const struct redis_command *c, const char *want)
{
    struct str rest = str_of(want), arg;
    size_t n = 0;

    for (; rest.n > 0 && str_cut(&rest, '|', &arg); n++) {
        assert_true(n < c->n);
        if (!str_eq(str_make(c->args[n], c->lengths[n]), arg))
            fail_msg("argument %zu: '%.*s', want '%.*s'", n, (int)c->lengths[n], c->args[n],
                     STR_ARG(arg));
    }
    assert_int_equal(c->n, n);
}

#define KEYS   "{hub}:id|{hub}:topics|{hub}:recent|{hub}:floors|{hub}:ends|"
#define COMMON "hub:|1000|1|7-8|86400|cafe|"

static void a_batch_names_the_keys_that_each_message_needs(void **state)
{
    const struct broker_publish plain = { .topic = STR("a/b"),
                                          .message_json = STR("\"x\""),
                                          .origin_json = STR("\"me\""),
                                          .ttl_s = 60,
                                          .timestamp = 123 };
    const struct broker_publish bare = { .topic = STR("a"),
                                         .message_json = STR("1"),
                                         .timestamp = -5 };
    const struct broker_publish own = { .topic = STR("a"),
                                        .message_json = STR("1"),
                                        .author = { 12, 3, 4, 5 } };
    const struct broker_publish brief = { .topic = STR("a"),
                                          .message_json = STR("1"),
                                          .max_length = 5 };
    const struct broker_publish full = {
        .topic = STR("a/b"),
        .message_json = STR("\"x\""),
        .origin_json = STR("alice"),
        .key = STR("k"),
        .limit = { .topic = STR("a/#"), .max = 5, .interval_s = 60 },
    };
    const struct {
        const struct broker_publish *batch[3];
        size_t n;
        const char *want;
    } cases[] = {
        { { &plain },
          1,
          "EVALSHA||6|" KEYS "{hub}:log:a/b|" COMMON "a/b|\"x\"|\"me\"|60|123|0||||" },
        { { &bare }, 1, "EVALSHA||6|" KEYS "{hub}:log:a|" COMMON "a|1||86400|0|0||||" },
        { { &own }, 1, "EVALSHA||6|" KEYS "{hub}:log:a|" COMMON "a|1||86400|0|0|||12-3-4-5|" },
        { { &brief },
          1,
          "EVALSHA||6|" KEYS "{hub}:log:a|hub:|5|1|7-8|86400|cafe|a|1||86400|0|0||||" },
        { { &brief, &bare },
          2,
          "EVALSHA||7|" KEYS "{hub}:log:a|{hub}:log:a|hub:|5 1000 |1|7-8|86400|cafe|"
          "a|1||86400|0|0||||a|1||86400|0|0||||" },
        { { &full, &bare, &plain },
          3,
          "EVALSHA||10|" KEYS "{hub}:log:a/b|{hub}:once:a/b:k|"
          "{hub}:rl:2bd806c97f0e00af1a1fc3328fa763a9:60:a/#|{hub}:log:a|{hub}:log:a/b|" COMMON
          "a/b|\"x\"|alice|86400|0|1|5|60000||a|1||86400|0|0||||a/b|\"x\"|\"me\"|60|123|0||||" },
    };
    struct redis_names names;

    (void)state;
    redis_names_init(&names, STR("hub"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_command c;

        redis_publish_make(&c, &names, &config, cases[i].batch, cases[i].n, newest, STR("cafe"));
        assert_true(c.is_script);
        assert_int_equal(c.script, SCRIPT_PUBLISH);
        assert_args(&c, cases[i].want);
    }
    redis_names_done(&names);
}

/* The keys and numbers of a command must not move while it is made. */
static void the_largest_batch_keeps_its_texts(void **state)
{
    static char topic[1024], key[BROKER_KEY_MAX];
    struct broker_publish p = { .message_json = STR("1"), .origin_json = STR("\"me\"") };
    struct broker_publish other;
    const struct broker_publish *batch[REDIS_BATCH_MAX];
    struct redis_names names;
    struct redis_command c;
    char *wire;

    (void)state;
    memset(topic, 't', sizeof(topic));
    memset(key, 'k', sizeof(key));
    p.topic = str_make(topic, sizeof(topic));
    p.key = str_make(key, sizeof(key));
    p.ttl_s = UINT64_MAX;
    p.timestamp = INT64_MAX;
    p.author = (struct author){ UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX };
    p.limit = (struct rate_rule){ .topic = p.topic, .max = UINT64_MAX, .interval_s = UINT32_MAX };
    p.max_length = UINT64_MAX;
    other = p;
    other.max_length--; /* so that each has a number of its own */
    for (size_t i = 0; i < ARRAY_LEN(batch); i++)
        batch[i] = i ? &p : &other;
    redis_names_init(&names, STR("hub"));
    redis_publish_make(&c, &names, &config, batch, ARRAY_LEN(batch), newest, STR("cafe"));
    assert_int_equal(c.n, 14 + 12 * REDIS_BATCH_MAX);
    for (size_t i = 0; i < REDIS_BATCH_MAX; i++) {
        const size_t own = 8 + 3 * i, more = 14 + 3 * REDIS_BATCH_MAX + 9 * i;

        assert_true(str_starts_with(str_make(c.args[own], c.lengths[own]), STR("{hub}:log:t")));
        assert_true(
            str_starts_with(str_make(c.args[own + 1], c.lengths[own + 1]), STR("{hub}:once:t")));
        assert_true(
            str_starts_with(str_make(c.args[own + 2], c.lengths[own + 2]), STR("{hub}:rl:")));
        assert_true(
            str_eq(str_make(c.args[more + 3], c.lengths[more + 3]), STR("18446744073709551615")));
        assert_true(str_eq(str_make(c.args[more + 7], c.lengths[more + 7]), STR("4294967295000")));
        assert_true(str_eq(str_make(c.args[more + 8], c.lengths[more + 8]),
                           STR("18446744073709551615-4294967295-4294967295-18446744073709551615")));
    }
    wire = test_malloc(redis_command_size(&c));
    redis_command_write(&c, wire);
    test_free(wire);
    redis_names_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_names_the_keys_that_each_message_needs),
        cmocka_unit_test(the_largest_batch_keeps_its_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
