/* test_run.c - messages of one topic that follow each other reach a client as one unit, byte for
 * byte what it would get one by one.
 */
#include "app/worker.h"
#include "broker/port.h"
#include "proto/ws.h"
#include "support/still_worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"

#define CLIENTS  8 /* more than the ids that a run is encoded for */
#define MESSAGES 20

struct client {
    int fd;
    struct conn *conn;
    struct buf expected;
};

static struct fixture {
    struct still_worker sw;
    struct client clients[CLIENTS];
} fx;

static int set_up(void **state)
{
    (void)state;
    memset(&fx, 0, sizeof(fx));
    still_worker_open(&fx.sw, 1024 * 1024);
    fx.sw.worker->newest = (struct msgid){ .ms = 1 };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    still_worker_stop(&fx.sw);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (fx.clients[i].conn)
            close(fx.clients[i].fd);
        buf_done(&fx.clients[i].expected);
    }
    still_worker_free(&fx.sw);
    return 0;
}

static struct client *open_client(size_t i)
{
    struct client *c = &fx.clients[i];

    c->conn = still_worker_connect(&fx.sw, 0, &c->fd);
    return c;
}

static struct message *make(uint64_t ms, struct str topic)
{
    return message_create((struct msgid){ .ms = ms }, topic, STR("\"text\""), STR(""));
}

static void post(struct message *m)
{
    still_worker_post(&fx.sw, m);
}

static void expect_text(struct client *c, struct str text)
{
    char head[WS_HEAD_MAX];

    buf_add(&c->expected, head, ws_encode_head(head, WS_OP_TEXT, text.n));
    buf_add_str(&c->expected, text);
}

static void expect(struct client *c, const char *id, const char *msgid, const char *topic)
{
    struct buf text = { 0 };

    buf_addf(&text,
             "{\"id\":%s,\"jsonrpc\":\"2.0\",\"result\":"
             "{\"id\":\"%s\",\"message\":\"text\",\"topic\":\"%s\"}}",
             id, msgid, topic);
    expect_text(c, buf_str(&text));
    buf_done(&text);
}

static void check(struct client *c)
{
    char got[16 * 1024];
    ssize_t n = recv(c->fd, got, sizeof(got), 0);

    assert_int_equal(n, buf_used(&c->expected));
    assert_memory_equal(got, buf_head(&c->expected), (size_t)n);
}

/* However many batches they come in, and whatever ids the clients chose. */
static void sends_all_clients_the_whole_run(void **state)
{
    static const char *const ids[CLIENTS] = { "1", "1", "\"b\"", "3", "4", "5", "6", "1" };

    (void)state;
    for (size_t i = 0; i < CLIENTS; i++) {
        (void)open_client(i);
        (void)still_worker_subscribe(fx.clients[i].conn, STR("a"), str_of(ids[i]), false);
    }
    for (uint64_t ms = 2; ms < 2 + MESSAGES; ms++) {
        char text[24];

        post(make(ms, STR("a")));
        if (ms % 3)
            outbox_flush(&fx.sw.worker->port->outbox);
        (void)snprintf(text, sizeof(text), "%u-0", (unsigned)ms);
        for (size_t i = 0; i < CLIENTS; i++)
            expect(&fx.clients[i], ids[i], text, "a");
    }
    still_worker_turn(&fx.sw);
    for (size_t i = 0; i < CLIENTS; i++)
        check(&fx.clients[i]);
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_DELIVERIES), CLIENTS * MESSAGES);
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_SENDS), CLIENTS);
}

/* A message is not sent twice, even if only the last one of the run is new. */
static void skips_messages_that_a_subscription_has(void **state)
{
    struct client *c = open_client(0);
    struct sub *s = still_worker_subscribe(c->conn, STR("a"), STR("1"), false);

    (void)state;
    s->last = (struct msgid){ .ms = 4 };
    for (uint64_t ms = 2; ms <= 5; ms++)
        post(make(ms, STR("a")));
    expect(c, "1", "5-0", "a");
    still_worker_turn(&fx.sw);
    check(c);
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_DELIVERIES), 1);
}

/* Another topic, a legacy message and a gap: each stays where it came. */
static void ends_a_run_at_another_topic_or_a_gap(void **state)
{
    struct client *c = open_client(0);
    struct message *legacy = make(1, STR("a"));
    struct sub *s;

    (void)state;
    legacy->legacy = true;
    s = still_worker_subscribe(c->conn, STR("a"), STR("1"), true);
    (void)still_worker_subscribe(c->conn, STR("b"), STR("2"), false);
    post(make(2, STR("a")));
    post(make(3, STR("a")));
    post(make(4, STR("b")));
    post(make(5, STR("a")));
    outbox_gap(&fx.sw.worker->port->outbox, NULL);
    post(make(6, STR("a")));
    post(legacy);
    expect(c, "1", "2-0", "a");
    expect(c, "1", "3-0", "a");
    expect(c, "2", "4-0", "b");
    expect(c, "1", "5-0", "a");
    expect_text(
        c, STR("{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"action\":\"gap\",\"topic\":\"a\"}}"));
    expect(c, "1", "6-0", "a");
    expect(c, "1", "1-0", "a");
    still_worker_turn(&fx.sw);
    check(c);
    assert_int_equal(s->last.ms, 6);
    assert_int_equal(fx.sw.worker->newest.ms, 6);
}

/* Messages published before the broker's first id may have been missed; later ones were not. */
static void reports_one_gap_before_the_first_id(void **state)
{
    struct client *c = open_client(0);
    struct message *legacy = make(1, STR("a"));

    (void)state;
    fx.sw.worker->newest = (struct msgid){ 0 };
    legacy->legacy = true;
    (void)still_worker_subscribe(c->conn, STR("a"), STR("1"), true);
    post(legacy);
    post(make(2, STR("a")));
    post(make(3, STR("a")));
    expect_text(
        c, STR("{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"action\":\"gap\",\"topic\":\"a\"}}"));
    expect(c, "1", "1-0", "a");
    expect(c, "1", "2-0", "a");
    expect(c, "1", "3-0", "a");
    still_worker_turn(&fx.sw);
    check(c);
}

/* A run is copied for each id, which is meant for small messages only. */
static void shares_a_large_message(void **state)
{
    static const char *const ids[] = { "1", "2", "3", "4" };
    static char text[400 * 1024]; /* more than a socket takes */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        (void)still_worker_subscribe(open_client(i)->conn, STR("a"), str_of(ids[i]), false);
    memset(text, 'x', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    post(make(2, STR("a")));
    post(
        message_create((struct msgid){ .ms = 3 }, STR("a"), str_make(text, sizeof(text)), STR("")));
    still_worker_turn(&fx.sw);
    assert_in_range(*loop_waiting(fx.sw.worker->loop), sizeof(text), 2 * sizeof(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sends_all_clients_the_whole_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(skips_messages_that_a_subscription_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_a_run_at_another_topic_or_a_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reports_one_gap_before_the_first_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shares_a_large_message, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
