/* test_redis_tail.c - single rules of the tail, and then the tail against a model of Redis and of
 * the feed. The model publishes with different ttls, from nodes of different versions, delivers
 * late and twice, loses live messages, purges topics, sets the clock back, and lets others publish
 * to the channels. An answer of the tail must be the log up to its snapshot end.
 */
#include "broker/redis/redis_tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/catch_up.h"
#include "broker/redis/redis_payload.h"
#include "hub/message.h"

#define TTL_S     100
#define LOG_MAX   12
#define MAX_BYTES 8000

static struct msgid id_at(uint64_t ms, uint64_t seq)
{
    return (struct msgid){ ms, seq };
}

static bool is_above(struct msgid a, struct msgid b)
{
    return msgid_cmp(a, b) > 0;
}

/* ---- single rules ---- */

static struct redis_tail *create(size_t max_bytes, uint64_t max_messages, uint64_t ttl_s)
{
    return redis_tail_create(&(struct broker_config){
        .max_cache_length = max_messages, .default_ttl_s = ttl_s, .tail_memory = max_bytes });
}

static struct redis_tail *create_roomy(void)
{
    return create(1u << 20, 0, TTL_S);
}

static void add(struct redis_tail *t, const char *topic, uint64_t ms, uint64_t expires_ms,
                uint64_t high_water)
{
    struct message *m = message_create(id_at(ms, 0), str_of(topic), STR("\"text\""), STR("\"me\""));

    redis_tail_add(t, m, expires_ms, id_at(high_water, 0), ms);
    message_unref(m);
}

static struct redis_tail_marks marks_of(uint64_t from, uint64_t high_water, uint64_t now_ms)
{
    return (struct redis_tail_marks){
        .from = id_at(from, 0),
        .high_water = id_at(high_water, 0),
        .now_ms = now_ms,
    };
}

/* Asks for the messages of `a` after the point. Returns their number, or -1. */
static int ask(const struct redis_tail *t, uint64_t point, uint64_t from, uint64_t high_water)
{
    struct broker_history h = { .filter = STR("a"), .after = id_at(point, 0) };
    struct redis_tail_marks marks = marks_of(from, high_water, high_water);
    int n;

    if (!redis_tail_answer(t, &h, &marks))
        return -1;
    assert_true(h.ret_complete);
    assert_false(h.ret_more);
    assert_null(h.ret_gaps);
    assert_int_equal(msgid_cmp(h.snapshot_end, marks.high_water), 0);
    n = (int)h.ret_n;
    catch_up_drop_page(&h);
    return n;
}

static struct redis_tail *create_with_three(void)
{
    struct redis_tail *t = create_roomy();

    redis_tail_clear(t, id_at(1000, 0));
    add(t, "a", 2000, 0, 1000);
    add(t, "b", 3000, 0, 2000);
    add(t, "a", 4000, 0, 3000);
    return t;
}

static void answers_from_a_point_in_its_range(void **state)
{
    struct redis_tail *t = create_with_three();

    (void)state;
    assert_int_equal(ask(t, 999, 1000, 4000), -1); /* below the clear */
    assert_int_equal(ask(t, 1000, 1000, 4000), 2);
    assert_int_equal(ask(t, 1999, 1000, 4000), 2);
    assert_int_equal(ask(t, 2000, 1000, 4000), 1);
    assert_int_equal(ask(t, 3500, 1000, 4000), 1);
    assert_int_equal(ask(t, 4000, 1000, 4000), 0);
    assert_int_equal(ask(t, 4001, 1000, 4000), -1); /* above the mark */
    assert_int_equal(ask(t, 2000, 2001, 4000), -1); /* below the channel's beginning */
    redis_tail_clear(t, id_at(5000, 0));
    assert_int_equal(ask(t, 4000, 1000, 5000), -1);
    assert_int_equal(ask(t, 5000, 1000, 5000), 0);
    assert_int_equal(redis_tail_bytes(t), 0);
    add(t, "b", 5500, 0, 5000);
    assert_int_equal(ask(t, 4500, 1000, 5500), -1); /* below the clear */
    assert_int_equal(ask(t, 5000, 1000, 5500), 0);
    redis_tail_free(t);
}

