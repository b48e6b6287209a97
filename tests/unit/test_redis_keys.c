#include "broker/redis/redis_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_text(struct buf *b, const char *want)
{
    buf_add_char(b, '\0');
    assert_string_equal(buf_head(b), want);
    buf_done(b);
}

static void all_keys_share_the_slot_of_the_prefix(void **state)
{
    struct buf b = { 0 };

    (void)state;
    keys_add(&b, STR("eventhub"), STR("id"));
    assert_text(&b, "{eventhub}:id");
    keys_add(&b, STR(""), STR("log:"));
    assert_text(&b, "{}:log:");
}

static void a_publishers_key_stands_behind_its_topic(void **state)
{
    struct buf b = { 0 };

    (void)state;
    keys_add_once(&b, STR("eventhub"), STR("room/1"), STR("my key: 1"));
    assert_text(&b, "{eventhub}:once:room/1:my key: 1");
}

/* All nodes must come to the same name. */
static void a_count_is_named_by_a_hash_of_who(void **state)
{
    const struct rate_rule rule = { .topic = STR("room/#"), .max = 5, .interval_s = 60 };
    struct buf b = { 0 };

    (void)state;
    keys_add_count(&b, STR("eventhub"), STR("alice"), &rule);
    assert_text(&b, "{eventhub}:rl:2bd806c97f0e00af1a1fc3328fa763a9:60:room/#");
}

static void a_channel_is_the_prefix_and_the_topic(void **state)
{
    struct buf b = { 0 };

    (void)state;
    keys_add_channel(&b, STR("eventhub"), STR("room/1"));
    assert_text(&b, "eventhub:room/1");
}

static void the_feed_pattern_takes_the_prefix_literally(void **state)
{
    static const struct {
        const char *prefix, *want;
    } cases[] = {
        { "eventhub", "eventhub:*" }, { "", ":*" },           { "a*b?", "a\\*b\\?:*" },
        { "[x^y]", "\\[x\\^y\\]:*" }, { "a\\b", "a\\\\b:*" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = { 0 };

        keys_add_feed_pattern(&b, str_of(cases[i].prefix));
        assert_text(&b, cases[i].want);
    }
}

static void the_topic_of_a_channel(void **state)
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
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str got = keys_channel_topic(str_of(cases[i].prefix), str_of(cases[i].channel));

        if (!cases[i].want) {
            assert_null(got.p);
            continue;
        }
        assert_non_null(got.p);
        assert_true(str_eq(got, str_of(cases[i].want)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys_share_the_slot_of_the_prefix),
        cmocka_unit_test(a_publishers_key_stands_behind_its_topic),
        cmocka_unit_test(a_count_is_named_by_a_hash_of_who),
        cmocka_unit_test(a_channel_is_the_prefix_and_the_topic),
        cmocka_unit_test(the_feed_pattern_takes_the_prefix_literally),
        cmocka_unit_test(the_topic_of_a_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
