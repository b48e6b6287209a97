/* The commands and reports of redis_channels, step by step. A script has lines of these forms; the
 * commands and events that a line causes are behind `>`, and there must be no others:
 *     want F, unwant F, up, down, tick MS    calls (tick: after so many milliseconds)
 *     ok CHANNEL, ok -CHANNEL                Redis confirms that it is subscribed, unsubscribed
 *     no CHANNEL                             the same, but it is refused
 *     > +P:a P:b -P:c live F                 commands, and what is told live */
#include "broker/redis/redis_channels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "broker/redis/redis_target.h"

static struct redis_names names;
static const struct redis_channels_rights all_rights = { .has_globs = true, .may_leave = true };
static struct redis_channels *channels;
static struct buf seen; /* commands and events of the step */
static uint64_t now;

static void on_live(void *owner, struct str filter)
{
    (void)owner;
    buf_addf(&seen, " live %.*s", STR_ARG(filter));
}

static void start(size_t max)
{
    now = 5000;
    channels = redis_channels_create(&(struct redis_channels_config){
        .names = &names, .max = max, .now_ms = now, .on_live = on_live });
}

static void note_commands(void)
{
    struct redis_command c;

    while (redis_channels_next(channels, &c)) {
        struct str verb = str_make(c.args[0], c.lengths[0]);

        for (size_t i = 1; i < c.n; i++) {
            bool is_glob = c.args[i][c.lengths[i] - 1] == '*';
            bool opens = str_eq(verb, is_glob ? STR("PSUBSCRIBE") : STR("SUBSCRIBE"));

            assert_true(opens || str_eq(verb, is_glob ? STR("PUNSUBSCRIBE") : STR("UNSUBSCRIBE")));
            buf_addf(&seen, " %c%.*s", opens ? '+' : '-', (int)c.lengths[i], c.args[i]);
        }
    }
}

static bool confirm(const char *channel)
{
    bool closes = channel[0] == '-';
    bool is_glob = channel[strlen(channel) - 1] == '*';
    enum redis_confirmation what = closes ? CONFIRMED_UNSUBSCRIBE : CONFIRMED_SUBSCRIBE;

    if (is_glob)
        what = closes ? CONFIRMED_PUNSUBSCRIBE : CONFIRMED_PSUBSCRIBE;
    return redis_channels_on_confirmed(channels, what, str_of(channel + closes));
}

static void call(const char *what, const char *arg)
{
    if (strcmp(what, "want") == 0) {
        if (redis_channels_want(channels, str_of(arg)))
            on_live(NULL, str_of(arg));
    } else if (strcmp(what, "unwant") == 0) {
        redis_channels_unwant(channels, str_of(arg));
    } else if (strcmp(what, "up") == 0) {
        redis_channels_on_up(channels, &all_rights);
    } else if (strcmp(what, "down") == 0) {
        redis_channels_on_down(channels);
    } else if (strcmp(what, "tick") == 0) {
        now += (uint64_t)atoi(arg);
        redis_channels_on_tick(channels, now);
    } else {
        assert_int_equal(confirm(arg), strcmp(what, "ok") == 0);
    }
}

static void run(const char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *want = strchr(lines[i], '>');
        char what[16] = "", arg[64] = "", got[512];

        (void)sscanf(lines[i], "%15s %63[^> ]", what, arg);
        buf_clear(&seen);
        call(what, arg);
        note_commands();
        (void)snprintf(got, sizeof(got), "%.*s", STR_ARG(buf_str(&seen)));
        if (strcmp(got, want ? want + 1 : "") != 0)
            fail_msg("line %zu, %s: got%s", i, lines[i], got);
    }
    redis_channels_free(channels);
}

#define RUN(...)                                                                                   \
    run((const char *const[]){ __VA_ARGS__ }, ARRAY_LEN(((const char *[]){ __VA_ARGS__ })))

static void confirms_a_topic_when_redis_does(void **state)
{
    (void)state;
    start(100);
    RUN("up", "want a/b > +P:a/b", "want a/b", "ok P:a/b > live a/b", "want a/b > live a/b",
        "want c > +P:c", "unwant c", "ok P:c", "unwant c", "unwant never");
}

static void closes_after_ten_seconds_without_subscribers(void **state)
{
    (void)state;
    start(100);
    RUN("up", "want a > +P:a", "ok P:a > live a", "tick 1000", "unwant a", "tick 9999",
        "want a > live a", "tick 60000", "unwant a", "tick 9999", "tick 1 > -P:a",
        /* wanted again before Redis confirmed: subscribed anew behind it */
        "want a > +P:a", "no P:a", "ok -P:a", "ok P:a > live a");
}

