/* Redis' side of the feed as a set model: random filters, delays and losses of the connection, and
 * after each step what must hold then. redis_channels sees only commands and confirmations.
 *     RUNS=1000 test_redis_channels_random    more runs
 *     SEED=17 test_redis_channels_random      this run alone */
#include "broker/redis/redis_channels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "broker/redis/redis_target.h"
#include "hub/topic.h"

#define STEPS 3000
#define QUEUE (1 << 16)
#define ROOTS 40
#define PLAIN 6 /* topics below a root */

static const char *const below[] = { "", "/x", "/y", "/x/1", "/x/2", "/y/1" };
static const char *const patterns[] = { "%s/#", "%s/+", "%s/x/#", "%s/+/1", "%s/y/+" };
static const char *const wide[] = { "a/#", "b/+", "c/+/x/#", "+/x", "#" };

#define TOPICS  (ROOTS * PLAIN)
#define OF_ROOT ARRAY_LEN(patterns)
#define FILTERS (TOPICS + ROOTS * OF_ROOT + ARRAY_LEN(wide))

struct wanted {
    char text[16];
    bool is_wanted;
    bool is_told;    /* live, until it is unwanted or the connection is lost */
    bool is_waiting; /* on_live is owed */
};

struct change {
    enum redis_confirmation what;
    char text[24];
};

struct queue {
    struct change items[QUEUE];
    size_t start, end;
};

/* A subscription set, and how many of its channels cover each topic. */
struct set {
    char channels[TOPICS + 64][24]; /* "" is free */
    size_t n_names, n_globs;
    unsigned cover[TOPICS];
};

static char topics[TOPICS][16];
static struct wanted filters[FILTERS];
static struct queue wire, replies; /* commands that Redis has not seen; confirmations under way */
static struct set redis;
static struct set client; /* what Redis sends, at this place in its stream */
static struct set kept;   /* of these, the channels that nobody has told Redis to close */
static const struct redis_channels_rights all_rights = { .has_globs = true, .may_leave = true };
static struct redis_channels *channels;
static struct redis_names names;
static bool is_up, was_ready;
static uint64_t now;
static size_t max, n_commands, max_globs;
static uint32_t seed;

static uint32_t draw(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

/* ---- the model of Redis ---- */

static bool is_glob(const char *channel)
{
    return channel[strlen(channel) - 1] == '*';
}

/* Whether messages of the topic come on the channel, `P:topic` or `P:prefix*`. */
static bool brings(const char *channel, const char *topic)
{
    size_t n = strlen(channel) - 2;

    return is_glob(channel) ? strncmp(channel + 2, topic, n - 1) == 0
                            : strcmp(channel + 2, topic) == 0;
}

static void set_apply(struct set *s, const struct change *change)
{
    bool adds = change->what == CONFIRMED_SUBSCRIBE || change->what == CONFIRMED_PSUBSCRIBE;
    size_t at, end = ARRAY_LEN(s->channels), room = end;

    for (at = 0; at < end && strcmp(s->channels[at], change->text) != 0; at++) {
        if (!s->channels[at][0])
            room = at;
    }
    if (adds != (at == end))
        fail_msg("%s was %ssubscribed", change->text, adds ? "" : "not ");
    if (adds)
        strcpy(s->channels[room], change->text);
    else
        s->channels[at][0] = '\0';
    *(is_glob(change->text) ? &s->n_globs : &s->n_names) += adds ? 1 : SIZE_MAX;
    for (size_t t = 0; t < TOPICS; t++) {
        if (brings(change->text, topics[t]))
            s->cover[t] += adds ? 1 : UINT32_MAX;
    }
}

static void push(struct queue *q, struct change change)
{
    assert_true(q->end - q->start < QUEUE);
    q->items[q->end++ % QUEUE] = change;
}

static bool pop(struct queue *q, struct change *ret)
{
    if (q->start == q->end)
        return false;
    *ret = q->items[q->start++ % QUEUE];
    return true;
}

static enum redis_confirmation kind_of(struct str verb)
{
    static const char *const verbs[] = { "SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE" };

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (str_eq(verb, str_of(verbs[i])))
            return (enum redis_confirmation)i;
    }
    fail_msg("unexpected command");
    return CONFIRMED_SUBSCRIBE;
}

