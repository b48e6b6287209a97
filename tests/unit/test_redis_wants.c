/* When wants are answered: as a table, and in random runs against a model of Redis and the log. The
 * channels are real; the test stands in for the feed and for the link that brings positions.
 *     RUNS=10000 test_redis_wants    more runs
 *     SEED=17 test_redis_wants       this run alone */
#include "broker/redis/redis_wants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"
#include "broker/fanout.h"
#include "broker/port.h"
#include "hub/topic.h"
#include "support/still_core.h"
#include "support/still_link.h"

#define PORTS 2

struct asked {
    struct broker_want want;
    void (*fn)(struct asked *a);
    size_t pair;         /* of the random runs */
    unsigned generation; /* of the pair */
};

static const struct redis_channels_rights all_rights = { .has_globs = true, .may_leave = true };
static const struct str own = { "P:own", 5 };
static struct redis_names names;
static struct metrics_cell metrics;
static struct core core;
static struct fanout fanout;
static struct broker_port ports[PORTS];
static struct redis_subscriber subscriber;
static struct redis_wants wants;
static struct redis_link *command_link;
static unsigned n_posted, n_answered;
static struct msgid answered; /* the last answer */

/* ---- the node ---- */

static struct redis_link *pick(void *owner)
{
    (void)owner;
    return redis_link_can_send(command_link) ? command_link : NULL;
}

static void on_live(void *owner, struct str filter)
{
    (void)owner;
    redis_wants_on_live(&wants, filter);
}

static void on_nothing(void *owner)
{
    (void)owner;
}

static void set_up_node(void)
{
    memset(&core, 0, sizeof(core));
    still_core_open(&core, NULL, NULL, &metrics);
    fanout = (struct fanout){ .core = &core, .n_ports = PORTS };
    core.fanout = &fanout;
    for (size_t i = 0; i < PORTS; i++)
        ports[i].index = i;
    redis_subscriber_init(&subscriber, &(struct redis_subscriber_config){
                                           .loop = core.loop,
                                           .names = &names,
                                           .own = &own,
                                           .n_own = 1,
                                           .on_open = on_nothing,
                                           .on_ready = on_nothing,
                                           .on_live = on_live,
                                       });
    redis_wants_init(&wants, &(struct redis_wants_config){
                                 .core = &core,
                                 .names = &names,
                                 .subscriber = &subscriber,
                                 .pick = pick,
                             });
    command_link = redis_link_create(&(struct redis_link_config){ .loop = core.loop });
    still_link_up(command_link);
    n_posted = n_answered = 0;
}

static void deliver(void)
{
    while (mailbox_drain(core.inbox))
        ;
}

static void end_turn(void)
{
    if (list_linked(&wants.place.link)) {
        loop_cancel(&wants.place);
        wants.place.fn(&wants.place);
    }
    deliver();
}

static void tear_down_node(void)
{
    redis_link_free(command_link);
    redis_wants_done(&wants);
    end_turn();
    assert_int_equal(n_answered, n_posted);
    redis_subscriber_done(&subscriber);
    still_link_end();
    still_core_close(&core);
}

static void on_answer(struct mail *m, void *owner)
{
    struct asked *a = container_of(container_of(m, struct broker_want, mail), struct asked, want);

    (void)owner;
    n_answered++;
    answered = a->want.newest;
    if (a->fn)
        a->fn(a);
    free(a);
}

static struct asked *ask(size_t port, struct str filter, bool reads_history)
{
    struct asked *a = mem_zalloc(sizeof(*a));

    a->want.answer = on_answer;
    a->want.port = &ports[port];
    a->want.inbox = core.inbox;
    a->want.filter = filter;
    a->want.reads_history = reads_history;
    n_posted++;
    return a;
}

static void want(size_t port, const char *filter, bool reads_history)
{
    struct asked *a = ask(port, str_of(filter), reads_history);

    redis_wants_take(&wants, &a->want);
}

/* ---- the table ---- */

static void confirm_all(void)
{
    struct redis_command c;

    while (redis_channels_next(subscriber.channels, &c)) {
        bool is_glob = c.args[0][0] == 'P';

        assert_true(c.args[0][is_glob] == 'S'); /* the table unsubscribes nothing */
        for (size_t i = 1; i < c.n; i++)
            assert_true(redis_channels_on_confirmed(
                subscriber.channels, is_glob ? CONFIRMED_PSUBSCRIBE : CONFIRMED_SUBSCRIBE,
                str_make(c.args[i], c.lengths[i])));
    }
}