static void covers_a_tree_by_a_name_and_a_glob(void **state)
{
    (void)state;
    start(100);
    RUN("up", "want a/# > +P:a/* +P:a", "ok P:a/*", "ok P:a > live a/#", "want a/x/y > live a/x/y",
        "want a > live a", "want a/+/c > live a/+/c", "want a/+ > live a/+", "want ab > +P:ab",
        "ok P:ab > live ab", "want # > +P:*", "ok P:* > live # -P:a/*", "want zz > live zz",
        "ok -P:a/*", "tick 1", "tick 10000 > -P:a -P:ab");
}

static void refuses_confirmations_that_it_does_not_expect(void **state)
{
    (void)state;
    start(100);
    RUN("no P:a", "up", "no P:a", "no -P:a", "no P:*", "want a > +P:a", "want b > +P:b",
        "want c/+ > +P:c/*", "no P:b", "no -P:a", "no P:a*", "no a", "no Q:a", "no P:A",
        "ok P:a > live a", "no P:a", "no -P:a", "ok P:b > live b", "no P:c/", "no P:c/**",
        "ok P:c/* > live c/+", "no P:c/*", "down", "no P:a", "no -P:a");
}

static void widens_before_it_closes_and_narrows_after_the_names(void **state)
{
    (void)state;
    start(100);
    RUN("up", "want a/1 > +P:a/1", "ok P:a/1 > live a/1", "want a/+ > +P:a/*", "tick 60000",
        "tick 60000", /* the name stays, whatever the time, until the glob is there */
        "ok P:a/* > live a/+", "want a/2 > live a/2", "tick 10000 > -P:a/1", "ok -P:a/1",
        "unwant a/+", "tick 9999", "tick 1 > +P:a/1 +P:a/2", "tick 60000", "ok P:a/1", "tick 1000",
        "ok P:a/2", "tick 1000 > -P:a/*", "ok -P:a/*", "tick 60000");
}

static void subscribes_to_everything_anew(void **state)
{
    (void)state;
    start(100);
    RUN("want a", "want b/#", "up > +P:b/* +P:a +P:b", "want a", "want c > +P:c", "ok P:b/*",
        "ok P:a > live a", "down", "unwant a", "tick 1000", "want d", "up > +P:b/* +P:b +P:c +P:d",
        "ok P:b/*", "ok P:b", "ok P:c", "ok P:d", "want b/x > live b/x");
}

static void is_ready_when_all_is_confirmed(void **state)
{
    (void)state;
    start(100);
    redis_channels_want(channels, STR("a"));
    redis_channels_want(channels, STR("b"));
    assert_false(redis_channels_is_ready(channels));
    redis_channels_on_up(channels, &all_rights);
    note_commands();
    redis_channels_want(channels, STR("later"));
    assert_true(confirm("P:a"));
    assert_false(redis_channels_is_ready(channels));
    assert_true(confirm("P:b"));
    assert_true(redis_channels_is_ready(channels)); /* not held up by later ones */
    redis_channels_on_down(channels);
    assert_false(redis_channels_is_ready(channels));
    redis_channels_free(channels);
    start(100);
    redis_channels_on_up(channels, &all_rights);
    assert_true(redis_channels_is_ready(channels)); /* there is nothing to wait for */
    redis_channels_free(channels);
    channels = NULL;
}

static void takes_the_wide_channel_for_too_many_names(void **state)
{
    (void)state;
    start(5);
    RUN("up", "want 1 > +P:1", "want 2 > +P:2", "want 3 > +P:3", "want 4 > +P:4", "want 5 > +P:5",
        "ok P:1 > live 1", "ok P:2 > live 2", "ok P:3 > live 3", "ok P:4 > live 4",
        "ok P:5 > live 5", "want 6 > +P:*", "want 7", "ok P:* > live 6 live 7", "want 8 > live 8",
        "unwant 1", "unwant 2", "unwant 3",
        /* the sweep visits one name a tick: a tenth of the limit */
        "tick 1", "tick 1", "tick 1", "tick 1", "tick 1", "tick 60000 > -P:1 -P:2 -P:3 -P:4 -P:5",
        "ok -P:1", "ok -P:2", "ok -P:3", "ok -P:4", "ok -P:5", "tick 1", "tick 1", "tick 1",
        "unwant 6", /* four of five are left */
        "tick 1 > +P:4", "tick 1 > +P:5", "tick 1 > +P:7", "ok P:4", "ok P:5", "ok P:7",
        "tick 1 > +P:8", "tick 60000", "ok P:8", "tick 1000 > -P:*", "ok -P:*");
}

