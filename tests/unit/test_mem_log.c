#include "broker/mem/mem_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"

#define START 1700000000000u /* ms */
#define LOTS  (64u * 1024 * 1024)

static struct msgid publish_ttl(struct mem_log *log, const char *topic, uint64_t ttl_s,
                                uint64_t now)
{
    struct msgid id = mem_log_next_id(log, now);
    struct message *m = message_create(id, str_of(topic), STR("\"text\""), str_make(NULL, 0));

    mem_log_add(log, m, &(struct mem_log_options){ .ttl_s = ttl_s },
                (struct mem_now){ .wall_ms = now, .mono_ms = now });
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

static void issues_increasing_ids_whatever_the_clock_does(void **state)
{
    static const struct {
        int64_t clock; /* after START */
        uint64_t ms, seq;
    } cases[] = {
        { 0, 0, 1 }, { 0, 0, 2 }, { 5, 5, 0 }, { 5, 5, 1 }, { -9, 5, 2 }, { 3, 5, 3 }, { 6, 6, 0 },
    };
    struct mem_log log = log_with(0, 0, LOTS);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct msgid id = mem_log_next_id(&log, START + (uint64_t)cases[i].clock);

        assert_id(id, (struct msgid){ START + cases[i].ms, cases[i].seq });
        assert_true(msgid_cmp(log.log_start, id) < 0);
    }
    mem_log_done(&log);
}

static void keeps_exactly_max_length_entries_of_a_topic(void **state)
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

static void expires_each_entry_by_its_own_ttl(void **state)
{
    struct mem_log log = log_with(0, 10, LOTS);

    (void)state;
    publish_ttl(&log, "a", 30, START);
    publish(&log, "a", START); /* 10 s */
    publish_ttl(&log, "a", 1, START);
    publish_ttl(&log, "b", 2, START);
    assert_false(mem_log_expire(&log, START + 999, 100));
    assert_int_equal(log.all.live, 4);
    assert_true(mem_log_expire(&log, START + 10000, 2)); /* not more than max */
    assert_int_equal(log.all.live, 2);
    assert_int_equal(log.topics.n, 1); /* b was removed */
    assert_false(mem_log_expire(&log, START + 10000, 100));
    assert_int_equal(length_of(&log, "a"), 1);
    assert_false(mem_log_expire(&log, START + 30000, 100));
    assert_int_equal(log.topics.n, 0);
    assert_int_equal(log.bytes, 0);
    assert_id(log.log_start,
              (struct msgid){ START - 1, UINT64_MAX }); /* an expired entry is not missing */
    mem_log_done(&log);
}

/* A ttl shorter than the default says that the message may go earlier. */
static void remembers_the_highest_id_that_expired_by_the_default_ttl(void **state)
{
    static const struct {
        uint64_t default_ttl_s, ttl_s;
        bool counts;
    } cases[] = {
        { 10, 0, true }, { 10, 10, true }, { 10, 11, true }, { 10, 9, false }, { 0, 9, false }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mem_log log = log_with(0, cases[i].default_ttl_s, LOTS);
        struct msgid id;

        publish_ttl(&log, "a", 1, START);
        id = publish_ttl(&log, "a", cases[i].ttl_s, START);
        publish_ttl(&log, "b", 100, START);
        mem_log_expire(&log, START + 50000, 100);
        assert_int_equal(log.all.live, 1);
        assert_id(log.expired, cases[i].counts ? id : (struct msgid){ 0 });
        mem_log_done(&log);
    }
}

/* A message that outlives the trimmed one has a shorter ttl than the default, and goes last. */
static void remembers_that_a_trimmed_entry_expired_when_its_topic_goes(void **state)
{
    static const struct {
        uint64_t ttl_s;
        bool counts;
    } cases[] = { { 0, true }, { 60, true }, { 59, false } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mem_log log = log_with(1, 60, LOTS);
        struct msgid id = publish_ttl(&log, "a", cases[i].ttl_s, START);
        struct msgid log_start = log.log_start;

        publish_ttl(&log, "a", 55, START + 10000);
        mem_log_expire(&log, START + 66000, 100);
        assert_int_equal(log.all.live, 0);
        assert_id(log.log_start, log_start);
        assert_id(log.expired, cases[i].counts ? id : (struct msgid){ 0 });
        mem_log_done(&log);
    }
}

/* Trimming removes entries from the middle of the heap; the others must still expire in time. */
static void expires_exactly_the_entries_that_are_due(void **state)
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

