/* test_redis_pages.c - single rules, and then pages and tail together against a model of Redis and
 * of the feed: an answer must be the log from the point to its snapshot end.
 */
#include "broker/redis/redis_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/catch_up.h"
#include "hub/message.h"

#define NOW 10000

static struct msgid id_at(uint64_t ms)
{
    return (struct msgid){ ms, 0 };
}

static struct message *message_at(const char *topic, uint64_t ms, struct str text)
{
    return message_create(id_at(ms), str_of(topic), text, STR("\"me\""));
}

struct fixture {
    struct redis_tail *tail;
    struct redis_pages *pages;
};

/* The feed began at `from`, and Redis has ids up to it. */
static struct fixture begin(uint64_t from, size_t max_bytes)
{
    struct fixture f = { .tail = redis_tail_create(
                             &(struct broker_config){ .tail_memory = 1u << 20 }) };

    redis_tail_clear(f.tail, id_at(from));
    f.pages = redis_pages_create(f.tail, max_bytes);
    return f;
}

static void end(struct fixture *f)
{
    redis_pages_free(f->pages);
    redis_tail_free(f->tail);
}

/* Redis answers a question of `a` with the messages at these times. */
static void read_page(struct fixture *f, const struct broker_history *asked, uint64_t snapshot_end,
                      const uint64_t *ms, size_t n, struct str text)
{
    struct broker_history answer = *asked;

    answer.ret_items = calloc(n + 1, sizeof(answer.ret_items[0]));
    for (size_t i = 0; i < n; i++)
        answer.ret_items[answer.ret_n++] = message_at("a", ms[i], text);
    answer.snapshot_end = id_at(snapshot_end);
    answer.ret_complete = true;
    redis_pages_add(f->pages, asked, &answer, NOW);
    catch_up_drop_page(&answer);
}

static struct broker_history after(uint64_t point)
{
    return (struct broker_history){ .filter = STR("a"), .after = id_at(point) };
}

static void read_small(struct fixture *f, uint64_t point, uint64_t snapshot_end, uint64_t only)
{
    struct broker_history asked = after(point);

    read_page(f, &asked, snapshot_end, &only, 1, STR("\"x\""));
}

static void live(struct fixture *f, uint64_t ms)
{
    struct message *m = message_at("a", ms, STR("\"live\""));

    redis_tail_add(f->tail, m, 0, id_at(ms - 1), ms);
    message_unref(m);
}

static struct redis_tail_marks marks_of(uint64_t from, uint64_t high_water, uint64_t posted)
{
    return (struct redis_tail_marks){
        .from = id_at(from),
        .high_water = id_at(high_water),
        .posted = id_at(posted),
        .now_ms = NOW,
    };
}

/* Returns the number of messages, or -1; *ret_end is the end of the snapshot. */
static int answer(struct fixture *f, struct broker_history question,
                  const struct redis_tail_marks *marks, uint64_t *ret_end)
{
    struct msgid last = question.after;
    int n;

    if (!redis_pages_answer(f->pages, &question, marks))
        return -1;
    assert_true(question.ret_complete);
    assert_null(question.ret_gaps);
    for (size_t i = 0; i < question.ret_n; i++) {
        assert_true(msgid_cmp(last, question.ret_items[i]->id) < 0);
        last = question.ret_items[i]->id;
    }
    assert_true(msgid_cmp(last, question.snapshot_end) <= 0);
    *ret_end = question.snapshot_end.ms;
    n = (int)question.ret_n;
    catch_up_drop_page(&question);
    return n;
}

static int ask(struct fixture *f, uint64_t point, uint64_t from, uint64_t high_water)
{
    struct redis_tail_marks marks = marks_of(from, high_water, high_water);
    uint64_t snapshot_end;

    return answer(f, after(point), &marks, &snapshot_end);
}

/* ---- single rules ---- */

