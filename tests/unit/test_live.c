/* test_live.c - how much of what waits for a worker one turn delivers: a worker that is not started
 * runs its loop here, and its client's end of a socket pair is read in it.
 */
#include "app/conn/compression.h"
#include "app/rpc/rpc.h"
#include "app/worker.h"
#include "broker/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define QUEUE      (64 * 1024)       /* MAX_OUTPUT_QUEUE: a portion is a quarter */
#define MESSAGE    (QUEUE / 4 - 512) /* one of them is less than a portion */
#define BATCHES    40
#define DEADLINE_S 10

struct fixture {
    struct config config;
    struct context context;
    struct metrics_cell cells[2]; /* the broker's, the worker's */
    struct metrics_cell *cell[2];
    struct listener listener;
    struct worker *worker;
    struct loop_io peer; /* the client's end */
    size_t n_got;        /* bytes */
    size_t n_wanted;
    struct timer deadline;
};

static struct fixture fx;

static void on_peer(struct loop_io *io, uint32_t events)
{
    char *p = loop_scratch(fx.worker->loop);
    ssize_t n = recv(io->fd, p, LOOP_SCRATCH, MSG_DONTWAIT);

    (void)events;
    if (n > 0)
        fx.n_got += (size_t)n;
    if (n == 0 || fx.n_got >= fx.n_wanted)
        loop_stop(fx.worker->loop);
}

static void on_deadline(struct timer *t)
{
    (void)t;
    loop_stop(fx.worker->loop);
}

static int setup(void **state)
{
    struct broker_config bc = { .kind = BROKER_MEMORY,
                                .timeout_ms = 1000,
                                .memory_limit = 1 << 20 };

    (void)state;
    memset(&fx, 0, sizeof(fx));
    for (size_t i = 0; i < 2; i++)
        fx.cell[i] = &fx.cells[i];
    fx.peer.fd = -1;
    fx.config.max_output_queue = QUEUE;
    fx.config.ping_interval = fx.config.websocket_handshake_timeout = 30;
    fx.context.config = &fx.config;
    fx.context.service = &rpc_service;
    fx.context.workers = fx.cell + 1;
    fx.context.n_workers = 1;
    fx.context.max_output_memory = fx.context.max_connections = UINT32_MAX;
    bc.metrics = fx.cell[0];
    assert_int_equal(broker_create(&bc, &fx.context.broker), EH_OK);
    assert_int_equal(worker_create(&fx.context, 0, fx.cell[1], &fx.worker), EH_OK);
    timer_init(&fx.deadline, on_deadline);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    timer_stop(&fx.deadline);
    worker_stop(fx.worker);
    loop_run(fx.worker->loop);
    loop_close(fx.worker->loop, &fx.peer);
    worker_free(fx.worker);
    broker_free(fx.context.broker);
    return 0;
}

/* A client that is subscribed to "a", and compresses with that window; returns its end. */
static int open_client(uint8_t window_bits)
{
    struct sock_addr nobody = { .port = 0 };
    struct conn *c;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    conn_open(fx.worker, fds[1], &nobody, &fx.listener);
    c = fx.worker->slots[fx.worker->n_conns - 1].conn;
    conn_ws_begin(c, fx.worker->everybody, window_bits);
    (void)sub_open(c, STR("a"), STR("1"), false);
    return fds[0];
}

static void watch(int fd)
{
    fx.peer.fn = on_peer;
    assert_int_equal(loop_watch(fx.worker->loop, &fx.peer, fd, EPOLLIN), EH_OK);
}

/* One message, posted alone, as the broker does with what one turn of its own brings. */
static void post(uint64_t ms)
{
    static char text[MESSAGE];
    struct message *m;

    memset(text, 'x', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    m = message_create((struct msgid){ .ms = ms }, STR("a"), str_make(text, sizeof(text)), STR(""));
    fx.n_wanted += m->body.n;
    outbox_post(&fx.worker->port->outbox, m);
    outbox_flush(&fx.worker->port->outbox);
    message_unref(m);
}

/* Whether the broker posts a burst at once or bit by bit makes no difference to who reads. */
static void test_many_small_batches_are_a_burst(void **state)
{
    (void)state;
    watch(open_client(0));
    for (uint64_t i = 1; i <= BATCHES; i++)
        post(i);
    loop_timer(fx.worker->loop, &fx.deadline, DEADLINE_S * 1000);
    loop_run(fx.worker->loop);
    assert_int_equal(metrics_get(fx.cell[1], METRIC_CLOSED_SLOW), 0);
    assert_true(fx.n_got >= fx.n_wanted);
    assert_int_equal(metrics_get(fx.cell[1], METRIC_DELIVERIES), BATCHES);
}

static void on_turn_over(struct loop_task *task)
{
    (void)task;
    loop_stop(fx.worker->loop);
}

static void run_turn(struct loop_task *over)
{
    loop_at_end(fx.worker->loop, over);
    loop_run(fx.worker->loop);
}

/* Each window that a client asked for is deflated for: it must not make the turn longer. */
static void test_what_is_deflated_counts(void **state)
{
    const uint8_t windows[] = { 9, 10, 11, 12, 13, 14, 15 };
    struct loop_task over = { .fn = on_turn_over };
    int fds[sizeof(windows)];

    (void)state;
    fx.config.max_output_queue = 8 * 1024 * 1024;
    fx.config.max_message_size = MESSAGE * 2;
    fx.worker->compression = compression_create(&fx.config, fx.cell[1]);
    for (size_t i = 0; i < sizeof(windows); i++)
        fds[i] = open_client(windows[i]);
    for (uint64_t i = 1; i <= 60; i++)
        post(i);
    run_turn(&over);
    assert_true(metrics_get(fx.cell[1], METRIC_DEFLATE_IN) <= 2500000); /* two portions */
    for (size_t i = 0; i < sizeof(windows); i++)
        close(fds[i]);
}

#define READERS 16
#define LEVELS  7 /* of the topic: 128 patterns of `+` match it */

static struct str pattern(unsigned pluses, char out[2 * LEVELS])
{
    for (size_t i = 0; i < LEVELS; i++) {
        out[2 * i] = pluses & 1u << i ? '+' : 'a';
        out[2 * i + 1] = '/';
    }
    return str_make(out, 2 * LEVELS - 1);
}

static void post_deep(uint64_t ms)
{
    char topic[2 * LEVELS];
    struct message *m =
        message_create((struct msgid){ .ms = ms }, pattern(0, topic), STR("\"text\""), STR(""));

    outbox_post(&fx.worker->port->outbox, m);
    message_unref(m);
}

/* What one client has many times over is not one delivery. */
static void test_each_subscription_counts(void **state)
{
    struct loop_task over = { .fn = on_turn_over };
    char text[2 * LEVELS];
    int fds[READERS];

    (void)state;
    fx.config.max_output_queue = 64 * 1024 * 1024;
    for (size_t i = 0; i < READERS; i++) {
        fds[i] = open_client(0);
        for (unsigned p = 0; p < 1u << LEVELS; p++)
            (void)sub_open(fx.worker->slots[i].conn, pattern(p, text), STR("1"), false);
    }
    for (uint64_t i = 1; i <= 64; i++)
        post_deep(i);
    outbox_flush(&fx.worker->port->outbox);
    run_turn(&over);
    assert_in_range(metrics_get(fx.cell[1], METRIC_DELIVERIES), 1,
                    65536 + READERS * (1u << LEVELS));
    for (size_t i = 0; i < READERS; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_small_batches_are_a_burst, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_deflated_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_subscription_counts, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
