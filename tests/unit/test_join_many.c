/* test_join_many.c - what a client gets whose event stream has several topics, while their filters
 * become live, their logs are read as one, and live messages and gaps arrive. The broker is the test's
 * own. Random histories are in test_catch_up.c.
 */
#include "app/conn/conn_output.h"
#include "broker/gaps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/mem.h"
#include "support/asked_clients.h"

#define UNKNOWN ((const char *)-1) /* a gap whose topics are not known */

/* ---- what the client got ---- */

static void add_word(char *out, const char *mark, struct str word)
{
    size_t used = strlen(out);

    (void)snprintf(out + used, 512 - used, "%s%s%.*s", used ? " " : "", mark, STR_ARG(word));
}

/* Returns a word for each event: the ms of a message, `old` for one without an id, the topic of a gap
 * with a `-`, `lost` for recovered: false; and `@` with the ms of a position. */
static const char *story(const struct client *c)
{
    static char out[512];
    struct str rest = buf_str(&c->got), event, field, id, ms;

    out[0] = '\0';
    while (rest.n) {
        const char *end = memmem(rest.p, rest.n, "\n\n", 2);

        event = str_make(rest.p, end ? (size_t)(end - rest.p) : rest.n);
        rest = str_skip(rest, end ? event.n + 2 : rest.n);
        id = ms = (struct str){ NULL, 0 };
        while (str_cut(&event, '\n', &field)) {
            if (str_starts_with(field, STR("id: "))) {
                id = str_skip(field, 4);
                (void)str_cut(&id, '-', &ms);
            } else if (str_starts_with(field, STR("data: {\"topic\":\""))) {
                add_word(out, "-", str_make(field.p + 16, field.n - 18));
            } else if (str_starts_with(field, STR("data: {\"rec"))) {
                add_word(out, "", STR("lost"));
            } else if (str_starts_with(field, STR("data: "))) {
                add_word(out, "", ms.n ? ms : STR("old"));
                ms.n = 0;
            }
        }
        if (ms.n)
            add_word(out, "@", ms);
    }
    return out;
}

/* ---- the broker ---- */

struct page {
    uint64_t ids[4]; /* of its entries, up to a zero */
    uint64_t end;    /* of the snapshot */
    bool more;
    const char *gap; /* the topic; UNKNOWN; or NULL: it is complete */
};

/* Answers the call, which must ask for a page of this filter; the first id that it asks for has this
 * ms. */
static void answer_page(size_t i, const char *filter, uint64_t from, struct page page)
{
    struct broker_history *h = &call(i)->history;
    struct str topic = page.gap && page.gap != UNKNOWN ? str_of(page.gap) : STR("");

    assert_true(str_eq(h->filter, str_of(filter)));
    assert_int_equal(msgid_next(h->after).ms, from);
    if (msgid_is_zero(h->snapshot_end))
        h->snapshot_end.ms = page.end;
    assert_int_equal(h->snapshot_end.ms, page.end);
    h->ret_items = mem_array(NULL, ARRAY_LEN(page.ids), sizeof(h->ret_items[0]));
    h->ret_n = 0;
    while (h->ret_n < ARRAY_LEN(page.ids) && page.ids[h->ret_n]) {
        h->after.ms = page.ids[h->ret_n];
        h->after.seq = 0;
        h->ret_items[h->ret_n++] =
            message_create(h->after, str_of(filter), STR("\"text\""), STR(""));
    }
    h->newest = 0;
    h->ret_more = page.more;
    h->ret_complete = !page.gap;
    h->ret_gaps = topic.n ? gaps_create(&topic, 1) : NULL;
    answer_call(i, BROKER_DONE);
}

static void live(uint64_t ms, const char *topic)
{
    post(ms, topic);
    settle();
}

