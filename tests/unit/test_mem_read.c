#include "broker/mem/mem_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "broker/gaps.h"
#include "hub/topic.h"

#define START 1700000000000 /* ms */
#define MANY  600

/* A publish, recorded apart from the log: the model, which answers each request the slow way. */
struct fact {
    char topic[16];
    struct msgid id;
    uint64_t time;
    uint64_t expires;
};

struct model {
    struct mem_log log;
    struct fact facts[MANY];
    size_t n;
};

/* A time at which both clocks agree. */
static struct mem_now both(uint64_t ms)
{
    return (struct mem_now){ .wall_ms = ms, .mono_ms = ms };
}

static void log_open(struct mem_log *log, uint64_t max_length, uint64_t ttl_s)
{
    const struct mem_log_limits limits = { .max_length = max_length,
                                           .default_ttl_s = ttl_s,
                                           .memory = UINT64_MAX };

    mem_log_init(log, &limits, START);
}

static struct msgid publish_with(struct mem_log *log, const char *topic,
                                 const struct mem_log_options *options, struct mem_now now)
{
    struct msgid id = mem_log_next_id(log, now.wall_ms);
    struct message *m = message_create(id, str_of(topic), STR("\"text\""), str_make(NULL, 0));

    mem_log_add(log, m, options, now);
    message_unref(m);
    return id;
}

static struct msgid publish_at(struct mem_log *log, const char *topic, int64_t timestamp,
                               struct mem_now now)
{
    return publish_with(log, topic, &(struct mem_log_options){ .timestamp = timestamp }, now);
}

static struct msgid publish(struct mem_log *log, const char *topic, int64_t timestamp, uint64_t now)
{
    return publish_at(log, topic, timestamp, both(now));
}

static void drop_items(struct broker_history *h)
{
    for (size_t i = 0; i < h->ret_n; i++)
        message_unref(h->ret_items[i]);
    free(h->ret_items);
    free(h->ret_gaps);
}

static struct broker_history ask_at(struct mem_log *log, struct broker_history h,
                                    struct mem_now now)
{
    mem_read(log, &h, now);
    drop_items(&h);
    return h;
}

static struct broker_history ask(struct mem_log *log, struct broker_history h, uint64_t now)
{
    return ask_at(log, h, both(now));
}

/* ---- against the model ---- */

static void model_publish(struct model *m, uint64_t now)
{
    static const char *const names[] = { "a", "a/b", "a/c", "a/b/c", "b", "ab" };
    struct fact *f = &m->facts[m->n++];
    uint64_t ttl = (uint64_t)rand() % 3 ? 60 : 1;
    int64_t stamp = rand() % 2 ? 0 : (int64_t)now - 3000 + rand() % 6000;

    snprintf(f->topic, sizeof(f->topic), "%s", names[(size_t)rand() % ARRAY_LEN(names)]);
    f->id = publish_with(&m->log, f->topic, &(struct mem_log_options){ ttl, 0, stamp }, both(now));
    f->time = stamp ? (uint64_t)stamp : f->id.ms;
    f->expires = now + 1000 * ttl;
}

static bool fact_is_wanted(const struct fact *f, const struct broker_history *q, uint64_t now)
{
    return f->expires > now && filter_matches(q->filter, str_of(f->topic)) &&
           msgid_cmp(f->id, q->snapshot_end) <= 0 &&
           (q->since ? f->time >= (uint64_t)q->since : msgid_cmp(f->id, q->after) > 0);
}

static size_t expected(const struct model *m, const struct broker_history *q, uint64_t now,
                       struct msgid *ret_ids)
{
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++) {
        if (fact_is_wanted(&m->facts[i], q, now))
            ret_ids[n++] = m->facts[i].id;
    }
    return n;
}

/* Reads page by page, sending each answer as the next request, and compares all entries. */
static void check_question(struct model *m, struct broker_history q, uint64_t now)
{
    static struct msgid want[MANY];
    size_t n_want = expected(m, &q, now, want);
    size_t skip = q.newest && n_want > q.newest ? n_want - q.newest : 0;
    size_t at = skip;

    do {
        mem_read(&m->log, &q, both(now));
        assert_true(q.ret_n <= q.max_entries && (q.ret_n > 0 || !q.ret_more));
        for (size_t i = 0; i < q.ret_n; i++) {
            assert_true(at < n_want);
            assert_int_equal(msgid_cmp(q.ret_items[i]->id, want[at++]), 0);
        }
        drop_items(&q);
    } while (q.ret_more);
    assert_int_equal(at, n_want);
    assert_int_equal(q.newest, 0);
}

