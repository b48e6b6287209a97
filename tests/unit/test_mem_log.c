#include "broker/mem/mem_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START 1700000000000u /* ms */
#define LOTS  (64u * 1024 * 1024)

static struct msgid publish_ttl(struct mem_log *log, const char *topic, uint64_t ttl_s,
                                uint64_t now)
{
    struct msgid id = mem_log_next_id(log, now);
    struct message *m = message_create(id, str_of(topic), STR("\"text\""), str_make(NULL, 0));

    mem_log_add(log, m, ttl_s, 0, now);
    message_unref(m);
    return id;
}

static struct msgid publish(struct mem_log *log, const char *topic, uint64_t now)
{
    return publish_ttl(log, topic, 0, now);
}

static size_t length_of(struct mem_log *log, const char *topic)
{
    struct mem_topic *t = mem_topics_find(&log->topics, str_of(topic));

    return t ? t->entries.live : 0;
}

static void assert_id(struct msgid got, struct msgid want)
{
    assert_int_equal(msgid_cmp(got, want), 0);
}

static struct mem_log log_with(uint64_t max_length, uint64_t ttl_s, uint64_t memory)
{
    const struct mem_log_limits limits = { .max_length = max_length,
                                           .default_ttl_s = ttl_s,
                                           .memory = memory };
    struct mem_log log;

    mem_log_init(&log, &limits, START);
    return log;
}

static void ids_increase_whatever_the_clock_does(void **state)
{
    static const struct {
        int64_t clock; /* after START */
        uint64_t ms, seq;
    } cases[] = {
        { 0, 0, 1 }, { 0, 0, 2 }, { 5, 5, 0 }, { 5, 5, 1 }, { -9, 5, 2 }, { 3, 5, 3 }, { 6, 6, 0 },
    };
    struct mem_log log = log_with(0, 0, LOTS);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct msgid id = mem_log_next_id(&log, START + (uint64_t)cases[i].clock);

        assert_id(id, (struct msgid){ START + cases[i].ms, cases[i].seq });
        assert_true(msgid_cmp(log.log_start, id) < 0);
    }
    mem_log_done(&log);
}

static void a_topic_keeps_max_length_exactly(void **state)
{
    struct mem_log log = log_with(3, 0, LOTS);
    struct msgid removed = { 0 };

    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        struct msgid id = publish(&log, "a", START + i);

        if (i == 6)
            removed = id;
        publish(&log, "b", START + 100 * i);
        assert_int_equal(length_of(&log, "a"), i < 3 ? i + 1 : 3);
    }
    assert_id(mem_topics_find(&log.topics, STR("a"))->log_start, removed);
    assert_int_equal(log.all.live, 6);
    mem_log_done(&log);
}

static void entries_expire_by_their_own_ttl(void **state)
{
    struct mem_log log = log_with(0, 10, LOTS);

    (void)state;
    publish_ttl(&log, "a", 30, START);
    publish(&log, "a", START); /* 10 s */
    publish_ttl(&log, "a", 1, START);
    publish_ttl(&log, "b", 2, START);
    assert_false(mem_log_expire(&log, START + 999, 100));
    assert_int_equal(log.all.live, 4);
    assert_true(mem_log_expire(&log, START + 10000, 2)); /* no more than asked */
    assert_int_equal(log.all.live, 2);
    assert_int_equal(log.topics.n, 1); /* b is gone */
    assert_false(mem_log_expire(&log, START + 10000, 100));
    assert_int_equal(length_of(&log, "a"), 1);
    assert_false(mem_log_expire(&log, START + 30000, 100));
    assert_int_equal(log.topics.n, 0);
    assert_int_equal(log.bytes, 0);
    assert_id(log.log_start, (struct msgid){ START - 1, UINT64_MAX }); /* expiring is not losing */
    mem_log_done(&log);
}

/* What trimming removes leaves the heap from its middle; the rest must still expire in time. */
static void exactly_what_is_due_expires(void **state)
{
    enum { LENGTH = 50, SECONDS = 300 };
    struct mem_log log = log_with(LENGTH, 0, LOTS);
    char topic[16];

    (void)state;
    srand(3);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(topic, sizeof(topic), "t/%u", i % 30);
        publish_ttl(&log, topic, 1 + (uint64_t)rand() % SECONDS, START);
    }
    for (uint64_t s = 1; s <= SECONDS; s++) {
        assert_false(mem_log_expire(&log, START + 1000 * s, SIZE_MAX));
        for (size_t i = 0; i < log.all.n; i++) {
            const struct mem_entry *e = mem_ring_at(&log.all, i)->entry;

            assert_true(!e || e->expiry.at > START + 1000 * s);
        }
        assert_int_equal(log.expiring.n, log.all.live);
        assert_true(s == SECONDS || log.all.live > 0);
    }
    assert_int_equal(log.all.live, 0);
    mem_log_done(&log);
}

