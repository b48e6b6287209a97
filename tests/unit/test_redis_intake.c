/* Messages of the feed: which are passed on, held back or dropped. */
#include "broker/redis/redis_intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/array.h"
#include "broker/fanout.h"
#include "broker/port.h"
#include "support/still_core.h"
#include "support/still_link.h"

#define ALL "P:*"

static struct {
    struct metrics_cell metrics;
    struct core core;
    struct fanout fanout;
    struct redis_names names;
    struct redis_partition partition;
    struct redis_channels *channels;
    struct interest *interest;
    struct redis_probe probe;
    struct redis_tail *tail;
    struct redis_link *link;
    struct redis_intake intake;
    char story[128]; /* what came out; a space follows each word */
} test;

/* ---- the node ---- */

static void tell(const char *word)
{
    size_t used = strlen(test.story);

    (void)snprintf(test.story + used, sizeof(test.story) - used, "%s ", word);
}

static void on_live(struct mail *m, void *owner)
{
    struct live_batch *batch = container_of(m, struct live_batch, mail);
    char id[24];

    (void)owner;
    for (size_t i = 0; i < batch->n; i++) {
        (void)snprintf(id, sizeof(id), "%s%u", batch->items[i]->legacy ? "legacy" : "",
                       (unsigned)batch->items[i]->id.ms);
        tell(id);
    }
    outbox_batch_free(batch);
}

static void on_message(void *owner, struct str channel, struct str payload)
{
    (void)owner;
    if (str_eq(channel, STR("P:$metrics$/history")) && str_eq(payload, STR("purged 7-0 a"))) {
        tell("purged");
        return;
    }
    assert_true(str_eq(payload, STR("who")));
    tell("presence");
}

static void on_probe(void *owner)
{
    (void)owner;
    tell("probe");
}

static void on_doubt(void *owner)
{
    (void)owner;
    tell("doubt");
}

static void on_filter(void *owner, struct str filter)
{
    (void)owner;
    (void)filter;
}

static void confirm(enum redis_confirmation what, const char *channel)
{
    assert_true(redis_channels_on_confirmed(test.channels, what, str_of(channel)));
}

/* `a` came by name before the wide glob was confirmed, and both are open. */
static void open_channels(void)
{
    static const struct redis_channels_rights rights = { .has_globs = false, .may_leave = true };
    struct redis_command c;

    test.channels = redis_channels_create(&(struct redis_channels_config){
        .names = &test.names, .max = 10, .now_ms = 1, .on_live = on_filter });
    redis_channels_on_up(test.channels, &rights);
    (void)redis_channels_want(test.channels, STR("a"));
    (void)redis_channels_want(test.channels, STR("b/#"));
    while (redis_channels_next(test.channels, &c))
        ;
    confirm(CONFIRMED_SUBSCRIBE, "P:a");
    confirm(CONFIRMED_PSUBSCRIBE, ALL);
}

static int set_up(void **state)
{
    static const struct broker_config config = { .tail_memory = 1u << 20, .max_cache_length = 100 };

    (void)state;
    memset(&test, 0, sizeof(test));
    still_core_open(&test.core, NULL, NULL, &test.metrics);
    test.core.fanout = &test.fanout;
    fanout_init(&test.fanout, &test.core);
    fanout_add(&test.fanout, port_create(&test.core, test.core.inbox, on_live, on_live));
    redis_names_init(&test.names, STR("P"));
    open_channels();
    test.interest = interest_create();
    (void)interest_add(test.interest, STR("a"), 0);
    redis_probe_init(&test.probe, &test.core, &test.names);
    test.tail = redis_tail_create(&config);
    test.link = redis_link_create(&(struct redis_link_config){ .loop = test.core.loop });
    still_link_up(test.link);
    test.partition = (struct redis_partition){ .core = &test.core, .has_joined = true };
    test.intake.config = (struct redis_intake_config){
        .core = &test.core,
        .prefix = STR("P"),
        .partition = &test.partition,
        .channels = test.channels,
        .interest = test.interest,
        .probe = &test.probe,
        .tail = test.tail,
        .others = { STR("{P}:questions"), STR("{P}:answers") },
        .on_message = on_message,
        .on_probe = on_probe,
        .on_doubt = on_doubt,
    };
    redis_intake_begin(&test.intake);
    test.intake.is_joined = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_intake_end(&test.intake);
    redis_link_free(test.link);
    still_link_end();
    redis_tail_free(test.tail);
    redis_probe_done(&test.probe);
    interest_free(test.interest);
    redis_channels_free(test.channels);
    redis_names_done(&test.names);
    loop_cancel(&test.fanout.flush);
    fanout_end(&test.fanout);
    fanout_done(&test.fanout);
    still_core_close(&test.core);
    return 0;
}