static bool send_one(void)
{
    struct redis_command c;

    if (!redis_channels_next(channels, &c))
        return false;
    n_commands++;
    for (size_t i = 1; i < c.n; i++) {
        struct change change = { .what = kind_of(str_make(c.args[0], c.lengths[0])) };

        assert_true(c.lengths[i] < sizeof(change.text));
        memcpy(change.text, c.args[i], c.lengths[i]);
        push(&wire, change);
        if (change.what == CONFIRMED_UNSUBSCRIBE || change.what == CONFIRMED_PUNSUBSCRIBE)
            set_apply(&kept, &change);
    }
    assert_true(wire.end - wire.start + replies.end - replies.start < CHANNELS_UNDER_WAY + 64);
    return true;
}

static bool run_one(void)
{
    struct change change;

    if (!pop(&wire, &change))
        return false;
    set_apply(&redis, &change);
    push(&replies, change);
    max_globs = redis.n_globs > max_globs ? redis.n_globs : max_globs;
    return true;
}

/* A confirmation that is not the next one expected is refused, and changes nothing. */
static void confirm_wrong(void)
{
    const struct queue *q = replies.start == replies.end ? &wire : &replies;
    const struct change *next = q->start == q->end ? NULL : &q->items[q->start % QUEUE];
    enum redis_confirmation what = draw(4);
    char text[24];

    (void)snprintf(text, sizeof(text), "P:%s%s", topics[draw(TOPICS)], draw(2) ? "" : "/*");
    if (next && draw(2))
        strcpy(text, next->text);
    if (!next || what != next->what || strcmp(text, next->text) != 0)
        assert_false(redis_channels_on_confirmed(channels, what, str_of(text)));
}

static bool confirm_one(void)
{
    struct change change;

    if (draw(10) == 0)
        confirm_wrong();
    if (!pop(&replies, &change))
        return false;
    set_apply(&client, &change);
    if (change.what == CONFIRMED_SUBSCRIBE || change.what == CONFIRMED_PSUBSCRIBE)
        set_apply(&kept, &change);
    if (!redis_channels_on_confirmed(channels, change.what, str_of(change.text)))
        fail_msg("%s was not expected", change.text);
    return true;
}

/* ---- filters ---- */

static void on_live(void *owner, struct str filter)
{
    (void)owner;
    for (size_t f = 0; f < FILTERS; f++) {
        if (!filters[f].is_wanted || !str_eq(filter, str_of(filters[f].text)))
            continue;
        assert_true(filters[f].is_waiting);
        filters[f].is_waiting = false;
        filters[f].is_told = true;
        return;
    }
    fail_msg("%.*s is live, but not wanted", STR_ARG(filter));
}

static void want(size_t f)
{
    bool is_live;

    is_live = redis_channels_want(channels, str_of(filters[f].text));
    filters[f].is_wanted = true;
    if (is_live) {
        assert_true(is_up);
        filters[f].is_told = true;
        assert_false(filters[f].is_waiting);
    } else if (is_up) {
        filters[f].is_waiting = true;
    }
}

static void unwant(size_t f)
{
    redis_channels_unwant(channels, str_of(filters[f].text));
    if (filters[f].is_wanted)
        filters[f].is_wanted = filters[f].is_told = filters[f].is_waiting = false;
}

static void lose(void)
{
    if (is_up)
        redis_channels_on_down(channels);
    is_up = was_ready = false;
    wire = replies = (struct queue){ .start = 0 };
    redis = client = kept = (struct set){ .n_names = 0 };
    for (size_t f = 0; f < FILTERS; f++)
        filters[f].is_told = filters[f].is_waiting = false;
}

