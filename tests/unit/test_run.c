/* test_run.c - live messages of one topic that follow each other are one unit for a client: byte
 * for byte what it would get one by one. A worker that is not started runs its loop here.
 */
#include "app/rpc/rpc.h"
#include "app/sub/sub.h"
#include "app/worker.h"
#include "broker/port.h"
#include "proto/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENTS  8 /* more than there are ids for which a run is kept */
#define MESSAGES 20

struct client {
    int fd;
    struct conn *conn;
    struct buf expected;
};

static struct fixture {
    struct config config;
    struct context context;
    struct metrics_cell cells[2]; /* the broker's, the worker's */
    struct metrics_cell *worker_cell;
    struct listener listener;
    struct worker *worker;
    struct loop_task over;
    struct client clients[CLIENTS];
} fx;

static int setup(void **state)
{
    struct broker_config bc = { .kind = BROKER_MEMORY,
                                .timeout_ms = 1000,
                                .memory_limit = 1 << 20 };

    (void)state;
    memset(&fx, 0, sizeof(fx));
    fx.worker_cell = &fx.cells[1];
    fx.config.max_output_queue = 1024 * 1024;
    fx.config.ping_interval = fx.config.websocket_handshake_timeout = 30;
    fx.context.config = &fx.config;
    fx.context.service = &rpc_service;
    fx.context.workers = &fx.worker_cell;
    fx.context.n_workers = 1;
    fx.context.max_output_memory = fx.context.max_connections = UINT32_MAX;
    bc.metrics = &fx.cells[0];
    assert_int_equal(broker_create(&bc, &fx.context.broker), EH_OK);
    assert_int_equal(worker_create(&fx.context, 0, fx.worker_cell, &fx.worker), EH_OK);
    fx.worker->newest = (struct msgid){ .ms = 1 };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    worker_stop(fx.worker);
    loop_run(fx.worker->loop);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (fx.clients[i].conn)
            close(fx.clients[i].fd);
        buf_done(&fx.clients[i].expected);
    }
    worker_free(fx.worker);
    broker_free(fx.context.broker);
    return 0;
}

static struct client *open_client(size_t i)
{
    struct sock_addr nobody = { .port = 0 };
    struct client *c = &fx.clients[i];
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    conn_open(fx.worker, fds[1], &nobody, &fx.listener);
    c->fd = fds[0];
    c->conn = fx.worker->slots[i].conn;
    conn_ws_begin(c->conn, fx.worker->everybody, 0);
    return c;
}

static struct message *make(uint64_t ms, struct str topic)
{
    return message_create((struct msgid){ .ms = ms }, topic, STR("\"text\""), STR(""));
}

static void post(struct message *m)
{
    outbox_post(&fx.worker->port->outbox, m);
    message_unref(m);
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

static void on_over(struct loop_task *task)
{
    (void)task;
    loop_stop(fx.worker->loop);
}

/* One turn of the worker. */
static void run_turn(void)
{
    outbox_flush(&fx.worker->port->outbox);
    fx.over.fn = on_over;
    loop_at_end(fx.worker->loop, &fx.over);
    loop_run(fx.worker->loop);
}

static void check(struct client *c)
{
    char got[16 * 1024];
    ssize_t n = recv(c->fd, got, sizeof(got), 0);

    assert_int_equal(n, buf_used(&c->expected));
    assert_memory_equal(got, buf_head(&c->expected), (size_t)n);
}

/* However many batches they come in, and whatever ids the clients chose. */
static void test_everybody_gets_all_of_it(void **state)
{
    static const char *const ids[CLIENTS] = { "1", "1", "\"b\"", "3", "4", "5", "6", "1" };

    (void)state;
    for (size_t i = 0; i < CLIENTS; i++) {
        (void)open_client(i);
        (void)sub_open(fx.clients[i].conn, STR("a"), str_of(ids[i]), false);
    }
    for (uint64_t ms = 2; ms < 2 + MESSAGES; ms++) {
        char text[24];

        post(make(ms, STR("a")));
        if (ms % 3)
            outbox_flush(&fx.worker->port->outbox);
        (void)snprintf(text, sizeof(text), "%u-0", (unsigned)ms);
        for (size_t i = 0; i < CLIENTS; i++)
            expect(&fx.clients[i], ids[i], text, "a");
    }
    run_turn();
    for (size_t i = 0; i < CLIENTS; i++)
        check(&fx.clients[i]);
    assert_int_equal(metrics_get(fx.worker_cell, METRIC_DELIVERIES), CLIENTS * MESSAGES);
    assert_int_equal(metrics_get(fx.worker_cell, METRIC_SENDS), CLIENTS);
}

/* What it has already it is not given again, be that the whole run but one. */
static void test_who_has_some_gets_the_rest(void **state)
{
    struct client *c = open_client(0);
    struct sub *s = sub_open(c->conn, STR("a"), STR("1"), false);

    (void)state;
    s->last = (struct msgid){ .ms = 4 };
    for (uint64_t ms = 2; ms <= 5; ms++)
        post(make(ms, STR("a")));
    expect(c, "1", "5-0", "a");
    run_turn();
    check(c);
    assert_int_equal(metrics_get(fx.worker_cell, METRIC_DELIVERIES), 1);
}

/* Another topic, a message without a place in our order, a gap: each stays where it came. */
static void test_a_run_ends(void **state)
{
    struct client *c = open_client(0);
    struct message *legacy = make(1, STR("a"));
    struct sub *s;

    (void)state;
    legacy->legacy = true;
    s = sub_open(c->conn, STR("a"), STR("1"), true);
    (void)sub_open(c->conn, STR("b"), STR("2"), false);
    post(make(2, STR("a")));
    post(make(3, STR("a")));
    post(make(4, STR("b")));
    post(make(5, STR("a")));
    outbox_gap(&fx.worker->port->outbox, NULL);
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
    run_turn();
    check(c);
    assert_int_equal(s->last.ms, 6);
    assert_int_equal(fx.worker->newest.ms, 6);
}

/* Before the broker's first id: of what came before this nobody knows, of the rest it is known. */
static void test_what_was_before_is_one_gap(void **state)
{
    struct client *c = open_client(0);
    struct message *legacy = make(1, STR("a"));

    (void)state;
    fx.worker->newest = (struct msgid){ 0 };
    legacy->legacy = true;
    (void)sub_open(c->conn, STR("a"), STR("1"), true);
    post(legacy);
    post(make(2, STR("a")));
    post(make(3, STR("a")));
    expect_text(
        c, STR("{\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"action\":\"gap\",\"topic\":\"a\"}}"));
    expect(c, "1", "1-0", "a");
    expect(c, "1", "2-0", "a");
    expect(c, "1", "3-0", "a");
    run_turn();
    check(c);
}

/* Runs are copies for each id; that is for small messages. */
static void test_a_large_message_stays_shared(void **state)
{
    static const char *const ids[] = { "1", "2", "3", "4" };
    static char text[400 * 1024]; /* more than a socket takes */

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        (void)sub_open(open_client(i)->conn, STR("a"), str_of(ids[i]), false);
    memset(text, 'x', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    post(make(2, STR("a")));
    post(
        message_create((struct msgid){ .ms = 3 }, STR("a"), str_make(text, sizeof(text)), STR("")));
    run_turn();
    assert_in_range(*loop_waiting(fx.worker->loop), sizeof(text), 2 * sizeof(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everybody_gets_all_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_has_some_gets_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_run_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_before_is_one_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_large_message_stays_shared, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