/* ---- what comes ---- */

static redisReply text(const char *s)
{
    return (redisReply){ .type = REDIS_REPLY_STRING, .str = (char *)s, .len = strlen(s) };
}

/* glob: NULL: by name */
static void come(const char *glob, const char *channel, const char *payload)
{
    redisReply parts[] = { text(glob ? "pmessage" : "message"), text(glob ? glob : ""),
                           text(channel), text(payload) };
    redisReply *by_glob[] = { &parts[0], &parts[1], &parts[2], &parts[3] };
    redisReply *by_name[] = { &parts[0], &parts[2], &parts[3] };

    assert_true(
        redis_intake_take(&test.intake, &(redisReply){ .type = REDIS_REPLY_ARRAY,
                                                       .elements = glob ? 4 : 3,
                                                       .element = glob ? by_glob : by_name }));
}

static void come_ours(const char *glob, const char *topic, const char *id)
{
    char channel[32], payload[128];

    (void)snprintf(channel, sizeof(channel), "P:%s", topic);
    (void)snprintf(payload, sizeof(payload),
                   "{\"id\":\"%s\",\"message\":\"x\",\"topic\":\"%s\",\"expiry\":0,\"v\":1}", id,
                   topic);
    come(glob, channel, payload);
}

static void come_legacy(const char *glob, const char *topic)
{
    char channel[32], payload[128];

    (void)snprintf(channel, sizeof(channel), "P:%s", topic);
    (void)snprintf(payload, sizeof(payload), "{\"topic\":\"%s\",\"id\":\"1-1\",\"message\":\"x\"}",
                   topic);
    come(glob, channel, payload);
}

static void assert_story(const char *expected)
{
    outbox_flush(&test.fanout.ports[0]->outbox);
    while (mailbox_drain(test.core.inbox))
        ;
    assert_string_equal(test.story, expected);
    test.story[0] = '\0';
}

static uint64_t count(enum metric m)
{
    return metrics_get(&test.metrics, m);
}

/* ---- tests ---- */

static void passes_on_one_copy_of_each_message(void **state)
{
    (void)state;
    come_ours(NULL, "a", "5-0");
    come_ours(ALL, "a", "5-0");
    come_ours(ALL, "b", "5-1");
    come_ours(NULL, "a", "6-0");
    come_ours(ALL, "a", "6-0");
    assert_story("5 5 6 ");
    assert_int_equal(count(METRIC_FEED_WANTED), 2);
    assert_int_equal(count(METRIC_FEED_UNWANTED), 1);
    redis_intake_begin(&test.intake); /* another connection */
    come_ours(NULL, "a", "6-0");
    assert_int_equal(count(METRIC_FEED_WANTED), 3);
}

static void passes_on_one_copy_of_each_legacy_message(void **state)
{
    (void)state;
    come_legacy(NULL, "a");
    come_legacy(ALL, "a");
    come_legacy(NULL, "a");
    come_legacy(ALL, "a");
    come_legacy(ALL, "b");
    assert_story("legacy1 legacy1 legacy1 ");
    assert_int_equal(count(METRIC_FEED_LEGACY), 3);
}

/* Another program has published a message with an id that Redis issues later. The real message is
 * not a copy. The worker drops it, but the tail must know that Redis has more than the tail. */
static bool is_known(void)
{
    struct broker_history question = { .filter = STR("a"), .after = { 2, 0 } };
    struct redis_tail_marks marks = { .from = { 1, 0 }, .high_water = { 5, 0 }, .now_ms = 1 };
    bool is_answered = redis_tail_answer(test.tail, &question, &marks);

    for (size_t i = 0; i < question.ret_n; i++)
        message_unref(question.ret_items[i]);
    free(question.ret_items);
    return is_answered;
}