static void leaves_other_questions_to_redis(void **state)
{
    static const struct broker_history cases[] = {
        { .filter = { "a/#", 3 }, .after = { 1000, 0 } },
        { .filter = { "+", 1 }, .after = { 1000, 0 } },
        { .filter = { "a", 1 }, .after = { 1000, 0 }, .since = 1000 },
        { .filter = { "a", 1 }, .after = { 1000, 0 }, .since = -1 },
        { .filter = { "a", 1 }, .after = { 1000, 0 }, .newest = 1 },
        { .filter = { "a", 1 }, .after = { 1000, 0 }, .snapshot_end = { 2001, 0 } },
        { .filter = { "a", 1 }, .after = { 0, 0 } },
    };
    struct redis_tail_marks marks = marks_of(1000, 2000, 2000);
    struct redis_tail *t = create_roomy();

    (void)state;
    redis_tail_clear(t, id_at(1000, 0));
    add(t, "a", 2000, 0, 1000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct broker_history h = cases[i];

        assert_false(redis_tail_answer(t, &h, &marks));
        assert_memory_equal(&h, &cases[i], sizeof(h));
    }
    redis_tail_free(t);
}

static void leaves_a_worker_that_is_ahead_to_redis(void **state)
{
    struct redis_tail_marks marks = marks_of(1000, 2000, 2000);
    struct broker_history h = { .filter = STR("a"), .after = id_at(1000, 0) };
    struct redis_tail *t = create_roomy();

    (void)state;
    redis_tail_clear(t, id_at(1000, 0));
    add(t, "a", 2000, 0, 1000);
    marks.posted = id_at(2001, 0); /* from the log; it will not come again */
    assert_false(redis_tail_answer(t, &h, &marks));
    marks.posted = id_at(2000, 0);
    assert_true(redis_tail_answer(t, &h, &marks));
    assert_int_equal(h.ret_n, 1);
    catch_up_drop_page(&h);
    redis_tail_free(t);
}

static void pages_like_the_log(void **state)
{
    struct redis_tail_marks marks = marks_of(1000, 1010, 1010);
    struct broker_history h = { .filter = STR("a"), .after = id_at(1000, 0), .max_entries = 3 };
    struct redis_tail *t = create_roomy();
    uint64_t next = 1001;

    (void)state;
    redis_tail_clear(t, id_at(1000, 0));
    for (uint64_t ms = 1001; ms <= 1010; ms++)
        add(t, "a", ms, 0, ms - 1);
    do {
        assert_true(redis_tail_answer(t, &h, &marks));
        assert_int_equal(h.ret_n, next == 1001 ? 3 : 1);
        marks.high_water.ms++; /* the snapshot end stays */
        for (size_t i = 0; i < h.ret_n; i++)
            assert_int_equal(h.ret_items[i]->id.ms, next++);
        assert_int_equal(h.ret_more, next <= 1010);
        assert_int_equal(h.snapshot_end.ms, 1010);
        catch_up_drop_page(&h);
        h.max_entries = next == 1004 ? 0 : 3; /* then by bytes: one entry */
        h.max_bytes = 1;
    } while (h.ret_more);
    assert_int_equal(next, 1011);
    redis_tail_free(t);
}

static void leaves_what_may_have_expired_to_redis(void **state)
{
    struct redis_tail_marks marks = marks_of(1000, 1001, 1001);
    struct broker_history h = { .filter = STR("a"), .after = id_at(1000, 0) };
    struct redis_tail *t = create_roomy();

    (void)state;
    redis_tail_clear(t, id_at(1000, 0));
    add(t, "a", 1001, 1001 + 5000, 1000);
    marks.now_ms = 1001 + 3999; /* a second before that, it may have expired */
    assert_true(redis_tail_answer(t, &h, &marks));
    catch_up_drop_page(&h);
    h = (struct broker_history){ .filter = STR("a"), .after = id_at(1000, 0) };
    marks.now_ms++;
    assert_false(redis_tail_answer(t, &h, &marks));
    h.after = id_at(1001, 0);
    assert_true(redis_tail_answer(t, &h, &marks)); /* it is not asked for */
    catch_up_drop_page(&h);

    redis_tail_clear(t, id_at(1001, 0));
    add(t, "a", 2000, 0, 1001);
    marks = marks_of(1001, 2000, 1001 + TTL_S * 1000 - 1000);
    h = (struct broker_history){ .filter = STR("a"), .after = id_at(1001, 0) };
    assert_true(redis_tail_answer(t, &h, &marks));
    catch_up_drop_page(&h);
    h = (struct broker_history){ .filter = STR("a"), .after = id_at(1001, 0) };
    marks.now_ms++;
    assert_false(redis_tail_answer(t, &h, &marks)); /* the point is too old */
    h.after = id_at(2000, 0);
    marks.now_ms = 1u << 30;
    assert_true(redis_tail_answer(t, &h, &marks)); /* nothing came after it */
    catch_up_drop_page(&h);
    redis_tail_free(t);
}