/* More has expired than one publish takes with it: trimming that is no loss. */
static void trimming_what_expired_raises_no_floor(void **state)
{
    enum { LENGTH = 40 };
    struct mem_log log = log_with(LENGTH, 0, LOTS);

    (void)state;
    for (int i = 0; i < LENGTH; i++)
        publish_ttl(&log, "b", 1, START); /* expire first, and keep the heap busy */
    for (int i = 0; i < LENGTH; i++)
        publish_ttl(&log, "a", 2, START);
    publish(&log, "a", START + 5000);
    assert_int_equal(length_of(&log, "a"), LENGTH);
    assert_id(mem_topics_find(&log.topics, STR("a"))->log_start, (struct msgid){ 0 });
    mem_log_done(&log);
}

static void ttl_0_is_for_ever(void **state)
{
    struct mem_log log = log_with(0, 0, LOTS);

    (void)state;
    publish(&log, "a", START);
    publish_ttl(&log, "a", 1, START);
    assert_false(mem_log_expire(&log, UINT64_MAX - 1, 100));
    assert_int_equal(length_of(&log, "a"), 1);
    mem_log_done(&log);
}

static void the_oldest_make_room(void **state)
{
    struct mem_log log = log_with(0, 0, 16 * 1024);
    char topic[16];
    struct msgid last = { 0 };

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(topic, sizeof(topic), "t/%u", i % 20);
        last = publish(&log, topic, START + i);
        assert_true(log.bytes <= 16 * 1024);
    }
    assert_true(log.all.live > 20 && log.all.live < 100);
    assert_id(log.last, last);
    /* Just below the oldest one that is left, and nothing in between. */
    assert_int_equal(mem_ring_at(&log.all, 0)->id.ms, log.log_start.ms + 1);
    mem_log_done(&log);
}

static void what_expired_makes_room_first(void **state)
{
    struct mem_log log = log_with(0, 0, 8 * 1024);
    struct msgid log_start = log.log_start;

    (void)state;
    publish(&log, "stays", START);
    for (unsigned i = 0; i < 200; i++)
        publish_ttl(&log, "t", 1, START + 1000 * i);
    assert_int_equal(length_of(&log, "stays"), 1);
    assert_id(log.log_start, log_start);
    mem_log_done(&log);
}

static void one_that_is_larger_than_the_memory_is_not_kept(void **state)
{
    struct mem_log log = log_with(0, 0, 100);
    struct msgid id = publish(&log, "a", START);

    (void)state;
    assert_int_equal(log.all.live, 0);
    assert_int_equal(log.bytes, 0);
    assert_id(log.log_start, id);
    mem_log_done(&log);
}

static void what_others_hold_is_not_the_logs(void **state)
{
    struct mem_log log = log_with(0, 0, 100000);
    uint64_t before;

    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        publish(&log, "a", START + i);
    before = log.bytes;
    mem_log_set_others(&log, 100000 - before, START + 100);
    assert_int_equal(log.all.live, 100);
    mem_log_set_others(&log, 100000 - before / 2, START + 100);
    assert_in_range(log.all.live, 40, 50);
    assert_true(log.log_start.ms > START);
    mem_log_set_others(&log, 100000, START + 100);
    assert_int_equal(log.all.live, 0);
    publish(&log, "a", START + 200);
    assert_int_equal(log.all.live, 0);
    mem_log_set_others(&log, 0, START + 200);
    publish(&log, "a", START + 200);
    assert_int_equal(log.all.live, 1);
    mem_log_done(&log);
}

/* A topic that leaves must not take the knowledge with it that something was lost. */
static void a_floor_survives_its_topic(void **state)
{
    struct mem_log log = log_with(1, 100, LOTS);
    struct msgid gaps = publish(&log, "a", START + 1);

    (void)state;
    publish_ttl(&log, "a", 1, START + 2);
    assert_false(mem_log_expire(&log, START + 5000, 10));
    assert_int_equal(log.topics.n, 0);
    assert_id(log.log_start, gaps);

    /* With the same ttl for all, what was removed would be gone by now. */
    publish_ttl(&log, "b", 1, START + 6000);
    publish_ttl(&log, "b", 1, START + 6000);
    assert_false(mem_log_expire(&log, START + 9000, 10));
    assert_int_equal(log.topics.n, 0);
    assert_id(log.log_start, gaps);
    mem_log_done(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_increase_whatever_the_clock_does),
        cmocka_unit_test(a_topic_keeps_max_length_exactly),
        cmocka_unit_test(entries_expire_by_their_own_ttl),
        cmocka_unit_test(exactly_what_is_due_expires),
        cmocka_unit_test(trimming_what_expired_raises_no_floor),
        cmocka_unit_test(ttl_0_is_for_ever),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(what_expired_makes_room_first),
        cmocka_unit_test(one_that_is_larger_than_the_memory_is_not_kept),
        cmocka_unit_test(what_others_hold_is_not_the_logs),
        cmocka_unit_test(a_floor_survives_its_topic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