static void take_step(char step)
{
    switch (step) {
    case 'U': /* connected */
        redis_channels_on_up(subscriber.channels, &all_rights);
        redis_wants_enter(&wants, WANTS_OPEN);
        break;
    case 'D':
        redis_channels_on_down(subscriber.channels);
        redis_wants_enter(&wants, WANTS_AWAY);
        break;
    case 'O': redis_wants_enter(&wants, WANTS_OPEN); break;
    case 'F': redis_wants_enter(&wants, WANTS_FENCING); break;
    case 'J': redis_wants_enter(&wants, WANTS_JOINED); break;
    case 'w': want(0, "t", false); break;
    case 'W': want(1, "t", false); break;
    case 'h': want(0, "t", true); break;
    case 'x': want(0, "x", false); break;
    case 'X': want(1, "x", false); break;
    case 'y': want(0, "x", true); break;
    case 'u': redis_wants_drop(&wants, &ports[0], STR("t")); break;
    case 'v': redis_wants_drop(&wants, &ports[1], STR("t")); break;
    case 'c': confirm_all(); break; /* by Redis */
    case 'p': still_link_answer_text(command_link, "9-0"); break;
    case 'e': still_link_fail(command_link); break;
    case 'i': redis_wants_pump(&wants); break; /* a tick */
    default: fail_msg("unknown step");
    }
    end_turn();
}