/* More entries have expired than one publish removes; when trimmed, they are not missing. */
static void does_not_move_the_log_start_when_it_trims_expired_entries(void **state)
{
    enum { LENGTH = 40 };
    struct mem_log log = log_with(LENGTH, 0, LOTS);

    (void)state;
    for (int i = 0; i < LENGTH; i++)
        publish_ttl(&log, "b", 1, START); /* these expire first and keep the heap busy */
    for (int i = 0; i < LENGTH; i++)
        publish_ttl(&log, "a", 2, START);
    publish(&log, "a", START + 5000);
    assert_int_equal(length_of(&log, "a"), LENGTH);
    assert_id(mem_topics_find(&log.topics, STR("a"))->log_start, (struct msgid){ 0 });
    mem_log_done(&log);
}

static void never_expires_entries_with_ttl_0(void **state)
{
    struct mem_log log = log_with(0, 0, LOTS);

    (void)state;
    publish(&log, "a", START);
    publish_ttl(&log, "a", 1, START);
    assert_false(mem_log_expire(&log, UINT64_MAX - 1, 100));
    assert_int_equal(length_of(&log, "a"), 1);
    mem_log_done(&log);
}

static void removes_the_oldest_entries_to_make_room(void **state)
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
    /* The log start is directly below the oldest entry that is left. */
    assert_int_equal(mem_ring_at(&log.all, 0)->id.ms, log.log_start.ms + 1);
    mem_log_done(&log);
}

static void removes_expired_entries_before_the_oldest(void **state)
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

static void does_not_keep_a_message_larger_than_the_memory(void **state)
{
    struct mem_log log = log_with(0, 0, 100);
    struct msgid id = publish(&log, "a", START);

    (void)state;
    assert_int_equal(log.all.live, 0);
    assert_int_equal(log.bytes, 0);
    assert_id(log.log_start, id);
    mem_log_done(&log);
}

static void leaves_the_tables_their_part_of_the_memory(void **state)
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

/* When a topic is removed, the log must still know that entries of it are missing. */
static void keeps_the_log_start_of_a_removed_topic(void **state)
{
    struct mem_log log = log_with(1, 100, LOTS);
    struct msgid trimmed = publish(&log, "a", START + 1);

    (void)state;
    publish_ttl(&log, "a", 1, START + 2);
    assert_false(mem_log_expire(&log, START + 5000, 10));
    assert_int_equal(log.topics.n, 0);
    assert_id(log.log_start, trimmed);

    /* With one ttl for all entries, the trimmed ones would have expired by now. */
    publish_ttl(&log, "b", 1, START + 6000);
    publish_ttl(&log, "b", 1, START + 6000);
    assert_false(mem_log_expire(&log, START + 9000, 10));
    assert_int_equal(log.topics.n, 0);
    assert_id(log.log_start, trimmed);
    mem_log_done(&log);
}

static bool purge(struct mem_log *log, const char *topic, struct mem_purge *p, uint64_t now,
                  size_t max)
{
    return mem_log_purge(log, str_of(topic), p, now, max);
}

static void assert_purged(struct mem_log *log, const char *topic, struct msgid last)
{
    struct mem_topic *t = mem_topics_find(&log->topics, str_of(topic));

    assert_non_null(t);
    assert_int_equal(mem_log_length(t), 0);
    assert_id(t->log_start, last);
    assert_id(mem_ring_at(&t->entries, 0)->id, last);
    assert_int_equal(mem_ring_at(&t->entries, 0)->entry->message->body.n,
                     strlen("{'id':'1700000000000-1','message':'','topic':'a'}}"));
}

static void purges_a_topic_and_no_other(void **state)
{
    struct mem_log log = log_with(0, 10, LOTS);
    struct msgid log_start = log.log_start, last = { 0 };
    struct mem_purge p = { 0 }, again = { 0 };

    (void)state;
    for (int i = 0; i < 5; i++) {
        last = publish(&log, "a", START);
        publish(&log, "b", START);
    }
    assert_true(purge(&log, "a", &p, START, 2));
    assert_id(p.upto, last);
    assert_id(mem_topics_find(&log.topics, STR("a"))->log_start, last);
    assert_int_equal(length_of(&log, "a"), 3);
    publish(&log, "a", START); /* stays, and so the topic needs no mark */
    assert_false(purge(&log, "a", &p, START, 3));
    assert_int_equal(p.removed, 5);
    assert_int_equal(length_of(&log, "a"), 1);
    assert_int_equal(mem_log_length(mem_topics_find(&log.topics, STR("a"))), 1);
    assert_false(purge(&log, "none", &again, START, 9));
    assert_true(purge(&log, "b", &again, START, 4));
    assert_false(purge(&log, "b", &again, START, 4));
    assert_int_equal(again.removed, 5);
    assert_int_equal(mem_log_length(mem_topics_find(&log.topics, STR("b"))), 0);
    assert_id(log.log_start, log_start);
    mem_log_done(&log);
}