static void returns_the_entries_of_the_model_on_pages_of_any_size(void **state)
{
    static const char *const filters[] = { "a", "a/b", "#", "a/#", "a/+", "+", "+/b", "x", "x/#" };
    static struct model m;
    uint64_t now = START;

    (void)state;
    srand(2);
    log_open(&m.log, 0, 60);
    while (m.n < MANY)
        model_publish(&m, now += (uint64_t)rand() % 20);
    for (int round = 0; round < 2000; round++) {
        const struct fact *from = &m.facts[(size_t)rand() % MANY];
        const struct fact *to = &m.facts[(size_t)rand() % MANY];
        struct broker_history q = {
            .filter = str_of(filters[(size_t)rand() % ARRAY_LEN(filters)]),
            .after = from->id,
            .snapshot_end = rand() % 2 ? to->id : m.log.last,
            .since = rand() % 2 ? 0 : (int64_t)from->id.ms,
            .newest = rand() % 2 ? 0 : (uint32_t)rand() % 20,
            .max_entries = 1 + (uint32_t)rand() % 50,
        };

        if (q.since)
            q.after = (struct msgid){ 0 };
        check_question(&m, q, now);
    }
    mem_log_done(&m.log);
}

/* ---- the latest of each topic ---- */

/* Leaves only the newest of each topic. */
static size_t keep_latest(const struct model *m, struct msgid *ids, size_t n)
{
    size_t kept = 0, at = 0;

    for (size_t i = 0; i < n; i++) {
        bool is_latest = true;
        const struct fact *f;

        while (msgid_cmp(m->facts[at].id, ids[i]) != 0)
            at++;
        f = &m->facts[at];
        for (size_t k = i + 1, other = at; k < n; k++) {
            while (msgid_cmp(m->facts[other].id, ids[k]) != 0)
                other++;
            is_latest = is_latest && strcmp(m->facts[other].topic, f->topic) != 0;
        }
        if (is_latest)
            ids[kept++] = ids[i];
    }
    return kept;
}

static void returns_the_latest_of_the_model_on_pages_of_any_size(void **state)
{
    static const char *const filters[] = { "a", "#", "a/#", "+", "x/#" };
    static struct msgid want[MANY];
    static struct model m;
    uint64_t now = START;

    (void)state;
    srand(3);
    log_open(&m.log, 0, 60);
    while (m.n < MANY)
        model_publish(&m, now += (uint64_t)rand() % 20);
    for (int round = 0; round < 200; round++) {
        struct broker_history q = {
            .filter = str_of(filters[(size_t)rand() % ARRAY_LEN(filters)]),
            .latest = true,
            .snapshot_end = m.facts[(size_t)rand() % MANY].id,
            .max_entries = 1 + (uint32_t)rand() % 4,
        };
        size_t n = keep_latest(&m, want, expected(&m, &q, now, want)), at = 0;

        do {
            mem_read(&m.log, &q, both(now));
            assert_true(q.ret_complete && q.ret_n <= q.max_entries);
            for (size_t i = 0; i < q.ret_n; i++) {
                assert_true(at < n);
                assert_int_equal(msgid_cmp(q.ret_items[i]->id, want[at++]), 0);
            }
            drop_items(&q);
        } while (q.ret_more);
        assert_int_equal(at, n);
    }
    mem_log_done(&m.log);
}

/* Until it would have expired. A log that has just begun lacks nothing. */
static void the_latest_are_incomplete_if_the_limit_removed_one(void **state)
{
    struct broker_history h = { .filter = STR("#"), .latest = true };
    struct mem_log log;

    (void)state;
    log_open(&log, 0, 60);
    assert_true(ask(&log, h, START).ret_complete);
    publish(&log, "a", 0, START + 1);
    publish(&log, "b", 0, START + 2);
    assert_true(ask(&log, h, START + 2).ret_complete);
    log.limits.memory = log.bytes - 1;
    mem_log_set_others(&log, 0, START + 2);
    assert_false(ask(&log, h, START + 2).ret_complete);
    assert_true(ask(&log, h, START + 60002).ret_complete);
    mem_log_done(&log);
}