static void a_new_redis_may_have_another_clock(void **state)
{
    struct redis_tail_marks marks = marks_of(1u << 30, (1u << 30) + 5, 200010);
    struct broker_history h = { .filter = STR("a"), .after = marks.from };
    struct redis_tail *t = create_roomy();
    struct message *m;

    (void)state;
    m = message_create(id_at((1u << 30) - 1, 0), STR("a"), STR("\"x\""), STR(""));
    redis_tail_add(t, m, 0, id_at(1000, 0), 1000); /* the clock was ahead */
    message_unref(m);
    redis_tail_clear(t, marks.from);
    assert_false(redis_tail_answer(t, &h, &marks)); /* the clock is not known */
    for (uint64_t i = 1; i <= 5; i++) {
        m = message_create(id_at((1u << 30) + i, 0), STR("a"), STR("\"x\""), STR(""));
        redis_tail_add(t, m, 0, id_at((1u << 30) + i - 1, 0), 200000 + i);
        message_unref(m);
    }
    assert_int_equal(h.ret_n, 0);
    assert_true(redis_tail_answer(t, &h, &marks));
    assert_int_equal(h.ret_n, 5);
    catch_up_drop_page(&h);
    redis_tail_free(t);
}

static void a_message_that_is_not_kept_moves_the_start(void **state)
{
    struct redis_tail *t = create_roomy();
    struct message *legacy = message_create(id_at(9000, 0), STR("a"), STR("\"x\""), STR(""));

    (void)state;
    redis_tail_clear(t, id_at(1000, 0));
    add(t, "a", 1001, 0, 1000);
    add(t, "a", 1002, REDIS_EXPIRY_UNKNOWN, 1001);
    add(t, "a", 1003, 0, 1002);
    assert_int_equal(ask(t, 1001, 1000, 1003), -1);
    assert_int_equal(ask(t, 1002, 1000, 1003), 1);
    add(t, "a", 1003, 0, 1003); /* a second copy */
    assert_int_equal(ask(t, 1002, 1000, 1003), 1);
    legacy->legacy = true;
    redis_tail_add(t, legacy, 0, id_at(1003, 0), 1003);
    message_unref(legacy);
    assert_int_equal(ask(t, 1002, 1000, 1003), 1);
    add(t, "b", 1007, 0, 1003); /* perhaps somebody else's: what follows is below the mark */
    add(t, "a", 1004, 0, 1007);
    assert_int_equal(ask(t, 1003, 1000, 1007), -1);
    assert_int_equal(ask(t, 1007, 1000, 1007), 0);
    redis_tail_free(t);
}

static void keeps_no_more_of_a_topic_than_its_log(void **state)
{
    struct redis_tail *t = create(1u << 20, 3, 0);

    (void)state;
    redis_tail_clear(t, id_at(1000, 0));
    for (uint64_t ms = 1001; ms <= 1005; ms++)
        add(t, "a", ms, 0, ms - 1);
    assert_int_equal(ask(t, 1001, 1000, 1005), -1);
    assert_int_equal(ask(t, 1002, 1000, 1005), 3);
    redis_tail_free(t);
    t = create(1u << 20, 0, 0);
    redis_tail_clear(t, id_at(1000, 0));
    for (uint64_t ms = 1001; ms <= 1001 + REDIS_TAIL_MESSAGES; ms++)
        add(t, "a", ms, 0, ms - 1);
    assert_int_equal(ask(t, 1000, 1000, 1001 + REDIS_TAIL_MESSAGES), -1);
    redis_tail_free(t);
}