static void a_purged_topic_keeps_a_mark(void **state)
{
    struct mem_log log = log_with(0, 10, LOTS);
    struct mem_purge p = { 0 }, again = { 0 }, third = { 0 };
    struct msgid last;

    (void)state;
    publish_ttl(&log, "a", 60, START);
    last = publish(&log, "a", START);
    assert_false(purge(&log, "a", &p, START + 1, 100));
    assert_int_equal(p.removed, 2);
    assert_purged(&log, "a", last);
    assert_false(purge(&log, "a", &again, START + 1, 100));
    assert_int_equal(again.removed, 0);
    assert_purged(&log, "a", last);
    last = publish(&log, "a", START + 2000);
    assert_int_equal(length_of(&log, "a"), 2);
    assert_false(purge(&log, "a", &third, START + 2000, 100));
    assert_int_equal(third.removed, 1);
    assert_purged(&log, "a", last);
    assert_false(mem_log_expire(&log, START + 59999, 100)); /* it lives as long as the first one */
    assert_purged(&log, "a", last);
    assert_false(mem_log_expire(&log, START + 60000, 100));
    assert_int_equal(log.topics.n, 0);
    assert_int_equal(log.bytes, 0);
    assert_id(log.expired, last); /* no point up to here is complete any more */
    mem_log_done(&log);
}

/* Then no topic is complete from before the purge, instead of the purged one alone. */
static void a_mark_makes_room_like_a_message(void **state)
{
    struct mem_log log = log_with(0, 0, 16 * 1024);
    struct msgid before = publish(&log, "old", START), last = publish(&log, "a", START + 1);
    struct mem_purge p = { 0 };

    (void)state;
    assert_false(purge(&log, "a", &p, START + 2, 1));
    assert_purged(&log, "a", last);
    for (uint64_t i = 0; msgid_cmp(log.log_start, last) < 0; i++) {
        assert_true(i < 1000);
        publish(&log, "b", START + 10 + i);
    }
    assert_id(log.log_start, last);
    assert_true(msgid_cmp(before, last) < 0);
    assert_int_equal(log.topics.n, 1);
    mem_log_done(&log);
}

/* Expired messages do not count as missing. */
static void a_mark_of_expired_messages_goes_with_them(void **state)
{
    struct mem_log log = log_with(0, 10, LOTS);
    struct mem_purge p = { 0 };

    (void)state;
    publish_ttl(&log, "a", 1, START);
    publish_ttl(&log, "a", 2, START);
    assert_false(purge(&log, "a", &p, START + 1500, 100));
    assert_int_equal(p.removed, 2);
    assert_false(mem_log_expire(&log, START + 2000, 100));
    assert_int_equal(log.topics.n, 0);
    assert_id(log.expired, (struct msgid){ 0 });
    mem_log_done(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issues_increasing_ids_whatever_the_clock_does),
        cmocka_unit_test(keeps_exactly_max_length_entries_of_a_topic),
        cmocka_unit_test(expires_each_entry_by_its_own_ttl),
        cmocka_unit_test(remembers_the_highest_id_that_expired_by_the_default_ttl),
        cmocka_unit_test(remembers_that_a_trimmed_entry_expired_when_its_topic_goes),
        cmocka_unit_test(expires_exactly_the_entries_that_are_due),
        cmocka_unit_test(does_not_move_the_log_start_when_it_trims_expired_entries),
        cmocka_unit_test(never_expires_entries_with_ttl_0),
        cmocka_unit_test(removes_the_oldest_entries_to_make_room),
        cmocka_unit_test(removes_expired_entries_before_the_oldest),
        cmocka_unit_test(does_not_keep_a_message_larger_than_the_memory),
        cmocka_unit_test(leaves_the_tables_their_part_of_the_memory),
        cmocka_unit_test(keeps_the_log_start_of_a_removed_topic),
        cmocka_unit_test(purges_a_topic_and_no_other),
        cmocka_unit_test(a_purged_topic_keeps_a_mark),
        cmocka_unit_test(a_mark_makes_room_like_a_message),
        cmocka_unit_test(a_mark_of_expired_messages_goes_with_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
