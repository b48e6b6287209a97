#include "broker/redis/redis_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static void assert_text(struct buf *b, const char *want)
{
    buf_add_char(b, '\0');
    assert_string_equal(buf_head(b), want);
    buf_done(b);
}

static void puts_all_keys_into_the_slot_of_the_prefix(void **state)
{
    struct buf b = { 0 };

    (void)state;
    keys_add(&b, STR("eventhub"), STR("id"));
    assert_text(&b, "{eventhub}:id");
    keys_add(&b, STR(""), STR("log:"));
    assert_text(&b, "{}:log:");
}

static void puts_the_key_of_a_publish_after_its_topic(void **state)
{
    struct buf b = { 0 };

    (void)state;
    keys_add_once(&b, STR("eventhub"), STR("room/1"), STR("my key: 1"));
    assert_text(&b, "{eventhub}:once:room/1:my key: 1");
}

/* All nodes must compute the same name. */
static void names_a_counter_by_a_hash_of_the_publisher(void **state)
{
    const struct rate_rule rule = { .topic = STR("room/#"), .max = 5, .interval_s = 60 };
    struct buf b = { 0 };

    (void)state;
    keys_add_count(&b, STR("eventhub"), STR("alice"), &rule);
    assert_text(&b, "{eventhub}:rl:2bd806c97f0e00af1a1fc3328fa763a9:60:room/#");
}

static void joins_prefix_and_topic_into_a_channel(void **state)
{
    struct buf b = { 0 };

    (void)state;
    keys_add_channel(&b, STR("eventhub"), STR("room/1"));
    assert_text(&b, "eventhub:room/1");
}

static void escapes_the_prefixes_in_a_glob(void **state)
{
    static const struct {
        const char *prefix, *begin, *want;
    } cases[] = {
        { "eventhub", "", "eventhub:*" },
        { "eventhub", "a/b/", "eventhub:a/b/*" },
        { "", "", ":*" },
        { "a*b?", "", "a\\*b\\?:*" },
        { "[x^y]", "", "\\[x\\^y\\]:*" },
        { "a\\b", "c*/", "a\\\\b:c\\*/*" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = { 0 };

        keys_add_glob(&b, str_of(cases[i].prefix), str_of(cases[i].begin));
        assert_text(&b, cases[i].want);
    }
}

static void finds_the_topic_of_a_channel(void **state)
{
    static const struct {
        const char *prefix, *channel, *want; /* NULL: not ours */
    } cases[] = {
        { "eventhub", "eventhub:room/1", "room/1" },
        { "eventhub", "eventhub:a:b", "a:b" },
        { "eventhub", "eventhub:", "" },
        { "", ":a", "a" },
        { "eventhub", "eventhub", NULL },
        { "eventhub", "eventhub2:a", NULL },
        { "eventhub", "event", NULL },
        { "eventhub", "Eventhub:a", NULL },
        { "eventhub", "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = keys_channel_topic(str_of(cases[i].prefix), str_of(cases[i].channel));

        if (!cases[i].want) {
            assert_null(got.p);
            continue;
        }
        assert_non_null(got.p);
        assert_true(str_eq(got, str_of(cases[i].want)));
    }
}

static void knows_the_channels_of_a_longer_prefix(void **state)
{
    static const struct {
        const char *channel;
        bool want;
    } cases[] = {
        { "app:a", false },    { "app:$metrics$/1", false },  { "app:b:a", true },
        { "app:b:a/c", true }, { "app:b:$metrics$/1", true }, { "app::", true },
        { "app:", false },     { "other:b:a", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str topic = keys_channel_topic(STR("app"), str_of(cases[i].channel));

        assert_int_equal(keys_is_of_longer_prefix(topic), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_all_keys_into_the_slot_of_the_prefix),
        cmocka_unit_test(puts_the_key_of_a_publish_after_its_topic),
        cmocka_unit_test(names_a_counter_by_a_hash_of_the_publisher),
        cmocka_unit_test(joins_prefix_and_topic_into_a_channel),
        cmocka_unit_test(escapes_the_prefixes_in_a_glob),
        cmocka_unit_test(finds_the_topic_of_a_channel),
        cmocka_unit_test(knows_the_channels_of_a_longer_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