static void live_gap(const char *topic)
{
    struct str name = topic ? str_of(topic) : STR("");

    outbox_gap(&fx.sw.worker->port->outbox, topic ? gaps_create(&name, 1) : NULL);
    outbox_flush(&fx.sw.worker->port->outbox);
    settle();
}

/* Opens a stream whose filters are live, at 7. */
static struct client *open_live(const char *target)
{
    struct client *c = open_stream(target);
    size_t n = engine.n_wants;

    for (size_t i = 0; i < n; i++) {
        if (engine.wants[i])
            answer_want(i, 7);
    }
    return c;
}

/* ---- filters that become live ---- */

static void begins_when_all_filters_are_live(void **state)
{
    struct client *c = open_stream("/?topic=a&topic=b&topic=c&topic=b");

    (void)state;
    assert_int_equal(engine.n_wants, 3);
    assert_int_equal(c->conn->n_subs, 3);
    answer_want(2, 7);
    answer_want(0, 9);
    live(10, "a"); /* not above the last answer */
    assert_int_equal(buf_used(&c->got), 0);
    answer_want(1, 10);
    live(11, "b");
    live(12, "a");
    assert_string_equal(story(c), "@10 11 12");
}

static void begins_at_the_highest_answer(void **state)
{
    struct client *c = open_stream("/?topic=a&topic=b");

    (void)state;
    answer_want(0, 9);
    answer_want(1, 7);
    live(8, "b"); /* nobody was told that the stream exists */
    live(10, "b");
    assert_string_equal(story(c), "@9 10");
}

static void waits_only_for_filters_that_are_not_live(void **state)
{
    struct client *c = open_client(), *stream;

    (void)state;
    subscribe(c, 1, "b");
    settle();
    answer_want(0, 7);
    stream = open_stream("/?topic=a&topic=b");
    assert_int_equal(engine.n_wants, 2);
    answer_want(1, 8);
    live(9, "b");
    live(10, "a");
    assert_string_equal(story(stream), "@8 9 10");
}

static void begins_at_once_if_all_filters_are_live(void **state)
{
    struct client *c = open_client(), *stream;

    (void)state;
    subscribe(c, 1, "a");
    subscribe(c, 2, "b");
    settle();
    answer_want(0, 7);
    answer_want(1, 8);
    stream = open_stream("/?topic=a&topic=b");
    live(9, "b");
    assert_string_equal(story(stream), "@8 9");
}

/* ---- live messages ---- */

static void delivers_a_message_once_whatever_matches(void **state)
{
    struct client *c = open_live("/?topic=a/1&topic=a/%2B&topic=%23&topic=b");

    (void)state;
    live(8, "a/1");
    live(9, "b");
    live(10, "a/2");
    live(11, "c");
    assert_string_equal(story(c), "@7 8 9 10 11");
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_DELIVERIES), 4);
}

static void live_legacy(const char *topic)
{
    struct message *m =
        message_create((struct msgid){ .ms = 3 }, str_of(topic), STR("\"text\""), STR(""));

    m->legacy = true;
    still_worker_post(&fx.sw, m);
    settle();
}

static void delivers_a_legacy_message_once(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&topic=%23");

    (void)state;
    live_legacy("a");
    live_legacy("b");
    live_legacy("c");
    live(8, "b");
    assert_string_equal(story(c), "@7 old old old 8");
}

static void reports_a_gap_once(void **state)
{
    struct client *c = open_live("/?topic=a&topic=%2B&topic=b/1&gaps=true");

    (void)state;
    live_gap("a");
    live_gap("b/1");
    live_gap(NULL);
    assert_string_equal(story(c), "@7 -a -b/1 -a -+ -b/1");
}

/* ---- history ---- */

