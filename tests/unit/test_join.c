/* test_join.c - what a client gets that joins with history, or in a batch, while live messages and
 * gaps arrive. The broker is the test's own: it answers pages as each case prescribes.
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

/* Appends a word for each thing that the client got: the id of a message, the topic of a gap with a
 * `-`, [ for an array, and the `recovered` of an answer. */
static const char *story(const struct client *c)
{
    static const char *const begins[] = { "[{", "\"recovered\":", "\"action\":\"gap\",\"topic\":\"",
                                          "\"result\":{\"id\":\"" };
    static const char *const words[] = { "[", "", "-", "" };
    static char out[512];
    const char *p = buf_head(&c->got), *end = p + buf_used(&c->got);

    out[0] = '\0';
    for (; p < end; p++) {
        for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
            size_t n = strlen(begins[i]), used = strlen(out), length = 0;

            if ((size_t)(end - p) <= n || memcmp(p, begins[i], n) != 0)
                continue;
            while (i > 0 && !memchr("-\",}", p[n + length], 4))
                length++;
            (void)snprintf(out + used, sizeof(out) - used, "%s%s%.*s", used ? " " : "", words[i],
                           (int)length, p + n);
        }
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

static struct message *message_of(uint64_t ms)
{
    return message_create((struct msgid){ .ms = ms }, STR("a"), STR("\"x\""), STR(""));
}

static void answer_page(size_t i, struct page page)
{
    struct broker_history *h = &call(i)->history;
    struct str topic = page.gap && page.gap != UNKNOWN ? str_of(page.gap) : STR("");

    assert_int_equal(call(i)->op, BROKER_OP_HISTORY);
    assert_null(h->ret_items);
    assert_null(h->ret_gaps);
    if (msgid_is_zero(h->snapshot_end))
        h->snapshot_end.ms = page.end;
    assert_int_equal(h->snapshot_end.ms, page.end);
    h->ret_items = mem_array(NULL, ARRAY_LEN(page.ids), sizeof(h->ret_items[0]));
    h->ret_n = 0;
    while (h->ret_n < ARRAY_LEN(page.ids) && page.ids[h->ret_n]) {
        h->ret_items[h->ret_n] = message_of(page.ids[h->ret_n]);
        h->after = h->ret_items[h->ret_n++]->id;
        h->newest = 0;
    }
    h->ret_more = page.more;
    h->ret_complete = !page.gap;
    h->ret_gaps = topic.n ? gaps_create(&topic, 1) : NULL;
    answer_call(i, BROKER_DONE);
}

static void live(uint64_t ms)
{
    post(ms, "a");
    settle();
}

static void live_gap(void)
{
    outbox_gap(&fx.sw.worker->port->outbox, NULL);
    outbox_flush(&fx.sw.worker->port->outbox);
    settle();
}

/* ---- joins ---- */

/* Subscribes to `a`, which is live from then on, and asks for the first page. */
static struct client *join(const char *params)
{
    struct client *c = open_client();
    char text[128];

    (void)snprintf(text, sizeof(text), "{\"topic\":\"a\",\"gaps\":true,%s}", params);
    request(c, 1, "subscribe", text);
    settle();
    answer_want(0, 7);
    assert_int_equal(engine.n_calls, 1);
    return c;
}

static void delivers_live_messages_behind_the_pages(void **state)
{
    struct client *c = join("\"sinceEventId\":\"3-0\"");

    (void)state;
    live(3); /* it has this one */
    live(8);
    answer_page(0, (struct page){ .ids = { 4, 6 }, .end = 8, .more = true });
    assert_string_equal(story(c), "true 4 6");
    live(9);
    answer_page(1, (struct page){ .ids = { 8 }, .end = 8 });
    live(10);
    assert_string_equal(story(c), "true 4 6 8 9 10");
    assert_int_equal(c->conn->held, 0);
}

/* The latest of each topic, then live. The subscription begins before the first of them. */
static void begins_with_the_latest(void **state)
{
    struct client *c = join("\"latest\":true");

    (void)state;
    assert_true(call(0)->history.latest);
    assert_true(msgid_is_zero(call(0)->history.after));
    live(8);
    answer_page(0, (struct page){ .ids = { 4, 6 }, .end = 8, .more = true });
    assert_string_equal(story(c), "true 4 6");
    assert_true(has(c, "\"lastEventId\":\"3-18446744073709551615\""));
    assert_true(call(1)->history.latest);
    live(9);
    answer_page(1, (struct page){ .ids = { 8 }, .end = 8 });
    assert_string_equal(story(c), "true 4 6 8 9");
}

/* Messages that do not fit are read from the log: all of them, not only the latest. */
static void reads_on_behind_the_latest(void **state)
{
    struct client *c = join("\"latest\":true");

    (void)state;
    live(8);
    live_gap();
    live(10);
    answer_page(0, (struct page){ .end = 7, .gap = UNKNOWN });
    assert_string_equal(story(c), "false");
    assert_true(has(c, "\"lastEventId\":\"7-0\""));
    assert_false(call(1)->history.latest);
    assert_int_equal(call(1)->history.after.ms, 7);
    answer_page(1, (struct page){ .ids = { 8, 10 }, .end = 10 });
    assert_string_equal(story(c), "false 8 10");
}

/* The page may come before live messages that were published before it: nothing comes out of the
 * gap. */
static void delivers_nothing_out_of_a_gap(void **state)
{
    struct client *c = join("\"sinceEventId\":\"3-0\"");

    (void)state;
    live(5);
    answer_page(0, (struct page){ .ids = { 4 }, .end = 8, .more = true });
    answer_page(1, (struct page){ .ids = { 7 }, .end = 8, .gap = "a" });
    live(6);
    live(8);
    live(9);
    assert_string_equal(story(c), "true 4 -a 7 9");
}

/* No log has it. */
static void keeps_a_legacy_message_in_its_place(void **state)
{
    struct client *c = join("\"sinceEventId\":\"3-0\"");
    struct message *m = message_of(77);

    (void)state;
    m->legacy = true;
    live(5);
    still_worker_post(&fx.sw, m);
    live(6);
    answer_page(0, (struct page){ .ids = { 4, 5, 6 }, .end = 6 });
    assert_string_equal(story(c), "true 4 5 77 6");
}

static void reports_each_gap_once(void **state)
{
    struct client *c = join("\"sinceEventId\":\"3-0\"");

    (void)state;
    answer_page(0, (struct page){ .ids = { 5 }, .end = 9, .more = true, .gap = UNKNOWN });
    assert_string_equal(story(c), "false 5");
    answer_page(1, (struct page){ .ids = { 6 }, .end = 9, .more = true, .gap = UNKNOWN });
    answer_page(2, (struct page){ .ids = { 8 }, .end = 9, .gap = "a/b" });
    assert_string_equal(story(c), "false 5 6 -a/b 8");
}

static void begins_live_if_the_log_cannot_be_read(void **state)
{
    struct client *c = join("\"sinceEventId\":\"3-0\"");

    (void)state;
    live(6); /* not above the id of the answer to the want */
    live(8);
    live_gap();
    live(9);
    answer_call(0, BROKER_NOT_DONE);
    live(10);
    assert_string_equal(story(c), "false 8 -a 9 10");
    assert_true(has(c, "\"lastEventId\":\"7-0\""));
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_HISTORY_FAILED), 1);
}