static void answers_from_its_point_and_from_its_messages(void **state)
{
    static const uint64_t ms[] = { 300, 500 };
    struct fixture f = begin(1000, REDIS_PAGES_BYTES);
    struct broker_history asked = after(200);

    (void)state;
    read_page(&f, &asked, 1000, ms, 2, STR("\"x\""));
    assert_int_equal(ask(&f, 200, 1000, 1000), 2);
    assert_int_equal(ask(&f, 300, 1000, 1000), 1);
    assert_int_equal(ask(&f, 500, 1000, 1000), 0);
    for (size_t i = 0; i < 3; i++) /* any of these may be an id that Redis has lost */
        assert_int_equal(ask(&f, (uint64_t[]){ 199, 201, 400 }[i], 1000, 1000), -1);
    read_small(&f, 100, 1000, 300); /* a second page of the topic */
    assert_int_equal(ask(&f, 100, 1000, 1000), 1);
    assert_int_equal(ask(&f, 200, 1000, 1000), 2);
    read_small(&f, 200, 1000, 700); /* in place of the first */
    assert_int_equal(ask(&f, 200, 1000, 1000), 1);
    assert_int_equal(ask(&f, 500, 1000, 1000), -1);
    end(&f);
}

static void goes_on_with_the_tail(void **state)
{
    struct fixture f = begin(1000, REDIS_PAGES_BYTES);
    struct redis_tail_marks marks = marks_of(1000, 3000, 2500);
    struct broker_history question = after(200);
    uint64_t snapshot_end;

    (void)state;
    read_small(&f, 200, 2000, 500);
    live(&f, 1500); /* the page has it, or it was removed from the log */
    live(&f, 2500);
    live(&f, 3000);
    assert_int_equal(answer(&f, question, &marks, &snapshot_end), 3);
    assert_int_equal(snapshot_end, 3000);
    question.max_entries = 2; /* more are in the next page, which the tail may answer */
    assert_true(redis_pages_answer(f.pages, &question, &marks));
    assert_int_equal(question.ret_n, 2);
    assert_true(question.ret_more);
    assert_int_equal(question.max_entries, 2);
    assert_int_equal(msgid_cmp(question.after, id_at(2500)), 0);
    assert_int_equal(msgid_cmp(question.snapshot_end, id_at(3000)), 0);
    catch_up_drop_page(&question);
    marks.from = id_at(2001); /* the channel has begun since then */
    assert_int_equal(answer(&f, after(200), &marks, &snapshot_end), -1);
    end(&f);
}

/* The feed has not brought everything that was published before the page was read. */
static void ends_above_the_mark_where_the_page_ends(void **state)
{
    struct fixture f = begin(1000, REDIS_PAGES_BYTES);
    struct redis_tail_marks marks = marks_of(1000, 1500, 2000);
    uint64_t snapshot_end;

    (void)state;
    read_small(&f, 200, 2000, 1800);
    live(&f, 1500);
    assert_int_equal(answer(&f, after(200), &marks, &snapshot_end), 1);
    assert_int_equal(snapshot_end, 2000);
    marks.posted = id_at(2001); /* that message does not come to this worker again */
    assert_int_equal(answer(&f, after(200), &marks, &snapshot_end), -1);
    marks = marks_of(2001, 1500, 1500);
    assert_int_equal(answer(&f, after(200), &marks, &snapshot_end), -1);
    end(&f);
}

static void leaves_other_questions_to_redis(void **state)
{
    static const struct broker_history cases[] = {
        { .filter = { "a/#", 3 }, .after = { 200, 0 } },
        { .filter = { "b", 1 }, .after = { 200, 0 } },
        { .filter = { "a", 1 }, .after = { 200, 0 }, .since = 1000 },
        { .filter = { "a", 1 }, .after = { 200, 0 }, .newest = 1 },
        { .filter = { "a", 1 }, .after = { 200, 0 }, .snapshot_end = { 1000, 0 } },
        { .filter = { "a", 1 }, .after = { 200, 0 }, .max_entries = 1 },
        { .filter = { "a", 1 }, .after = { 200, 0 }, .max_bytes = 10 },
    };
    struct redis_tail_marks marks = marks_of(1000, 1000, 1000);
    struct fixture f = begin(1000, REDIS_PAGES_BYTES);

    (void)state;
    read_small(&f, 200, 1000, 500);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct broker_history h = cases[i];

        assert_false(redis_pages_answer(f.pages, &h, &marks));
        assert_memory_equal(&h, &cases[i], sizeof(h));
    }
    assert_int_equal(ask(&f, 200, 1000, 1000), 1);
    end(&f);
}