static void a_busy_topic_does_not_push_out_a_quiet_one(void **state)
{
    struct redis_tail *t = create(8000, 0, 0);

    (void)state;
    redis_tail_clear(t, id_at(1000, 0));
    add(t, "a", 1001, 0, 1000);
    for (uint64_t ms = 1002; ms < 2000; ms++) {
        add(t, ms % 50 == 0 ? "also quiet" : "busy", ms, 0, ms - 1);
        assert_in_range(redis_tail_bytes(t), 1, 8000);
    }
    assert_int_equal(ask(t, 1000, 1000, 1999), -1); /* the message was removed */
    assert_int_equal(ask(t, 1001, 1000, 1999), 0);  /* and nothing came after it */
    redis_tail_free(t);
}

static void forgets_a_topic_that_was_purged(void **state)
{
    struct redis_tail *t = create_with_three();

    (void)state;
    redis_tail_purge(t, STR("b"), id_at(4000, 0));
    redis_tail_purge(t, STR("c"), id_at(4000, 0));
    assert_int_equal(ask(t, 1000, 1000, 4000), 2);
    redis_tail_purge(t, STR("a"), id_at(4000, 0));
    assert_int_equal(ask(t, 2000, 1000, 4000), -1);
    assert_int_equal(ask(t, 4000, 1000, 4000), 0);
    add(t, "a", 5000, 0, 4000);
    assert_int_equal(ask(t, 3999, 1000, 5000), -1);
    assert_int_equal(ask(t, 4000, 1000, 5000), 1);
    redis_tail_purge(t, STR("a"), id_at(4000, 0)); /* a second copy */
    assert_int_equal(ask(t, 4000, 1000, 5000), -1);
    assert_int_equal(ask(t, 5000, 1000, 5000), 0);
    redis_tail_free(t);
}

/* ---- the model ---- */

#define TOPICS   8
#define MESSAGES 400
#define STEPS    900
#define RUNS     1500

#define FORGED_SEQ 1000000000u /* no real id has this */

static const char *const names[TOPICS] = { "a", "b", "c", "d", "e", "f", "g", "h" };

struct published {
    struct msgid id;
    int topic;
    uint64_t expires_ms; /* 0: never */
    bool has_old_format; /* its node does not tell when it expires */
    bool is_forged;      /* not in the log */
    bool is_purge;       /* no message: the topic was purged, and the nodes are told */
};

static struct {
    uint64_t seed;
    uint64_t now_ms;     /* the node's clock */
    int64_t redis_ahead; /* Redis's clock */
    struct published all[MESSAGES];
    size_t n;
    size_t next; /* to be delivered */
    struct msgid last;
    struct msgid high_water;
    struct msgid from[TOPICS];
    bool has_forged;      /* since the feed joined */
    bool is_away[TOPICS]; /* the node has left the channel */
    struct redis_tail *tail;
    size_t max_bytes;
    size_t asked, answered, items;
} t;

static uint64_t below(uint64_t n)
{
    t.seed = t.seed * 6364136223846793005u + 1442695040888963407u;
    return (t.seed >> 33) % n;
}

static bool one_in(uint64_t n)
{
    return below(n) == 0;
}

static uint64_t redis_clock(void)
{
    return t.now_ms + (uint64_t)t.redis_ahead;
}

static struct message *message_of(const struct published *p)
{
    return message_create(p->id, str_of(names[p->topic]), STR("\"x\""), STR(""));
}

static void publish(void)
{
    static const uint64_t ttls[] = { TTL_S, TTL_S, TTL_S, TTL_S, 0, 5, 3 * TTL_S };
    struct published *p = &t.all[t.n];
    uint64_t ttl_s = ttls[below(sizeof(ttls) / sizeof(ttls[0]))], now = redis_clock();

    if (t.n == MESSAGES)
        return;
    t.n++;
    t.last = now > t.last.ms ? id_at(now, 0) : id_at(t.last.ms, t.last.seq + 1);
    *p = (struct published){ .id = t.last,
                             .topic = (int)below(TOPICS),
                             .expires_ms = ttl_s ? now + ttl_s * 1000 : 0,
                             .has_old_format = one_in(20) };
}

static void purge(void)
{
    struct published *p = &t.all[t.n];

    if (t.n == MESSAGES)
        return;
    *p = (struct published){ .id = t.last, .topic = (int)below(TOPICS), .is_purge = true };
    t.n++;
}