static void reports_a_gap_if_the_log_cannot_be_read_on(void **state)
{
    struct client *c = join("\"sinceEventId\":\"5-0\"");

    (void)state;
    live(4); /* it has this one */
    live(8);
    answer_page(0, (struct page){ .end = 8, .more = true });
    answer_call(1, BROKER_NOT_DONE);
    live(5); /* and this one */
    live(9);
    assert_string_equal(story(c), "true -a 8 9");
}

static void reads_on_behind_a_gap_in_the_live_messages(void **state)
{
    struct client *c = join("\"since\":1");

    (void)state;
    live(8);
    live_gap();
    live(10);
    answer_page(0, (struct page){ .ids = { 4 }, .end = 7 });
    assert_string_equal(story(c), "true 4");
    assert_int_equal(call(1)->history.after.ms, 7);
    assert_int_equal(call(1)->history.since, 0);
    assert_true(msgid_is_zero(call(1)->history.snapshot_end));
    answer_page(1, (struct page){ .ids = { 10 }, .end = 10, .gap = "a" });
    assert_string_equal(story(c), "true 4 -a 10");
}

/* ---- bounds ---- */

static void reads_what_does_not_fit_from_the_log(void **state)
{
    struct client *c = join("\"sinceEventId\":\"3-0\"");
    uint64_t id = 7;

    (void)state;
    while (c->conn->held <= 1024 * 1024 - 256)
        live(++id);
    live(++id);
    live(++id);
    assert_true(c->conn->held < 1024);
    answer_page(0, (struct page){ .ids = { 4 }, .end = 5 });
    assert_int_equal(call(1)->history.after.ms, 5);
    answer_page(1, (struct page){ .ids = { 6 }, .end = id, .more = true });
    answer_page(2, (struct page){ .ids = { id }, .end = id });
    live(1000000);
    assert_int_equal(c->conn->held, 0);
    assert_true(has(c, "\"result\":{\"id\":\"1000000-0\""));
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_CLOSED_SLOW), 0);
}