static void answers_when_all_that_follows_comes(void **state)
{
    static const struct {
        const char *steps;
        const char *answered; /* so far, after each step */
        unsigned n_asked;     /* positions */
    } rows[] = {
        { "w", "1", 0 }, /* away */
        { "Uwc", "001", 0 },
        { "UwcW", "0012", 0 }, /* open */
        { "UwcFW", "00112", 0 },
        { "UFwcJp", "000001", 1 }, /* not live when the fence was sent */
        { "UFwJcp", "000001", 1 },
        { "UFwcO", "00001", 0 }, /* the fence failed */
        { "UFwO", "0000", 0 },
        { "UwcFWxcJp", "001122223", 1 },
        { "UFJwcp", "000001", 1 },
        { "UFJwcWp", "0000002", 1 },
        { "UFJwcpW", "0000012", 1 },
        { "UFJwcpxcWp", "0000011113", 2 },
        { "UFJwcxcpp", "000000012", 2 }, /* x: confirmed after the first position was asked for */
        { "UFJwcycpXp", "0000001223", 2 },
        { "UFhcJWp", "0001112", 1 },
        { "UFJhc", "00001", 0 },
        { "UFJhcWp", "0000112", 1 },
        { "UFJwce", "000000", 1 },
        { "UFJwceip", "00000001", 2 },
        { "UFJwceWp", "00000002", 2 },
        { "UFJwcO", "000001", 1 },
        { "UFJwcD", "000001", 1 },
        { "UFJwD", "00001", 0 },
        { "UFJwu", "00001", 0 },
        { "UFJwWucp", "00000002", 1 },
        { "UFJwWuv", "0000002", 0 },
        { "UFJwcpuW", "00000112", 1 }, /* the channel lingers */
        { "UFJwcpDwUcFJW", "0000011222223", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_up_node();
        for (size_t at = 0; rows[i].steps[at]; at++) {
            take_step(rows[i].steps[at]);
            if (n_answered != (unsigned)(rows[i].answered[at] - '0'))
                fail_msg("%s: %u answers after step %zu", rows[i].steps, n_answered, at + 1);
            if (rows[i].steps[at] == 'p')
                assert_int_equal(answered.ms, 9);
        }
        if (still_link_sent(command_link) != rows[i].n_asked)
            fail_msg("%s: asked for %zu positions", rows[i].steps, still_link_sent(command_link));
        tear_down_node();
    }
}

/* The answer comes from an old master, after the node has joined the new one. */
static void ignores_a_position_that_was_asked_for_before_a_join(void **state)
{
    (void)state;
    set_up_node();
    for (const char *step = "UFJwcOFWxcJ"; *step; step++)
        take_step(*step);
    assert_int_equal(n_answered, 2);
    still_link_answer_text(command_link, "1000-0");
    end_turn();
    assert_int_equal(n_answered, 2);
    take_step('p'); /* x */
    assert_int_equal(n_answered, 3);
    assert_int_equal(answered.ms, 9);
    tear_down_node();
}

static void tells_when_no_link_brings_a_position(void **state)
{
    (void)state;
    set_up_node();
    for (const char *step = "UFJw"; *step; step++)
        take_step(*step);
    assert_false(redis_wants_is_late(&wants, 0)); /* Redis has not confirmed the channel */
    take_step('c');
    assert_true(redis_wants_is_late(&wants, 0));
    take_step('p');
    assert_false(redis_wants_is_late(&wants, 0));
    tear_down_node();
}

/* ---- random runs ---- */

#define STEPS    400
#define MESSAGES 512
#define QUEUE    4096

static const char *const topics[] = { "a", "a/1", "a/2", "b", "c/x", "c/y" };
static const char *const filters[] = { "a", "a/1", "a/2", "b", "c/x", "a/#", "c/+", "#" };

#define PAIRS (PORTS * ARRAY_LEN(filters))

/* Whether a port wants a filter, and what it was answered. */
struct pair {
    bool is_wanted;
    bool is_answered;
    unsigned generation;
    struct msgid begins;  /* everything above it must come, */
    unsigned answered_at; /* after this step */
};

struct published {
    size_t topic;
    bool has_come;
    unsigned came_at;
};

/* In the order in which Redis sends it. Not a confirmation: a message, or (topic is ARRAY_LEN) the
 * probe. */
struct sent {
    bool is_confirmation;
    enum redis_confirmation what;
    char channel[16];
    size_t topic;
    uint64_t id;
};

struct queue {
    struct sent items[QUEUE];
    size_t start, end;
};

static struct pair pairs[PAIRS];
static struct published log_[MESSAGES]; /* by id */
static uint64_t last;                   /* id of Redis */
static struct queue wire, stream, backlog;
static char open_channels[64][16];
static enum redis_wants_state feed;
static uint64_t fenced;   /* last, when Redis ran the fence; 0: not yet */
static uint64_t position; /* last, when Redis ran the GET; 0: not yet */
static bool is_old;       /* the GET was sent before the last join */
static uint64_t now;
static unsigned step;
static uint32_t seed;

static uint32_t draw(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % n;
}

static struct sent *push(struct queue *q)
{
    assert_true(q->end - q->start < QUEUE);
    q->items[q->end % QUEUE] = (struct sent){ .id = 0 };
    return &q->items[q->end++ % QUEUE];
}

static struct sent *pop(struct queue *q)
{
    return q->start == q->end ? NULL : &q->items[q->start++ % QUEUE];
}

/* -- Redis -- */

static bool brings(const char *channel, const char *topic)
{
    size_t n = strlen(channel);

    return channel[n - 1] == '*' ? strncmp(channel + 2, topic, n - 3) == 0
                                 : strcmp(channel + 2, topic) == 0;
}

static void publish(size_t topic)
{
    if (last + 1 >= MESSAGES)
        return;
    log_[++last] = (struct published){ .topic = topic };
    for (size_t i = 0; i < ARRAY_LEN(open_channels); i++) {
        if (open_channels[i][0] && brings(open_channels[i], topics[topic])) {
            struct sent *s = push(&stream);

            s->topic = topic;
            s->id = last;
            return;
        }
    }
}

static void send_changes(void)
{
    struct redis_command c;

    if (!redis_channels_next(subscriber.channels, &c))
        return;
    for (size_t i = 1; i < c.n; i++) {
        struct sent *s = push(&wire);
        bool is_glob = c.args[0][0] == 'P', opens = c.args[0][is_glob] == 'S';

        s->is_confirmation = true;
        s->what = is_glob ? (opens ? CONFIRMED_PSUBSCRIBE : CONFIRMED_PUNSUBSCRIBE)
                          : (opens ? CONFIRMED_SUBSCRIBE : CONFIRMED_UNSUBSCRIBE);
        assert_true(c.lengths[i] < sizeof(s->channel));
        memcpy(s->channel, c.args[i], c.lengths[i]);
    }
}

static bool run_change(void)
{
    struct sent *s = pop(&wire);
    bool opens;
    size_t at;

    if (!s)
        return false;
    opens = s->what == CONFIRMED_SUBSCRIBE || s->what == CONFIRMED_PSUBSCRIBE;
    for (at = 0; strcmp(open_channels[at], opens ? "" : s->channel) != 0; at++)
        assert_true(at + 1 < ARRAY_LEN(open_channels));
    strcpy(open_channels[at], opens ? s->channel : "");
    *push(&stream) = *s;
    return true;
}

static bool asks(void)
{
    return still_link_asked(command_link) != NULL;
}

/* Redis runs the GET, and then its answer comes. An old master may know ids that the new one has
 * not issued. */
static void move_position(void)
{
    char text[32];

    if (!asks())
        return;
    if (!position) {
        position = last + (is_old ? draw(50) : 0);
        return;
    }
    (void)snprintf(text, sizeof(text), "%u-0", (unsigned)position);
    position = 0;
    is_old = false;
    still_link_answer_text(command_link, text);
}

/* -- the feed -- */

static void come(size_t id)
{
    if (id > core.high_water.ms)
        core.high_water.ms = id;
    if (log_[id].has_come)
        return;
    log_[id].has_come = true;
    log_[id].came_at = step;
}

static bool wants_topic(const char *topic)
{
    for (size_t i = 0; i < PAIRS; i++) {
        if (pairs[i].is_wanted && filter_matches(str_of(filters[i / PORTS]), str_of(topic)))
            return true;
    }
    return false;
}

static void enter(enum redis_wants_state state)
{
    if (state <= WANTS_OPEN && asks())
        is_old = true;
    feed = state;
    fenced = 0;
    redis_wants_enter(&wants, state);
}

static void go_up(void)
{
    if (feed != WANTS_AWAY)
        return;
    redis_channels_on_up(subscriber.channels, &all_rights);
    enter(WANTS_OPEN);
}

static void go_down(void)
{
    if (feed == WANTS_AWAY)
        return;
    redis_channels_on_down(subscriber.channels);
    wire = stream = backlog = (struct queue){ .start = 0 };
    memset(open_channels, 0, sizeof(open_channels));
    enter(WANTS_AWAY);
}

static void join(void)
{
    uint64_t end = fenced;
    struct sent *s;

    for (uint64_t id = core.high_water.ms + 1; id <= end; id++) {
        if (wants_topic(topics[log_[id].topic]))
            come(id);
    }
    core.high_water = (struct msgid){ end, 0 };
    while ((s = pop(&backlog))) {
        if (s->id > core.high_water.ms)
            come(s->id);
    }
    enter(WANTS_JOINED);
}

static void move_feed(void)
{
    if (feed == WANTS_OPEN && redis_channels_is_ready(subscriber.channels))
        enter(WANTS_FENCING);
    else if (feed == WANTS_FENCING && !fenced)
        fenced = last;
    else if (feed == WANTS_FENCING)
        draw(4) ? join() : enter(WANTS_OPEN);
}

static bool read_stream(void)
{
    struct sent *s = pop(&stream);

    if (!s)
        return false;
    if (s->is_confirmation) {
        assert_true(redis_channels_on_confirmed(subscriber.channels, s->what, str_of(s->channel)));
    } else if (feed != WANTS_JOINED) {
        if (s->topic < ARRAY_LEN(topics))
            *push(&backlog) = *s;
    } else if (s->topic == ARRAY_LEN(topics)) {
        core.high_water = msgid_later(core.high_water, (struct msgid){ s->id, 0 });
    } else if (s->id > core.high_water.ms) {
        come(s->id);
    }
    return true;
}

static void probe(void)
{
    struct sent *s;

    if (feed != WANTS_JOINED)
        return;
    s = push(&stream);
    s->topic = ARRAY_LEN(topics);
    s->id = last;
}

/* -- the workers -- */

static void on_pair_answered(struct asked *a)
{
    struct pair *p = &pairs[a->pair];

    assert_true(a->want.newest.ms <= last); /* an id that was issued */
    for (uint64_t id = a->want.newest.ms + 1; id <= last; id++)
        assert_false(log_[id].has_come);
    if (!p->is_wanted || p->generation != a->generation || p->is_answered)
        return;
    p->is_answered = true;
    p->answered_at = step;
    p->begins = a->want.reads_history ? (struct msgid){ last, 0 } : a->want.newest;
}

static void want_pair(size_t i)
{
    struct asked *a = ask(i % PORTS, str_of(filters[i / PORTS]), draw(4) == 0);

    a->fn = on_pair_answered;
    a->pair = i;
    if (!pairs[i].is_wanted)
        pairs[i].generation++;
    a->generation = pairs[i].generation;
    pairs[i].is_wanted = true;
    redis_wants_take(&wants, &a->want);
}

static void unwant_pair(size_t i)
{
    pairs[i].is_wanted = pairs[i].is_answered = false;
    redis_wants_drop(&wants, &ports[i % PORTS], str_of(filters[i / PORTS]));
}

static void tick(uint32_t ms)
{
    now += ms;
    redis_channels_on_tick(subscriber.channels, now);
    redis_wants_pump(&wants);
}

/* -- a run -- */

static void take_random_step(uint32_t what)
{
    if (what < 10)
        want_pair(draw(PAIRS));
    else if (what < 18)
        unwant_pair(draw(PAIRS));
    else if (what < 30)
        send_changes();
    else if (what < 42)
        (void)run_change();
    else if (what < 62)
        (void)read_stream();
    else if (what < 74)
        publish(draw(ARRAY_LEN(topics)));
    else if (what < 82)
        move_position();
    else if (what < 90)
        move_feed();
    else if (what < 92)
        probe();
    else if (what < 93 && last)
        core_note(&core, (struct msgid){ last, 0 }); /* the answer to a publish of ours */
    else if (what < 96)
        tick(draw(3) ? draw(1500) : 12000);
    else if (what < 97)
        go_down();
    else if (what < 99)
        go_up();
    else if (feed >= WANTS_FENCING)
        enter(WANTS_OPEN);
}

static void assert_nothing_is_missing(void)
{
    for (size_t i = 0; i < PAIRS; i++) {
        const struct pair *p = &pairs[i];

        assert_true(p->is_answered == p->is_wanted);
        for (uint64_t id = p->begins.ms + 1; p->is_answered && id <= last; id++) {
            if (!filter_matches(str_of(filters[i / PORTS]), str_of(topics[log_[id].topic])))
                continue;
            if (!log_[id].has_come || log_[id].came_at < p->answered_at)
                fail_msg("%s begins at %u, but %u on %s %s", filters[i / PORTS],
                         (unsigned)p->begins.ms, (unsigned)id, topics[log_[id].topic],
                         log_[id].has_come ? "came before that" : "did not come");
        }
    }
}

static void settle(void)
{
    for (unsigned i = 0; i < 40; i++) {
        step++;
        go_up();
        for (unsigned k = 0; k < 20; k++)
            send_changes();
        while (run_change() || read_stream())
            deliver();
        move_position();
        move_feed();
        end_turn();
        tick(1000);
        end_turn();
    }
    assert_int_equal(feed, WANTS_JOINED);
    assert_int_equal(n_answered, n_posted);
    assert_nothing_is_missing();
}

static void run(uint32_t number)
{
    seed = number * 2654435761U + 1;
    memset(pairs, 0, sizeof(pairs));
    memset(open_channels, 0, sizeof(open_channels));
    wire = stream = backlog = (struct queue){ .start = 0 };
    fenced = position = step = 0;
    last = 0;
    memset(log_, 0, sizeof(log_));
    is_old = false;
    feed = WANTS_AWAY;
    set_up_node();
    now = loop_now(core.loop);
    publish(0);
    while (step++ < STEPS) {
        take_random_step(draw(100));
        draw(2) ? end_turn() : deliver();
        if (draw(150) == 0)
            settle();
    }
    settle();
    go_down();
    tear_down_node();
}

static void answers_no_want_too_early_in_random_runs(void **state)
{
    const char *only = getenv("SEED");
    const char *runs = getenv("RUNS");
    uint32_t first = only ? (uint32_t)atoi(only) : 0;
    uint32_t end = only ? first + 1 : runs ? (uint32_t)atoi(runs) : 1000;

    (void)state;
    for (uint32_t number = first; number < end; number++) {
        if (runs)
            print_message("run %u\n", number);
        run(number);
    }
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
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_when_all_that_follows_comes),
        cmocka_unit_test(ignores_a_position_that_was_asked_for_before_a_join),
        cmocka_unit_test(tells_when_no_link_brings_a_position),
        cmocka_unit_test(answers_no_want_too_early_in_random_runs),
    };

    return cmocka_run_group_tests_name("redis_wants", tests, set_up, tear_down);
}