static void takes_no_message_below_another_one_for_a_copy(void **state)
{
    (void)state;
    redis_tail_clear(test.tail, (struct msgid){ 1, 0 });
    come_ours(NULL, "a", "5-0");
    assert_true(is_known());
    come_ours(NULL, "a", "3-0");
    assert_story("5 ");
    assert_false(is_known());
}

static void doubts_ids_that_no_redis_has_issued(void **state)
{
    (void)state;
    come_ours(NULL, "a", "99999999999999-0");
    come_ours(NULL, "a", "99999999999999-1"); /* within a second */
    assert_story("doubt ");
    assert_int_equal(count(METRIC_FEED_INVALID), 2);
    come_ours(NULL, "a", "5-0");
    assert_story("5 ");
    test.intake.may_doubt_ms = 0;
    test.intake.is_joined = false;
    come_ours(NULL, "a", "99999999999999-2");
    assert_story(""); /* it joins anyway */
}

static void sorts_out_what_is_no_message_for_workers(void **state)
{
    static const struct {
        const char *channel, *payload, *story;
        uint64_t n_invalid;
    } rows[] = {
        { "{P}:questions", "who", "presence ", 0 },
        { "{P}:answers", "who", "presence ", 0 },
        { "P:$metrics$/0123", "17", "", 0 }, /* the probe of another node */
        { "P:$metrics$/history", "7-0 0123456789012345678901234567890123456789", "doubt ", 0 },
        { "P:$metrics$/history", "purged 7-0 a", "purged ", 0 },
        { "P:other:a", "{}", "", 0 }, /* a deployment with the prefix `P:other` */
        { "P:a", "{}", "", 1 },
        { "P:a", "", "", 1 },
        { "P:", "{}", "", 1 },
        { "Q:a", "{\"id\":\"5-0\",\"message\":\"x\",\"topic\":\"a\",\"v\":1}", "", 1 },
        { "P:a", "{\"id\":\"5-0\",\"message\":\"x\",\"topic\":\"b\",\"v\":1}", "", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t before = count(METRIC_FEED_INVALID);

        come(NULL, rows[i].channel, rows[i].payload);
        assert_story(rows[i].story);
        assert_int_equal(count(METRIC_FEED_INVALID) - before, rows[i].n_invalid);
    }
}

static void passes_on_its_own_probe_once(void **state)
{
    char channel[64];

    (void)state;
    redis_probe_send(&test.probe, test.link, (struct redis_done){ 0 });
    (void)snprintf(channel, sizeof(channel), "%.*s", STR_ARG(buf_str(&test.probe.channel)));
    come(NULL, channel, "0");
    assert_story("");
    come(NULL, channel, still_link_argument(test.link, still_link_arguments(test.link) - 1));
    come(ALL, channel, still_link_argument(test.link, still_link_arguments(test.link) - 1));
    assert_story("probe ");
}

static void holds_messages_back_until_the_feed_has_joined(void **state)
{
    (void)state;
    test.intake.is_joined = false;
    test.partition.has_joined = false;
    come_ours(NULL, "a", "5-0");
    assert_true(msgid_is_zero(core_newest(&test.core))); /* the id may not be real */
    test.partition.has_joined = true;
    come_ours(NULL, "a", "6-0");
    come_ours(ALL, "a", "6-0");
    come_legacy(NULL, "a");
    assert_int_equal(core_newest(&test.core).ms, 6);
    assert_int_equal(test.intake.held.ms, 6);
    assert_story("");
    redis_intake_release(&test.intake);
    assert_story("5 6 legacy1 ");
    come_ours(NULL, "a", "7-0");
    redis_intake_end(&test.intake);
    redis_intake_release(&test.intake);
    assert_story("");
}

static void leaves_other_replies_to_its_caller(void **state)
{
    redisReply reply = text("PONG");

    (void)state;
    assert_false(redis_intake_take(&test.intake, &reply));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(passes_on_one_copy_of_each_message),
        TEST(passes_on_one_copy_of_each_legacy_message),
        TEST(takes_no_message_below_another_one_for_a_copy),
        TEST(doubts_ids_that_no_redis_has_issued),
        TEST(sorts_out_what_is_no_message_for_workers),
        TEST(passes_on_its_own_probe_once),
        TEST(holds_messages_back_until_the_feed_has_joined),
        TEST(leaves_other_replies_to_its_caller),
    };

    return cmocka_run_group_tests_name("redis_intake", tests, NULL, NULL);
}