static void take(const struct published *p)
{
    struct message *m;

    if (p->is_purge) { /* every node gets it */
        redis_tail_purge(t.tail, str_of(names[p->topic]), p->id);
        return;
    }
    m = message_of(p);

    if (t.is_away[p->topic]) {
        message_unref(m);
        return;
    }
    redis_tail_add(t.tail, m, p->has_old_format ? REDIS_EXPIRY_UNKNOWN : p->expires_ms,
                   t.high_water, t.now_ms);
    t.high_water = msgid_later(t.high_water, p->id);
    message_unref(m);
    assert_true(redis_tail_bytes(t.tail) <= t.max_bytes);
}

static void deliver(void)
{
    if (t.next < t.n)
        take(&t.all[t.next++]);
    if (t.next > 0 && one_in(20))
        take(
            &t.all[t.next - 1 - below(t.next < 4 ? t.next : 4)]); /* a second copy, or a late one */
}

static void forge(void)
{
    struct published *p = &t.all[t.n];

    if (t.n == MESSAGES || t.next < t.n)
        return;
    *p = (struct published){ .id = id_at(t.last.ms + below(30), FORGED_SEQ + t.n),
                             .topic = (int)below(TOPICS),
                             .is_forged = true };
    t.n++;
    t.has_forged = true;
    deliver();
}

/* The feed breaks; what was under way is lost for the node, and Redis may be another one. */
static void interrupt(void)
{
    t.next = t.n;
    t.has_forged = false;
    if (one_in(2)) /* the fence makes sure that ids do not fall */
        t.redis_ahead += (int64_t)below(20000) - 10000;
    t.last = id_at((msgid_cmp(t.high_water, t.last) > 0 ? t.high_water : t.last).ms + 1, 7);
    t.high_water = t.last;
    redis_tail_clear(t.tail, t.last);
    for (int i = 0; i < TOPICS; i++) {
        t.from[i] = t.last;
        t.is_away[i] = false;
    }
}

static void leave_or_join_channel(void)
{
    int topic = (int)below(TOPICS);

    if (t.is_away[topic]) {
        while (t.next < t.n)
            take(&t.all[t.next++]); /* they come before the answer that gives the position */
        t.from[topic] = t.last;
    }
    t.is_away[topic] = !t.is_away[topic];
}

static void wait(void)
{
    if (t.next < t.n)
        t.now_ms += below(4); /* no message is under way for a second */
    else
        t.now_ms += below(one_in(10) ? TTL_S * 1000 : 3000);
}

/* Reports whether the log at the snapshot end has the message. */
static bool is_in_log(const struct published *p, struct msgid snapshot_end)
{
    size_t later = 0;

    if (p->is_forged || (p->expires_ms && p->expires_ms <= redis_clock()))
        return false;
    for (const struct published *q = p + 1; q < t.all + t.n; q++) {
        if (q->topic == p->topic && q->is_purge && q < t.all + t.next)
            return false; /* the node knows of it */
        later += !q->is_purge && q->topic == p->topic && !q->is_forged &&
                 msgid_cmp(q->id, snapshot_end) <= 0;
    }
    return later < LOG_MAX;
}

/* Reports whether a message above the point may be missing from an answer. A forged one may have
 * displaced it: then it is still on its way, below the mark, and no port will deliver it. */
static bool may_be_missing(const struct published *p)
{
    bool has_expired = p->expires_ms && p->expires_ms <= redis_clock();
    bool is_displaced = t.has_forged && p >= t.all + t.next;

    return p->is_forged || is_displaced || (has_expired && p->expires_ms < p->id.ms + TTL_S * 1000);
}

/* Compares a page with the log after the point. */
static void check_page(int topic, struct msgid point, const struct broker_history *h)
{
    size_t i = 0;

    for (const struct published *p = t.all; p < t.all + t.n; p++) {
        if (p->is_purge || p->topic != topic || !is_above(p->id, point) ||
            is_above(p->id, h->snapshot_end))
            continue;
        if (i == h->ret_n && h->ret_more)
            break;
        if (i < h->ret_n && msgid_cmp(h->ret_items[i]->id, p->id) == 0) {
            assert_true(p->is_forged || is_in_log(p, h->snapshot_end));
            i++;
        } else {
            assert_true(may_be_missing(p));
        }
    }
    assert_int_equal(i, h->ret_n);
    t.items += i;
}