/* More messages have expired at once than a page removes and looks at. */
static void the_latest_are_incomplete_behind_too_many_expired_messages(void **state)
{
    struct broker_history h = { .filter = STR("t"), .latest = true };
    struct mem_log log;
    struct msgid lasting;

    (void)state;
    log_open(&log, 0, 60);
    lasting = publish_with(&log, "t", &(struct mem_log_options){ .ttl_s = 1000 }, both(START));
    for (int i = 0; i < MEM_READ_EXPIRE + MEM_READ_SKIP; i++)
        publish(&log, "t", 0, START);
    h = ask(&log, h, START + 60000);
    assert_true(h.ret_n == 0 && !h.ret_more && !h.ret_complete);
    h = (struct broker_history){ .filter = STR("t"), .latest = true };
    h = ask(&log, h, START + 60000);
    assert_true(h.ret_n == 1 && !h.ret_more && h.ret_complete);
    assert_int_equal(msgid_cmp(h.after, lasting), 0);
    mem_log_done(&log);
}

/* ---- where a point is complete ---- */

static void reports_whether_a_point_is_complete(void **state)
{
    static const struct {
        const char *filter;
        struct msgid after; /* ms relative to START */
        bool complete;
    } cases[] = {
        { "t", { 0, 0 }, false }, /* 1-0 and 2-0 are gone */
        { "t", { 1, 0 }, false }, /* 2-0 is gone */
        { "t", { 2, 0 }, true },  /* nothing after it is gone */
        { "t", { 4, 0 }, true },   { "t", { 5, 0 }, true },
        { "t", { 5, 1 }, false }, /* above the last id issued */
        { "u", { 0, 0 }, true },   { "none", { 0, 0 }, true },
        { "+", { 1, 9 }, false },  { "+", { 2, 0 }, true },
        { "u/#", { 0, 0 }, true }, /* t is incomplete, but the filter does not match it */
    };
    struct mem_log log;

    (void)state;
    log_open(&log, 2, 60);
    for (uint64_t i = 1; i <= 4; i++)
        publish(&log, "t", 0, START + i);
    publish(&log, "u", 0, START + 5);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history h = { .filter = str_of(cases[i].filter), .after = cases[i].after };

        h.after.ms += START;
        mem_read(&log, &h, both(START + 5));
        assert_int_equal(h.ret_complete, cases[i].complete);
        /* t lost entries; for an id that was never issued, the topics are not known */
        assert_int_equal(h.ret_gaps != NULL, !h.ret_complete && cases[i].after.seq != 1);
        assert_true(!h.ret_gaps || str_eq(h.ret_gaps->topics[0], STR("t")));
        drop_items(&h);
    }
    mem_log_done(&log);
}

static void is_incomplete_before_the_log_start_and_beyond_the_ttl(void **state)
{
    struct broker_history before = { .filter = STR("t"), .after = { START - 1, 9 } };
    struct broker_history start = { .filter = STR("t"), .after = { START, 0 } };
    struct broker_history since = { .filter = STR("t"), .since = -60000 };
    struct mem_log log;

    (void)state;
    log_open(&log, 0, 60);
    publish(&log, "t", 0, START + 1);
    assert_false(ask(&log, before, START + 1).ret_complete);
    assert_true(ask(&log, start, START + 1).ret_complete);
    assert_true(ask(&log, start, START + 60000).ret_complete);
    since = ask(&log, since, START + 60000);
    assert_true(since.ret_complete);
    assert_int_equal(since.since, START);
    assert_false(ask(&log, start, START + 60001).ret_complete);
    mem_log_done(&log);
}

static void is_incomplete_when_newest_leaves_entries_out(void **state)
{
    struct broker_history h = { .filter = STR("t"), .after = { START, 0 } };
    struct mem_log log;

    (void)state;
    log_open(&log, 0, 60);
    for (uint64_t i = 1; i <= 5; i++)
        publish(&log, "t", 0, START + i);
    h.newest = 5;
    assert_true(ask(&log, h, START + 9).ret_complete);
    h.newest = 4;
    assert_false(ask(&log, h, START + 9).ret_complete);
    assert_int_equal(ask(&log, h, START + 9).ret_n, 4);
    mem_log_done(&log);
}

/* ---- since and timestamps ---- */