static void never_holds_more_globs_than_the_limit(void **state)
{
    char filter[24];

    (void)state;
    start(100);
    redis_channels_on_up(channels, &all_rights);
    for (int i = 0; i < 500; i++) { /* nothing is confirmed: all places are taken */
        (void)snprintf(filter, sizeof(filter), "%d/%d/+", i / 4, i);
        assert_false(redis_channels_want(channels, str_of(filter)));
        assert_true(redis_channels_count(channels).globs <= GLOBS_MAX);
    }
    assert_true(redis_channels_count(channels).is_wide);
    buf_clear(&seen);
    note_commands();
    (void)snprintf(filter, sizeof(filter), "%.*s", STR_ARG(buf_str(&seen)));
    assert_string_equal(filter, " +P:0/0/* +P:0/1/* +P:0"); /* and so on */
    redis_channels_free(channels);
}

static void keeps_a_place_for_the_wide_channel(void **state)
{
    char line[24];

    (void)state;
    start(100);
    redis_channels_on_up(channels, &all_rights);
    for (int i = 0; i < 12; i++) { /* 12 globs, in pairs */
        (void)snprintf(line, sizeof(line), "%d/%d/+", i / 2, i);
        redis_channels_want(channels, str_of(line));
    }
    note_commands();
    assert_int_equal(redis_channels_count(channels).globs, 12);
    RUN("want 0/x/+ > +P:0/*", "want 1/x/+ > +P:1/*", "want 2/x/+ > +P:2/*", "want 3/x/+ > +P:*",
        "want 4/x/+", "want x/+");
}

static void closes_at_most_so_many_names_in_a_second(void **state)
{
    static const unsigned want[] = { 500, 500, 200, 0 };
    char name[24];

    (void)state;
    start(5000);
    redis_channels_on_up(channels, &all_rights);
    for (int i = 0; i < 1200; i++) {
        (void)snprintf(name, sizeof(name), "P:%d", i);
        redis_channels_want(channels, str_of(name + 2));
        note_commands();
        assert_true(confirm(name));
        redis_channels_unwant(channels, str_of(name + 2));
    }
    redis_channels_on_tick(channels, now += 10000);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        uint64_t before = redis_channels_count(channels).closed;

        redis_channels_on_tick(channels, now + 999); /* the same second */
        assert_int_equal(redis_channels_count(channels).closed, before);
        assert_int_equal(before, i == 0 ? 500 : i == 1 ? 1000 : 1200);
        redis_channels_on_tick(channels, now += 1000);
    }
    redis_channels_free(channels);
}

static void counts_the_copy_of_the_narrowest_channel(void **state)
{
    static const struct {
        const char *glob, *topic; /* NULL: by name */
        bool is_copy;
    } rows[] = {
        { NULL, "a/1", true },     { "P:a/*", "a/1", false }, { "P:*", "a/1", false },
        { NULL, "a/2", false },    { "P:a/*", "a/2", true },  { "P:*", "a/2", false },
        { "P:*", "b", true },      { "P:a/*", "b", false },   { NULL, "b", false },
        { "P:b/*", "b/1", false }, { "P:a*", "a/2", false },  { "", "a/2", false },
    };

    (void)state;
    start(100);
    redis_channels_on_up(channels, &all_rights);
    redis_channels_want(channels, STR("a/1"));
    redis_channels_want(channels, STR("a/+"));
    redis_channels_want(channels, STR("#"));
    note_commands();
    assert_true(confirm("P:a/1"));
    assert_true(confirm("P:a/*"));
    assert_true(redis_channels_copy_counts(channels, STR("P:a/*"), STR("a/2")));
    assert_false(redis_channels_copy_counts(channels, STR("P:*"), STR("b"))); /* not confirmed */
    assert_true(confirm("P:*")); /* closes a/, which is there until that is confirmed */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str glob = rows[i].glob ? str_of(rows[i].glob) : (struct str){ NULL, 0 };

        if (redis_channels_copy_counts(channels, glob, str_of(rows[i].topic)) != rows[i].is_copy)
            fail_msg("row %zu", i);
    }
    note_commands();
    assert_true(confirm("-P:a/*"));
    assert_true(redis_channels_copy_counts(channels, STR("P:*"), STR("a/2")));
    redis_channels_free(channels);
}