static void ignores_pages_that_are_no_whole_answer(void **state)
{
    static uint64_t ms[REDIS_PAGES_ENTRIES + 1];
    static char text[REDIS_PAGES_PAGE_BYTES];
    struct fixture f = begin(1000, REDIS_PAGES_BYTES);
    struct broker_history asked = after(200), page = after(200);

    (void)state;
    for (size_t i = 0; i < REDIS_PAGES_ENTRIES + 1; i++)
        ms[i] = 300 + i;
    read_page(&f, &asked, 1000, ms, REDIS_PAGES_ENTRIES + 1, STR("\"x\""));
    memset(text, 'x', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    read_page(&f, &asked, 1000, ms, 1, str_make(text, sizeof(text)));
    asked.newest = 3;
    read_page(&f, &asked, 1000, ms, 1, STR("\"x\""));
    asked = after(200);
    asked.since = -1000;
    read_page(&f, &asked, 1000, ms, 1, STR("\"x\""));
    asked = after(200);
    asked.snapshot_end = id_at(1000);
    read_page(&f, &asked, 1000, ms, 1, STR("\"x\""));
    asked = after(200);
    asked.filter = STR("+");
    read_page(&f, &asked, 1000, ms, 1, STR("\"x\""));
    asked = after(200);
    page.snapshot_end = id_at(1000);
    redis_pages_add(f.pages, &asked, &page, NOW); /* not complete */
    page.ret_complete = page.ret_more = true;
    redis_pages_add(f.pages, &asked, &page, NOW);
    assert_int_equal(redis_pages_bytes(f.pages), 0);
    end(&f);
}

static void keeps_a_page_for_a_second_and_until_the_feed_is_interrupted(void **state)
{
    struct redis_tail_marks marks = marks_of(1000, 1000, 1000);
    struct fixture f = begin(1000, REDIS_PAGES_BYTES);
    uint64_t snapshot_end;

    (void)state;
    read_small(&f, 200, 1000, 500);
    marks.now_ms = NOW + REDIS_PAGES_MS - 1;
    assert_int_equal(answer(&f, after(200), &marks, &snapshot_end), 1);
    redis_pages_expire(f.pages, marks.now_ms);
    assert_true(redis_pages_bytes(f.pages) > 0);
    marks.now_ms++;
    assert_int_equal(answer(&f, after(200), &marks, &snapshot_end), -1);
    assert_int_equal(redis_pages_bytes(f.pages), 0);
    read_small(&f, 200, 1000, 500);
    redis_tail_clear(f.tail, id_at(1000));
    assert_int_equal(ask(&f, 200, 1000, 1000), -1);
    read_small(&f, 200, 1000, 500);
    assert_int_equal(ask(&f, 200, 1000, 1000), 1);
    end(&f);
}

static void forgets_the_pages_of_a_topic_that_was_purged(void **state)
{
    struct fixture f = begin(1000, REDIS_PAGES_BYTES);

    (void)state;
    read_small(&f, 200, 1000, 500);
    read_small(&f, 300, 1000, 500);
    redis_pages_purge(f.pages, STR("b"));
    assert_int_equal(ask(&f, 200, 1000, 1000), 1);
    redis_pages_purge(f.pages, STR("a"));
    assert_int_equal(ask(&f, 200, 1000, 1000), -1);
    assert_int_equal(ask(&f, 300, 1000, 1000), -1);
    assert_int_equal(redis_pages_bytes(f.pages), 0);
    end(&f);
}

static void drops_the_oldest_pages_at_its_limit(void **state)
{
    struct fixture f = begin(1000, 4096);

    (void)state;
    for (uint64_t point = 1; point <= 100; point++)
        read_small(&f, point, 1000, 500);
    assert_in_range(redis_pages_bytes(f.pages), 2048, 4096);
    assert_int_equal(ask(&f, 1, 1000, 1000), -1);
    assert_int_equal(ask(&f, 100, 1000, 1000), 1);
    end(&f);
}

/* ---- the model ---- */

enum { STEPS = 20000, IDS = 400 };

/* All topics share the ids 1, 2, 3, ...; some are of `a`. */
struct model {
    struct fixture f;
    bool is_of_a[IDS + 1];
    uint64_t last;       /* that Redis issued */
    uint64_t high_water; /* that the feed brought */
    uint64_t from;       /* where the feed began */
    uint64_t purged;     /* `a` has no messages up to this id */
    int answers;
};

static uint64_t below(uint64_t n)
{
    return n ? (uint64_t)random() % n : 0;
}

static void model_read(struct model *m)
{
    uint64_t point = below(m->last + 1), ms[IDS];
    struct broker_history asked = after(point);
    size_t n = 0;

    for (uint64_t id = point + 1; id <= m->last; id++) {
        if (m->is_of_a[id])
            ms[n++] = id;
    }
    if (point >= m->purged) /* else the page is not complete */
        read_page(&m->f, &asked, m->last, ms, n, STR("\"x\""));
}

static void model_ask(struct model *m)
{
    uint64_t point = below(m->last + 1);
    struct redis_tail_marks marks = marks_of(m->from, m->high_water, 0);
    struct broker_history h = after(point);
    uint64_t end, expected = point;

    marks.posted = id_at(m->high_water + below(m->last - m->high_water + 1));
    h.max_entries = (uint32_t)below(6);
    if (!redis_pages_answer(m->f.pages, &h, &marks))
        return;
    m->answers++;
    end = h.ret_more ? h.after.ms : h.snapshot_end.ms;
    assert_true(h.ret_complete && end <= m->last);
    assert_true(point >= m->purged);
    assert_in_range(h.snapshot_end.ms, m->high_water, m->last);
    assert_true(msgid_cmp(h.snapshot_end, marks.posted) >= 0);
    assert_true(h.max_entries == 0 || h.ret_n <= h.max_entries);
    for (size_t i = 0; i < h.ret_n; i++) {
        while (!m->is_of_a[++expected])
            ;
        assert_int_equal(h.ret_items[i]->id.ms, expected);
    }
    while (++expected <= end)
        assert_false(m->is_of_a[expected]);
    catch_up_drop_page(&h);
}

/* The feed has brought everything before it. */
static void model_purge(struct model *m)
{
    if (below(20) != 0 || m->high_water != m->last)
        return;
    m->purged = m->last;
    memset(m->is_of_a, 0, sizeof(m->is_of_a));
    redis_tail_purge(m->f.tail, STR("a"), id_at(m->last));
    redis_pages_purge(m->f.pages, STR("a"));
}

static void model_step(struct model *m)
{
    switch (below(9)) {
    case 0: /* a publish */
        if (m->last < IDS)
            m->is_of_a[++m->last] = below(3) == 0;
        break;
    case 1: /* a live message */
        if (m->high_water == m->last)
            break;
        if (m->is_of_a[m->high_water + 1])
            live(&m->f, m->high_water + 1);
        m->high_water++;
        break;
    case 2: /* the feed joins again; the node's replay brings what it missed */
        if (below(30) == 0) {
            m->from = m->high_water = m->last;
            redis_tail_clear(m->f.tail, id_at(m->from));
        }
        break;
    case 3: model_read(m); break;
    case 8: model_purge(m); break;
    default: model_ask(m);
    }
}

static void answers_with_the_log(void **state)
{
    int answers = 0;

    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct model m = { .f = begin(0, 8192) };

        srandom(seed);
        for (int i = 0; i < STEPS / 20; i++)
            model_step(&m);
        answers += m.answers;
        end(&m.f);
    }
    assert_true(answers > STEPS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_from_its_point_and_from_its_messages),
        cmocka_unit_test(goes_on_with_the_tail),
        cmocka_unit_test(ends_above_the_mark_where_the_page_ends),
        cmocka_unit_test(leaves_other_questions_to_redis),
        cmocka_unit_test(ignores_pages_that_are_no_whole_answer),
        cmocka_unit_test(keeps_a_page_for_a_second_and_until_the_feed_is_interrupted),
        cmocka_unit_test(forgets_the_pages_of_a_topic_that_was_purged),
        cmocka_unit_test(drops_the_oldest_pages_at_its_limit),
        cmocka_unit_test(answers_with_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