static void connect(void)
{
    if (is_up)
        return;
    is_up = true;
    redis_channels_on_up(channels, &all_rights);
}

/* ---- what must hold ---- */

static bool matches(size_t f, size_t t)
{
    return filter_matches(str_of(filters[f].text), str_of(topics[t]));
}

/* Filters wanted before on_up are live when the channels are ready, all others when told. */
static void assert_covered(void)
{
    if (redis_channels_is_ready(channels) && !was_ready) {
        was_ready = true;
        for (size_t f = 0; f < FILTERS; f++)
            filters[f].is_told |= filters[f].is_wanted && !filters[f].is_waiting;
    }
    for (size_t f = 0; f < FILTERS; f++) {
        if (!filters[f].is_told)
            continue;
        for (size_t t = 0; t < TOPICS; t++) {
            if ((redis.cover[t] == 0 || kept.cover[t] == 0) && matches(f, t))
                fail_msg("%s is live, but %s does not come", filters[f].text, topics[t]);
        }
    }
}

/* A message that Redis sends at this place in the stream counts once, whatever its channels. */
static void assert_one_copy(size_t t)
{
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_LEN(client.channels); i++) {
        const char *channel = client.channels[i];
        struct str glob = { NULL, 0 };

        if (!channel[0] || !brings(channel, topics[t]))
            continue;
        if (is_glob(channel))
            glob = str_of(channel);
        n += redis_channels_copy_counts(channels, glob, str_of(topics[t]));
    }
    if (n != (client.cover[t] > 0))
        fail_msg("%u copies of %s count", n, topics[t]);
}

static void assert_invariants(void)
{
    assert_covered();
    assert_one_copy(draw(TOPICS));
    assert_true(redis.n_globs <= GLOBS_MAX);
    assert_true(redis.n_names <= max);
    assert_true(redis_channels_count(channels).names <= max);
    assert_true(redis_channels_count(channels).globs <= GLOBS_MAX);
}

static void tick(uint32_t ms)
{
    now += ms;
    redis_channels_on_tick(channels, now);
}

static void settle(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        tick(1000);
        for (bool more = true; more;) {
            more = send_one();
            more |= run_one();
            more |= confirm_one();
            assert_invariants();
        }
    }
}

/* Whether a pattern that is wanted needs the glob, or a topic that is wanted needs the name. */
static bool has_reason(const char *channel)
{
    bool is_needed = is_glob(channel) && redis_channels_count(channels).is_wide;

    for (size_t f = 0; f < FILTERS && !is_needed; f++) {
        struct str fixed = filter_fixed_prefix(str_of(filters[f].text));

        if (!filters[f].is_wanted)
            continue;
        if (!is_glob(channel))
            is_needed = str_eq(fixed, str_of(channel + 2)); /* its name, or the name of `name/#` */
        else
            is_needed = filter_is_pattern(str_of(filters[f].text)) &&
                        strncmp(filters[f].text, channel + 2, strlen(channel) - 3) == 0;
    }
    return is_needed;
}

/* After a minute without a change nothing waits, and no channel is left without a reason. */
static void assert_tidy(void)
{
    size_t before;

    connect();
    settle(60);
    for (size_t f = 0; f < FILTERS; f++)
        assert_false(filters[f].is_waiting);
    for (size_t i = 0; i < ARRAY_LEN(redis.channels); i++) {
        const char *channel = redis.channels[i];

        if (!channel[0])
            continue;
        if (!has_reason(channel))
            fail_msg("%s has no reason", channel);
        for (size_t g = 0; g < ARRAY_LEN(redis.channels); g++) {
            if (g != i && redis.channels[g][0] && is_glob(redis.channels[g]) &&
                brings(redis.channels[g], channel + 2))
                fail_msg("%s is held beside %s", channel, redis.channels[g]);
        }
    }
    assert_int_equal(redis_channels_count(channels).names, redis.n_names);
    assert_int_equal(redis_channels_count(channels).globs, redis.n_globs);
    before = n_commands;
    settle(30);
    assert_int_equal(n_commands, before);
}