static void compares_since_with_the_timestamp(void **state)
{
    static const struct {
        int64_t since; /* relative to START */
        size_t n;
    } cases[] = {
        { 0, 6 },    { 1000, 6 }, { 1001, 5 },  { 4000, 5 },  { 4001, 4 },
        { 5000, 4 }, { 5001, 1 }, { 64000, 1 }, { 64001, 0 },
    };
    struct mem_log log;

    (void)state;
    log_open(&log, 0, 600);
    publish(&log, "t", START + 1000, START + 4000);  /* behind */
    publish(&log, "t", START + 64000, START + 4000); /* a minute ahead: the most that is usable */
    publish(&log, "t", 0, START + 4000);
    publish(&log, "t", START + 65001, START + 5000); /* too far ahead: the id's time counts */
    publish(&log, "t", -5, START + 5000);            /* nonsense: the id's time counts */
    publish(&log, "t", START + 5000, START + 5000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history h = { .filter = STR("t"), .since = START + cases[i].since };

        assert_int_equal(ask(&log, h, START + 5000).ret_n, cases[i].n);
        h.filter = STR("#");
        h.since -= START + 5000; /* that many ms before now */
        if (h.since != 0)
            assert_int_equal(ask(&log, h, START + 5000).ret_n, h.since > 0 ? 6 : cases[i].n);
    }
    mem_log_done(&log);
}

static void accepts_every_number_as_since(void **state)
{
    static const struct {
        int64_t since, want;
    } cases[] = {
        { INT64_MIN, 1 }, { -(int64_t)START, 1 },   { -(int64_t)START + 1, 1 },
        { 1, 1 },         { INT64_MAX, INT64_MAX }, { -1, START - 1 },
    };
    struct mem_log log;

    (void)state;
    log_open(&log, 0, 0);
    publish(&log, "t", 0, START);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct broker_history h = { .filter = STR("t"), .since = cases[i].since };

        h = ask(&log, h, START);
        assert_int_equal(h.since, cases[i].want);
        assert_int_equal(h.ret_n, cases[i].since != INT64_MAX);
        assert_false(h.ret_complete);
    }
    mem_log_done(&log);
}

static void leaves_out_expired_entries(void **state)
{
    struct broker_history h = { .filter = STR("t"), .after = { START, 0 } };
    struct mem_log log;

    (void)state;
    log_open(&log, 0, 10);
    publish(&log, "t", 0, START);
    assert_int_equal(ask(&log, h, START + 9999).ret_n, 1);
    assert_int_equal(ask(&log, h, START + 10000).ret_n, 0); /* not swept yet */
    assert_false(ask(&log, h, START + 10000).ret_complete);
    mem_log_done(&log);
}

/* ---- the clock is set ---- */

#define DAY 86400000 /* ms */

/* Two messages are published, a second apart. A row has by how many ms the wall clock is ahead when
 * the first is published, when the second is, and when history is asked for. */
static void follows_the_clock_that_does_not_step(void **state)
{
    static const int64_t cases[][3] = {
        { 0, 0, 0 },     { 0, 0, 2 * DAY },   { 0, 2 * DAY, 0 },   { 2 * DAY, 0, 0 },
        { 0, 90000, 0 }, { 90000, 0, 0 },     { 0, 0, -90000 },    { 0, 0, 90000 },
        { 0, -DAY, 0 },  { 2 * DAY, DAY, 0 }, { 0, DAY, 2 * DAY },
    };
    static const struct {
        uint64_t mono_ms;
        size_t n;
        bool complete;
    } questions[] = {
        { 2000, 1, true }, { 60000, 1, true }, { 61000, 1, false }, { 62000, 0, false }
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint64_t start = START; /* of the wall clock, when the other is 0 */
        struct mem_now first = { start + 1000 + (uint64_t)cases[i][0], 1000 };
        struct mem_now second = { start + 2000 + (uint64_t)cases[i][1], 2000 };
        struct mem_log log;
        struct broker_history h = { .filter = STR("t") };

        log_open(&log, 0, 60);
        h.after = publish_at(&log, "t", 0, first);
        publish_at(&log, "t", 0, second);
        for (size_t k = 0; k < ARRAY_LEN(questions); k++) {
            uint64_t mono_ms = questions[k].mono_ms;
            struct mem_now now = { start + mono_ms + (uint64_t)cases[i][2], mono_ms };
            struct broker_history got = ask_at(&log, h, now);

            assert_int_equal(got.ret_n, questions[k].n);
            assert_int_equal(got.ret_complete, questions[k].complete);
        }
        mem_log_done(&log);
    }
}

