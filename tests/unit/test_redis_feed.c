/* How the feed joins: the test plays Redis on the feed's connection and on a link. */
#include "broker/redis/redis_feed.h"

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
#include "broker/redis/redis_tail.h"
#include "broker/redis/redis_wants.h"
#include "support/still_core.h"
#include "support/still_link.h"

static struct redis_names names;
static struct metrics_cell metrics;
static struct core core;
static struct fanout fanout;
static struct broker_port port;
static struct mail stop;
static struct redis_tail *tail;
static struct redis_feed *feed;
static struct redis_link *feed_link, *command_link;
static struct broker_want asked[4];
static size_t n_asked, n_answered;

/* ---- what Redis sends ---- */

static redisReply text(const char *s)
{
    return (redisReply){ .type = REDIS_REPLY_STRING, .str = (char *)s, .len = strlen(s) };
}

static void confirm(const char *kind, const char *channel, bool is_last)
{
    redisReply parts[] = { text(kind), text(channel), { .type = REDIS_REPLY_INTEGER } };
    redisReply *elements[] = { &parts[0], &parts[1], &parts[2] };
    redisReply reply = { .type = REDIS_REPLY_ARRAY, .elements = 3, .element = elements };

    is_last ? still_link_answer(feed_link, &reply) : still_link_push(feed_link, &reply);
}

static void answer_fence(const char *last)
{
    redisReply parts[] = { text(last), text("0-0"),
                           text(""),   { .type = REDIS_REPLY_INTEGER, .integer = 0 },
                           text(last), text("") };
    redisReply *elements[ARRAY_LEN(parts)];

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        elements[i] = &parts[i];
    assert_string_equal(still_link_asked(command_link), "script");
    still_link_answer(command_link, &(redisReply){ .type = REDIS_REPLY_ARRAY,
                                                   .elements = ARRAY_LEN(parts),
                                                   .element = elements });
}

/* ---- the node ---- */

static struct redis_link *pick(void *owner)
{
    (void)owner;
    return command_link;
}

static bool may_fence(void *owner)
{
    (void)owner;
    return true;
}

static void on_connected(void *owner, const struct redis_info *info)
{
    (void)owner;
    (void)info;
}

static void on_event(void *owner)
{
    (void)owner;
}

static void on_down(void *owner, const char *why)
{
    (void)owner;
    (void)why;
}

static const struct redis_feed_events events = {
    .pick = pick,
    .may_fence = may_fence,
    .on_connected = on_connected,
    .on_joined = on_event,
    .on_down = on_down,
    .on_accepted = on_event,
};

static void on_stop(struct mail *m, void *owner)
{
    (void)m;
    (void)owner;
    loop_stop(core.loop);
}

static void turn(void)
{
    stop.fn = on_stop;
    mailbox_post(core.inbox, &stop);
    loop_run(core.loop);
}

static int set_up(void **state)
{
    static const struct broker_config config = { .tail_memory = 1u << 20 };

    (void)state;
    memset(&core, 0, sizeof(core));
    still_core_open(&core, NULL, NULL, &metrics);
    core.fanout = &fanout;
    fanout_init(&fanout, &core);
    fanout_add(&fanout, port_create(&core, core.inbox, NULL, NULL));
    port.index = 0;
    redis_names_init(&names, STR("P"));
    tail = redis_tail_create(&config);
    n_asked = n_answered = 0;
    command_link = redis_link_create(&(struct redis_link_config){ .loop = core.loop });
    still_link_up(command_link);
    feed = redis_feed_create(&(struct redis_feed_config){
        .core = &core,
        .names = &names,
        .tail = tail,
        .link = { .loop = core.loop, .timeout_ms = 5000 },
        .channels = { STR("{P}:questions"), STR("{P}:answers") },
        .events = &events,
    });
    feed_link = still_link_last();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_feed_close(feed);
    redis_link_free(command_link);
    redis_feed_free(feed);
    redis_tail_free(tail);
    while (mailbox_drain(core.inbox))
        ;
    assert_int_equal(n_answered, n_asked);
    redis_names_done(&names);
    loop_cancel(&fanout.flush);
    fanout_end(&fanout);
    fanout_done(&fanout);
    still_link_end();
    still_core_close(&core);
    return 0;
}

/* ---- steps ---- */

static void on_answer(struct mail *m, void *owner)
{
    (void)m;
    (void)owner;
    n_answered++;
}

static void ask(const char *filter, bool reads_history)
{
    struct broker_want *w = &asked[n_asked++];

    *w = (struct broker_want){ .answer = on_answer,
                               .port = &port,
                               .inbox = core.inbox,
                               .filter = str_of(filter),
                               .reads_history = reads_history };
    redis_wants_take(redis_feed_wants(feed), w);
    turn(); /* sends the command */
}

static void want(const char *filter)
{
    ask(filter, true);
}

static void want_from_now(const char *filter)
{
    ask(filter, false);
}

static void connect(void)
{
    static const char glob[] = "P:$metrics$/trial/*";

    still_link_up(feed_link);
    assert_string_equal(still_link_asked(feed_link), "SUBSCRIBE");
    confirm("subscribe", "{P}:questions", false);
    confirm("subscribe", "{P}:answers", false);
    confirm("subscribe", still_link_argument(feed_link, 3), false);
    confirm("subscribe", "P:$metrics$/history", true);
    confirm("psubscribe", glob, true);
    confirm("punsubscribe", glob, true);
    turn();
}

static bool brings(const char *topic, uint64_t from)
{
    struct msgid id;
    bool is_known = redis_channels_brings_from(redis_feed_channels(feed), str_of(topic), &id);

    return is_known && id.ms == from;
}

/* A message on `late` between the fence and the confirmation did not come, although its id is above
 * that of the fence. */
static void knows_from_where_on_it_brings_a_topic(void **state)
{
    (void)state;
    want("early");
    connect();
    confirm("subscribe", "P:early", true);
    assert_string_equal(still_link_asked(command_link), "script");
    want("late");
    confirm("subscribe", "P:late", true);
    answer_fence("10-0");
    assert_true(redis_feed_is_joined(feed));
    assert_true(brings("early", 10));
    assert_false(brings("late", 10));
}

/* A want that meets a fence which hangs is answered, and the fence is sent anew; but with more and
 * more patience, so that a slow Redis is joined at last. */
static void sends_a_fence_anew_for_a_want_that_waits(void **state)
{
    struct redis_wants *wants = redis_feed_wants(feed);
    size_t n_fences;

    (void)state;
    connect();
    n_fences = still_link_sent(command_link);
    for (uint64_t patience_ms = 1000; patience_ms <= 4000; patience_ms *= 2) {
        char topic[16];

        (void)snprintf(topic, sizeof(topic), "P:%u", (unsigned)patience_ms);
        want_from_now(topic + 2);
        confirm("subscribe", topic, true);
        wants->waits_since_ms -= patience_ms - 1;
        redis_feed_on_tick(feed);
        assert_int_equal(still_link_sent(command_link), n_fences);
        wants->waits_since_ms--;
        redis_feed_on_tick(feed);
        assert_int_equal(still_link_sent(command_link), ++n_fences);
        turn();
        assert_int_equal(n_answered, n_asked);
    }
    answer_fence("10-0"); /* the first: nobody waits for it any longer */
    assert_false(redis_feed_is_joined(feed));
    for (int i = 0; i < 3; i++)
        answer_fence("10-0");
    assert_true(redis_feed_is_joined(feed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(knows_from_where_on_it_brings_a_topic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sends_a_fence_anew_for_a_want_that_waits, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("redis_feed", tests, NULL, NULL);
}