/* ---- the run ---- */

/* span: how many of the roots have filters at this time. A lossy run loses its connection often. */
static void step(uint32_t span, uint32_t patterns_in_10, bool is_lossy)
{
    uint32_t root = draw(span), what = draw(100);
    size_t f = root * PLAIN + draw(PLAIN);

    if (draw(10) < patterns_in_10)
        f = draw(20) ? TOPICS + root * OF_ROOT + draw(OF_ROOT)
                     : FILTERS - 1 - draw(draw(4) ? ARRAY_LEN(wide) - 2 : ARRAY_LEN(wide));
    if (what < 12)
        want(f);
    else if (what < 26)
        unwant(f);
    else if (what < 45)
        (void)send_one();
    else if (what < 68)
        (void)run_one();
    else if (what < 92)
        (void)confirm_one();
    else if (what < 99)
        tick(draw(draw(5) ? 1500 : 12000));
    else if (is_lossy && draw(3) == 0)
        lose();
    else
        connect();
}

static void set_up_run(uint32_t number)
{
    seed = number * 2654435761U + 1;
    now = 1000000;
    max = 10 + draw(80);
    n_commands = 0;
    channels = redis_channels_create(&(struct redis_channels_config){
        .names = &names, .max = max, .now_ms = now, .on_live = on_live });
    is_up = was_ready = false;
    for (size_t f = 0; f < FILTERS; f++)
        filters[f].is_wanted = filters[f].is_told = filters[f].is_waiting = false;
    wire = replies = (struct queue){ .start = 0 };
    redis = client = kept = (struct set){ .n_names = 0 };
}

static void keeps_what_it_told_in_random_runs(void **state)
{
    const char *only = getenv("SEED");
    const char *runs = getenv("RUNS");
    uint32_t first = only ? (uint32_t)atoi(only) : 0;
    uint32_t end = only ? first + 1 : runs ? (uint32_t)atoi(runs) : 10;

    (void)state;
    for (uint32_t number = first; number < end; number++) {
        uint32_t span, patterns_in_10;
        bool is_lossy;

        set_up_run(number);
        span = 1 + draw(draw(2) ? ROOTS : 10);
        patterns_in_10 = draw(8);
        is_lossy = draw(2);
        print_message("run %u\n", number);
        for (unsigned i = 0; i < STEPS; i++) {
            step(span, patterns_in_10, is_lossy);
            assert_invariants();
            if (draw(700) == 0) {
                span = 1 + draw(ROOTS);
                settle(draw(15));
            }
        }
        assert_tidy();
        redis_channels_free(channels);
    }
    assert_true(only || max_globs > 12); /* the runs come near the limit */
}

static int set_up(void **state)
{
    (void)state;
    redis_names_init(&names, STR("P"));
    for (size_t t = 0; t < TOPICS; t++) {
        (void)snprintf(topics[t], sizeof(topics[t]), "%c/%c%s", 'a' + (int)(t / PLAIN % 5),
                       'a' + (int)(t / PLAIN), below[t % PLAIN]);
        strcpy(filters[t].text, topics[t]);
    }
    for (size_t i = 0; i < ROOTS * OF_ROOT; i++) {
        (void)snprintf(filters[TOPICS + i].text, sizeof(filters[0].text), patterns[i % OF_ROOT],
                       topics[i / OF_ROOT * PLAIN]);
    }
    for (size_t i = 0; i < ARRAY_LEN(wide); i++)
        strcpy(filters[FILTERS - 1 - i].text, wide[i]); /* the last two: seldom drawn */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_names_done(&names);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_told_in_random_runs),
    };

    return cmocka_run_group_tests_name("redis_channels_random", tests, set_up, tear_down);
}