static void reads_the_logs_as_one(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&lastEventId=3-0");

    (void)state;
    assert_int_equal(engine.n_calls, 1);
    live(8, "b");
    answer_page(0, "a", 3, (struct page){ .ids = { 4, 6 }, .end = 8, .more = true });
    assert_string_equal(story(c), "@3");
    live(9, "a");
    answer_page(1, "b", 3, (struct page){ .ids = { 5, 7, 8 }, .end = 8 });
    assert_string_equal(story(c), "@3 4 5 6");
    answer_page(2, "a", 6, (struct page){ .end = 8 });
    assert_string_equal(story(c), "@3 4 5 6 7 8 9");
    live(10, "b");
    assert_string_equal(story(c), "@3 4 5 6 7 8 9 10");
    assert_int_equal(engine.n_calls, 3);
    assert_int_equal(c->conn->held, 0);
}

static void sends_the_end_of_the_log_as_a_position(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&since=1");

    (void)state;
    answer_page(0, "a", 0, (struct page){ .ids = { 4 }, .end = 8 });
    answer_page(1, "b", 0, (struct page){ .ids = { 5 }, .end = 8 });
    assert_string_equal(story(c), "4 5 @8");
}

static void gives_an_entry_of_both_once(void **state)
{
    struct client *c = open_live("/?topic=a&topic=%2B&lastEventId=3-0");

    (void)state;
    live(6, "a");
    live_legacy("a");
    live(8, "a");
    answer_page(0, "a", 3, (struct page){ .ids = { 4, 6 }, .end = 6 });
    answer_page(1, "+", 3, (struct page){ .ids = { 4, 5, 6 }, .end = 6 });
    assert_string_equal(story(c), "@3 4 5 6 old 8");
}

static void asks_for_the_newest_of_each(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&lastEventId=3-0&limit=2");

    (void)state;
    assert_int_equal(call(0)->history.newest, 2);
    answer_page(0, "a", 3, (struct page){ .ids = { 6, 7 }, .end = 8, .gap = UNKNOWN });
    assert_int_equal(call(1)->history.newest, 2);
    answer_page(1, "b", 3, (struct page){ .ids = { 4, 8 }, .end = 8 });
    assert_string_equal(story(c), "@3 lost 4 6 7 8");
}

static void tells_the_gap_of_each_in_front_of_its_page(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&lastEventId=3-0&gaps=true");

    (void)state;
    answer_page(0, "a", 3, (struct page){ .ids = { 4 }, .end = 9, .more = true });
    answer_page(1, "b", 3, (struct page){ .ids = { 6 }, .end = 9 });
    answer_page(2, "a", 4, (struct page){ .ids = { 7 }, .end = 9, .more = true, .gap = "a" });
    assert_string_equal(story(c), "@3 4 -a 6 7");
    answer_page(3, "a", 7, (struct page){ .ids = { 8 }, .end = 9, .gap = UNKNOWN });
    assert_string_equal(story(c), "@3 4 -a 6 7 -a -b 8 @9");
}

static void reads_again_what_a_log_start_has_passed(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&lastEventId=3-0&gaps=true");

    (void)state;
    answer_page(0, "a", 3, (struct page){ .ids = { 4 }, .end = 9, .more = true });
    answer_page(1, "b", 3, (struct page){ .ids = { 6, 8 }, .end = 9 });
    answer_page(2, "a", 4, (struct page){ .ids = { 9 }, .end = 9, .gap = UNKNOWN });
    answer_page(3, "b", 6, (struct page){ .ids = { 8 }, .end = 9, .gap = UNKNOWN });
    answer_page(4, "a", 9, (struct page){ .ids = { 9 }, .end = 9 });
    assert_string_equal(story(c), "@3 4 -a -b 8 9");
}

/* No log reaches back to the point, and both filters have the same first entry. */
static void goes_on_if_no_log_reaches_back(void **state)
{
    struct client *c = open_live("/?topic=a&topic=%2B&lastEventId=3-0&gaps=true");

    (void)state;
    answer_page(0, "a", 3, (struct page){ .ids = { 5 }, .end = 9, .gap = UNKNOWN });
    answer_page(1, "+", 3, (struct page){ .ids = { 5, 7 }, .end = 9, .gap = UNKNOWN });
    answer_page(2, "a", 5, (struct page){ .end = 9 });
    assert_string_equal(story(c), "@3 lost 5 7 @9");
}