static struct msgid any_point(void)
{
    struct msgid id = t.n ? t.all[t.n - 1 - below(t.n < 30 ? t.n : 30)].id : t.last;

    if (one_in(5))
        id = t.high_water;
    if (one_in(8))
        id = t.from[below(TOPICS)];
    return one_in(6) ? msgid_before(id) : id;
}

static void question(void)
{
    int topic = (int)below(TOPICS);
    struct msgid point = any_point(), limit = one_in(5) ? any_point() : id_at(0, 0);
    struct broker_history h = { .filter = str_of(names[topic]),
                                .after = point,
                                .snapshot_end = limit,
                                .max_entries = one_in(3) ? 2 : 0 };
    const struct redis_tail_marks marks = {
        .from = t.from[topic],
        .high_water = t.high_water,
        .posted = one_in(8) ? t.last : id_at(0, 0), /* a replay has read it from the log */
        .now_ms = t.now_ms,
    };
    bool has_more = !t.is_away[topic];

    t.asked += has_more;
    while (has_more && redis_tail_answer(t.tail, &h, &marks)) {
        bool is_young = point.ms >= redis_clock() - TTL_S * 1000;

        assert_true(h.ret_complete);
        assert_int_equal(msgid_cmp(h.snapshot_end, msgid_is_zero(limit) ? t.high_water : limit), 0);
        assert_true(msgid_cmp(h.snapshot_end, t.high_water) <= 0);
        assert_true(msgid_cmp(marks.posted, t.high_water) <= 0); /* what is above will come */
        if (msgid_cmp(point, t.high_water) < 0)
            assert_true(is_young);
        check_page(topic, point, &h);
        if (h.ret_n > 0)
            point = h.ret_items[h.ret_n - 1]->id;
        assert_int_equal(msgid_cmp(h.after, point), 0);
        has_more = h.ret_more;
        catch_up_drop_page(&h);
    }
    t.answered += !has_more && !t.is_away[topic];
}

static void step(void)
{
    switch (below(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: publish(); break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 10: deliver(); break;
    case 11:
    case 12: wait(); break;
    case 13:
        if (one_in(15))
            interrupt();
        break;
    case 14:
        if (one_in(4))
            leave_or_join_channel();
        break;
    case 15:
        if (one_in(20))
            forge();
        break;
    case 17:
        if (one_in(10))
            purge();
        break;
    case 16:
        if (one_in(20))
            t.redis_ahead -= (int64_t)below(5000);
        break;
    default: question(); break;
    }
}

static void run(uint64_t seed)
{
    size_t asked = t.asked, answered = t.answered, items = t.items;

    memset(&t, 0, sizeof(t));
    t.seed = seed;
    t.asked = asked;
    t.answered = answered;
    t.items = items;
    t.now_ms = 1000 + below(1000000);
    t.redis_ahead = (int64_t)(1000000 + below(1000000));
    t.last = id_at(redis_clock(), 0);
    t.max_bytes = 500 + below(MAX_BYTES);
    t.tail = create(t.max_bytes, LOG_MAX, TTL_S);
    interrupt();
    for (int i = 0; i < STEPS; i++)
        step();
    redis_tail_free(t.tail);
}

static void answers_are_the_log(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        run(seed);
    print_message("%zu asked, %zu answered, %zu messages\n", t.asked, t.answered, t.items);
    assert_true(t.answered * 4 > t.asked);
    assert_true(t.items > t.answered / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_from_a_point_in_its_range),
        cmocka_unit_test(leaves_other_questions_to_redis),
        cmocka_unit_test(leaves_a_worker_that_is_ahead_to_redis),
        cmocka_unit_test(pages_like_the_log),
        cmocka_unit_test(leaves_what_may_have_expired_to_redis),
        cmocka_unit_test(a_new_redis_may_have_another_clock),
        cmocka_unit_test(a_message_that_is_not_kept_moves_the_start),
        cmocka_unit_test(keeps_no_more_of_a_topic_than_its_log),
        cmocka_unit_test(a_busy_topic_does_not_push_out_a_quiet_one),
        cmocka_unit_test(forgets_a_topic_that_was_purged),
        cmocka_unit_test(answers_are_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