static void counts_what_it_holds_back(void **state)
{
    struct client *a = join("\"sinceEventId\":\"3-0\"");
    size_t before = *loop_waiting(fx.sw.worker->loop);

    (void)state;
    live(8);
    live(9);
    assert_int_equal(a->conn->held, conn_waiting(a->conn));
    assert_true(a->conn->held > 0 && *loop_waiting(fx.sw.worker->loop) > before);
    request(a, 2, "unsubscribe", "{\"topic\":\"a\"}");
    settle();
    assert_int_equal(a->conn->held, 0);
    answer_page(0, (struct page){ .ids = { 4 }, .end = 5 });
    assert_string_equal(story(a), "false");
}

/* ---- batches ---- */

static void send_batch(struct client *c, const char *params)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\",\"params\":{\"topic\":"
                   "\"a\",\"gaps\":true%s}},{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"subscribe\","
                   "\"params\":{\"topic\":\"b\"}}]",
                   params);
    send_text(c, text);
    settle();
    answer_want(0, 7);
    assert_int_equal(buf_used(&c->got), 0);
}

static void reports_gaps_in_their_place_without_a_log(void **state)
{
    struct client *c = open_client();

    (void)state;
    fx.sw.config.enable_cache = false;
    send_batch(c, "");
    live_gap();
    live(8);
    live_gap();
    live_gap();
    live(9);
    answer_want(1, 9);
    live(10);
    assert_string_equal(story(c), "[ -a 8 -a 9 10");
    assert_int_equal(engine.n_calls, 0);
    assert_int_equal(c->conn->held, 0);
}

static void reads_the_log_behind_the_array(void **state)
{
    struct client *c = open_client();

    (void)state;
    send_batch(c, "");
    live_gap();
    live(9);
    answer_want(1, 9);
    assert_int_equal(call(0)->history.after.ms, 7);
    answer_page(0, (struct page){ .ids = { 9 }, .end = 9, .gap = UNKNOWN });
    assert_string_equal(story(c), "[ -a 9");
}

static void disconnects_a_batch_that_is_full_without_a_log(void **state)
{
    struct client *c = open_client();

    (void)state;
    fx.sw.config.enable_cache = false;
    send_batch(c, "");
    for (uint64_t id = 8; !has(c, "\x03\xf5"); id++) { /* Close 1013 */
        assert_true(id < 20000);
        live(id);
    }
    assert_int_equal(c->conn->held, 0);
}

/* The answer told the gap, so the page that is read again does not. */
static void reads_a_page_again_behind_the_array(void **state)
{
    struct client *c = open_client();

    (void)state;
    send_batch(c, ",\"sinceEventId\":\"3-0\"");
    live(9);
    answer_page(0, (struct page){ .ids = { 6, 7 }, .end = 8, .more = true, .gap = "a" });
    assert_int_equal(buf_used(&c->got), 0);
    answer_want(1, 9);
    assert_string_equal(story(c), "[ false");
    assert_int_equal(msgid_cmp(call(1)->history.after, msgid_before((struct msgid){ 6, 0 })), 0);
    answer_page(1, (struct page){ .ids = { 6, 7 }, .end = 8, .gap = "a" });
    assert_string_equal(story(c), "[ false 6 7 9");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delivers_live_messages_behind_the_pages),
        TEST(begins_with_the_latest),
        TEST(reads_on_behind_the_latest),
        TEST(delivers_nothing_out_of_a_gap),
        TEST(keeps_a_legacy_message_in_its_place),
        TEST(reports_each_gap_once),
        TEST(begins_live_if_the_log_cannot_be_read),
        TEST(reports_a_gap_if_the_log_cannot_be_read_on),
        TEST(reads_on_behind_a_gap_in_the_live_messages),
        TEST(reads_what_does_not_fit_from_the_log),
        TEST(counts_what_it_holds_back),
        TEST(reports_gaps_in_their_place_without_a_log),
        TEST(reads_the_log_behind_the_array),
        TEST(disconnects_a_batch_that_is_full_without_a_log),
        TEST(reads_a_page_again_behind_the_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