static void expect_from(const char *topic, uint64_t ms) /* 0: not known */
{
    struct msgid from;

    if (redis_channels_brings_from(channels, str_of(topic), &from) != (ms != 0) || from.ms != ms)
        fail_msg("%s: from %llu, not %llu", topic, (unsigned long long)from.ms,
                 (unsigned long long)ms);
}

static void knows_from_which_id_on_a_topic_came(void **state)
{
    (void)state;
    start(100);
    redis_channels_on_up(channels, &all_rights);
    redis_channels_want(channels, STR("a"));
    redis_channels_want(channels, STR("b/+"));
    redis_channels_want(channels, STR("c"));
    note_commands();
    assert_true(confirm("P:a"));
    assert_true(confirm("P:b/*"));
    expect_from("a", 0);
    redis_channels_place(channels, redis_channels_live(channels), (struct msgid){ .ms = 5 });
    assert_true(confirm("P:c"));
    redis_channels_place(channels, 2, (struct msgid){ .ms = 6 }); /* asked before c came */
    expect_from("a", 5);
    expect_from("b/1", 5);
    expect_from("b", 0);
    expect_from("c", 0);
    redis_channels_place_topic(channels, STR("c"), 2, (struct msgid){ .ms = 7 });
    expect_from("c", 0);
    redis_channels_place_topic(channels, STR("c"), 3, (struct msgid){ .ms = 8 });
    redis_channels_place_topic(channels, STR("a"), 3, (struct msgid){ .ms = 8 }); /* has one */
    expect_from("c", 8);
    expect_from("a", 5);

    redis_channels_unwant(channels, STR("a"));
    redis_channels_on_tick(channels, now += 1000);
    expect_from("a", 5); /* it lingers */
    redis_channels_on_tick(channels, now += CHANNELS_LINGER_MS);
    expect_from("a", 0);
    redis_channels_want(channels, STR("a"));
    note_commands();
    assert_true(confirm("-P:a"));
    assert_true(confirm("P:a"));
    expect_from("a", 0);
    redis_channels_place(channels, redis_channels_live(channels), (struct msgid){ .ms = 9 });
    expect_from("a", 9);
    redis_channels_on_down(channels);
    expect_from("b/1", 0);
    redis_channels_free(channels);
}

static void bounds_the_commands_under_way(void **state)
{
    struct redis_command c;
    char name[24];
    size_t n = 0;

    (void)state;
    start(FEED_CHANNELS_MAX);
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        redis_channels_want(channels, str_of(name));
    }
    redis_channels_on_up(channels, &all_rights);
    while (redis_channels_next(channels, &c)) {
        assert_true(c.n <= 65);
        n += c.n - 1;
    }
    assert_int_equal(n, CHANNELS_UNDER_WAY);
    assert_true(confirm("P:0"));
    assert_true(redis_channels_next(channels, &c));
    assert_false(redis_channels_next(channels, &c));
    redis_channels_free(channels);
    redis_channels_free(NULL);
}

static int set_up(void **state)
{
    (void)state;
    redis_names_init(&names, STR("P"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_names_done(&names);
    buf_done(&seen);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confirms_a_topic_when_redis_does),
        cmocka_unit_test(closes_after_ten_seconds_without_subscribers),
        cmocka_unit_test(covers_a_tree_by_a_name_and_a_glob),
        cmocka_unit_test(refuses_confirmations_that_it_does_not_expect),
        cmocka_unit_test(widens_before_it_closes_and_narrows_after_the_names),
        cmocka_unit_test(subscribes_to_everything_anew),
        cmocka_unit_test(is_ready_when_all_is_confirmed),
        cmocka_unit_test(takes_the_wide_channel_for_too_many_names),
        cmocka_unit_test(never_holds_more_globs_than_the_limit),
        cmocka_unit_test(keeps_a_place_for_the_wide_channel),
        cmocka_unit_test(closes_at_most_so_many_names_in_a_second),
        cmocka_unit_test(counts_the_copy_of_the_narrowest_channel),
        cmocka_unit_test(knows_from_which_id_on_a_topic_came),
        cmocka_unit_test(bounds_the_commands_under_way),
    };

    return cmocka_run_group_tests_name("redis_channels", tests, set_up, tear_down);
}