/* ---- bounds ---- */

static void ends_a_page_at_max_bytes(void **state)
{
    struct broker_history h = { .filter = STR("t"), .after = { START, 0 }, .max_bytes = 1 };
    struct mem_log log;

    (void)state;
    log_open(&log, 0, 0);
    publish(&log, "t", 0, START);
    publish(&log, "t", 0, START);
    h = ask(&log, h, START);
    assert_int_equal(h.ret_n, 1); /* at least one */
    assert_true(h.ret_more);
    h = ask(&log, h, START);
    assert_int_equal(h.ret_n, 1);
    assert_false(h.ret_more);
    mem_log_done(&log);
}

static void reads_too_many_topics_but_is_incomplete(void **state)
{
    struct broker_history h = { .filter = STR("t/#"), .after = { START, 0 } };
    struct broker_history few = { .filter = STR("u/#"), .after = { START, 0 } };
    struct mem_log log;
    char topic[16];
    size_t n = 0;

    (void)state;
    log_open(&log, 0, 0);
    publish(&log, "u/1", 0, START);
    for (unsigned i = 0; i < BROKER_MAX_TOPICS; i++) {
        snprintf(topic, sizeof(topic), "t/%u", i);
        publish(&log, topic, 0, START + i);
    }
    assert_true(ask(&log, h, START).ret_complete);
    publish(&log, "t/one/more", 0, START);
    assert_false(ask(&log, h, START).ret_complete);
    do {
        h = ask(&log, h, START);
        n += h.ret_n;
    } while (h.ret_more);
    assert_int_equal(n, BROKER_MAX_TOPICS + 1);
    assert_true(ask(&log, few, START).ret_complete);
    mem_log_done(&log);
}

/* 2 * MEM_READ_SKIP entries that `since` excludes come before the one that it includes. */
static void ends_a_page_early_when_it_skips_too_many_entries(void **state)
{
    struct broker_history h = { .filter = STR("t"), .since = START + 1000 };
    struct mem_log log;
    struct msgid last;
    int pages = 0;

    (void)state;
    log_open(&log, 0, 0);
    for (int i = 0; i < 2 * MEM_READ_SKIP; i++)
        publish(&log, "t", START + 100, START + 2000);
    last = publish(&log, "t", 0, START + 2000);
    do {
        h = ask(&log, h, START + 2000);
        pages++;
        assert_true(h.ret_more == (h.ret_n == 0));
    } while (h.ret_more);
    assert_int_equal(pages, 3);
    assert_int_equal(h.ret_n, 1);
    assert_int_equal(msgid_cmp(h.after, last), 0);
    mem_log_done(&log);
}

static void resolves_the_request_without_a_log(void **state)
{
    struct broker_history h = { .filter = STR("t"), .since = -1000, .newest = 3 };
    struct mem_log log;

    (void)state;
    log_open(&log, 0, 0);
    (void)mem_log_next_id(&log, START + 7);
    mem_read_nothing(&log, &h, START + 7);
    assert_int_equal(msgid_cmp(h.snapshot_end, log.last), 0);
    assert_int_equal(h.since, START - 993);
    assert_true(h.ret_n == 0 && !h.ret_more && !h.ret_complete && h.newest == 0);
    mem_log_done(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(returns_the_entries_of_the_model_on_pages_of_any_size),
        cmocka_unit_test(returns_the_latest_of_the_model_on_pages_of_any_size),
        cmocka_unit_test(the_latest_are_incomplete_if_the_limit_removed_one),
        cmocka_unit_test(the_latest_are_incomplete_behind_too_many_expired_messages),
        cmocka_unit_test(reports_whether_a_point_is_complete),
        cmocka_unit_test(is_incomplete_before_the_log_start_and_beyond_the_ttl),
        cmocka_unit_test(is_incomplete_when_newest_leaves_entries_out),
        cmocka_unit_test(compares_since_with_the_timestamp),
        cmocka_unit_test(accepts_every_number_as_since),
        cmocka_unit_test(leaves_out_expired_entries),
        cmocka_unit_test(follows_the_clock_that_does_not_step),
        cmocka_unit_test(ends_a_page_at_max_bytes),
        cmocka_unit_test(reads_too_many_topics_but_is_incomplete),
        cmocka_unit_test(ends_a_page_early_when_it_skips_too_many_entries),
        cmocka_unit_test(resolves_the_request_without_a_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