static void begins_live_if_a_log_cannot_be_read(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&lastEventId=3-0");

    (void)state;
    live(8, "a");
    answer_page(0, "a", 3, (struct page){ .ids = { 4 }, .end = 7 });
    answer_call(1, BROKER_NOT_DONE);
    live(9, "b");
    assert_string_equal(story(c), "@3 lost 8 9");
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_HISTORY_FAILED), 1);
}

static void reads_what_does_not_fit_from_the_logs(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&lastEventId=3-0");
    uint64_t id = 7;

    (void)state;
    while (c->conn->held <= 1024 * 1024 - 256)
        live(++id, "a");
    live(++id, "a");
    live(++id, "b");
    answer_page(0, "a", 3, (struct page){ .end = 5 });
    answer_page(1, "b", 3, (struct page){ .ids = { 4 }, .end = 5 });
    answer_page(2, "a", 5, (struct page){ .ids = { id - 1 }, .end = id });
    answer_page(3, "b", 5, (struct page){ .ids = { 6, id }, .end = id });
    assert_int_equal(c->conn->held, 0);
    assert_true(str_starts_with(str_of(story(c)), STR("@3 4 @5 6 ")) ||
                str_starts_with(str_of(story(c)), STR("@3 4 6 ")));
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_CLOSED_SLOW), 0);
}

/* ---- clients that leave ---- */

static void leave(struct client *c)
{
    close(c->fd);
    c->fd = -1;
    settle();
}

static void leaves_while_it_waits(void **state)
{
    struct client *c = open_stream("/?topic=a&topic=b&topic=c");

    (void)state;
    answer_want(1, 7);
    leave(c);
    answer_want(0, 8);
    answer_want(2, 8);
    assert_string_equal(engine.unwanted, "b a c ");
}

static void leaves_while_a_page_is_read(void **state)
{
    struct client *c = open_live("/?topic=a&topic=b&since=1");

    (void)state;
    live(8, "a");
    answer_page(0, "a", 0, (struct page){ .ids = { 4 }, .end = 8 });
    leave(c);
    answer_page(1, "b", 0, (struct page){ .ids = { 5 }, .end = 8 });
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_SUBSCRIPTIONS), 0);
}

/* ---- bounds of a page ---- */

static void asks_for_shares_of_a_page(void **state)
{
    uint32_t one;

    (void)state;
    (void)open_live("/?topic=a&since=1");
    one = call(0)->history.max_bytes;
    answer_page(0, "a", 0, (struct page){ .end = 8 });
    (void)open_live("/?topic=a&topic=b&topic=c&topic=d&since=1");
    assert_int_equal(call(1)->history.max_bytes, one / 4);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(begins_when_all_filters_are_live),
        TEST(begins_at_the_highest_answer),
        TEST(waits_only_for_filters_that_are_not_live),
        TEST(begins_at_once_if_all_filters_are_live),
        TEST(delivers_a_message_once_whatever_matches),
        TEST(delivers_a_legacy_message_once),
        TEST(reports_a_gap_once),
        TEST(reads_the_logs_as_one),
        TEST(sends_the_end_of_the_log_as_a_position),
        TEST(gives_an_entry_of_both_once),
        TEST(asks_for_the_newest_of_each),
        TEST(tells_the_gap_of_each_in_front_of_its_page),
        TEST(reads_again_what_a_log_start_has_passed),
        TEST(goes_on_if_no_log_reaches_back),
        TEST(begins_live_if_a_log_cannot_be_read),
        TEST(reads_what_does_not_fit_from_the_logs),
        TEST(leaves_while_it_waits),
        TEST(leaves_while_a_page_is_read),
        TEST(asks_for_shares_of_a_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
