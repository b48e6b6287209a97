/* test_live.c - how much one turn delivers of what the broker has posted. */
#include "app/conn/compression.h"
#include "app/worker.h"
#include "broker/port.h"
#include "support/still_worker.h"

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

static struct fixture {
    struct still_worker sw;
    struct loop_io peer; /* the client's end */
    size_t n_got;        /* bytes */
    size_t n_wanted;
    struct timer deadline;
} fx;

static void on_peer(struct loop_io *io, uint32_t events)
{
    char *p = loop_scratch(fx.sw.worker->loop);
    ssize_t n = recv(io->fd, p, LOOP_SCRATCH, MSG_DONTWAIT);

    (void)events;
    if (n > 0)
        fx.n_got += (size_t)n;
    if (n == 0 || fx.n_got >= fx.n_wanted)
        loop_stop(fx.sw.worker->loop);
}

static void on_deadline(struct timer *t)
{
    (void)t;
    loop_stop(fx.sw.worker->loop);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fx, 0, sizeof(fx));
    fx.peer.fd = -1;
    still_worker_open(&fx.sw, QUEUE);
    timer_init(&fx.deadline, on_deadline);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    timer_stop(&fx.deadline);
    still_worker_stop(&fx.sw);
    loop_close(fx.sw.worker->loop, &fx.peer);
    still_worker_free(&fx.sw);
    return 0;
}

/* Opens a client that is subscribed to "a" and compresses with that window; returns its end. */
static int open_client(uint8_t window_bits)
{
    int fd;
    struct conn *c = still_worker_connect(&fx.sw, window_bits, &fd);

    (void)still_worker_subscribe(c, STR("a"), STR("1"), false);
    return fd;
}

static void watch(int fd)
{
    fx.peer.fn = on_peer;
    assert_int_equal(loop_watch(fx.sw.worker->loop, &fx.peer, fd, EPOLLIN), EH_OK);
}

/* Posts one message as a batch of its own. */
static void post(uint64_t ms)
{
    static char text[MESSAGE];
    struct message *m;

    memset(text, 'x', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    m = message_create((struct msgid){ .ms = ms }, STR("a"), str_make(text, sizeof(text)), STR(""));
    fx.n_wanted += m->body.n;
    still_worker_post(&fx.sw, m);
    outbox_flush(&fx.sw.worker->port->outbox);
}

/* A client that reads is not dropped, whether the broker posts a burst at once or in pieces. */
static void delivers_many_small_batches_like_one_burst(void **state)
{
    (void)state;
    watch(open_client(0));
    for (uint64_t i = 1; i <= BATCHES; i++)
        post(i);
    loop_timer(fx.sw.worker->loop, &fx.deadline, DEADLINE_S * 1000);
    loop_run(fx.sw.worker->loop);
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_CLOSED_SLOW), 0);
    assert_true(fx.n_got >= fx.n_wanted);
    assert_int_equal(metrics_get(&fx.sw.worker_cell, METRIC_DELIVERIES), BATCHES);
}

/* A message is deflated for each window that a client asked for: the turn must not take longer. */
static void counts_deflated_bytes_towards_a_portion(void **state)
{
    const uint8_t windows[] = { 9, 10, 11, 12, 13, 14, 15 };
    int fds[sizeof(windows)];

    (void)state;
    fx.sw.config.max_output_queue = 8 * 1024 * 1024;
    fx.sw.config.max_message_size = MESSAGE * 2;
    fx.sw.worker->compression = compression_create(&fx.sw.config, &fx.sw.worker_cell);
    for (size_t i = 0; i < sizeof(windows); i++)
        fds[i] = open_client(windows[i]);
    for (uint64_t i = 1; i <= 60; i++)
        post(i);
    still_worker_turn(&fx.sw);
    assert_true(metrics_get(&fx.sw.worker_cell, METRIC_DEFLATE_IN) <= 2500000); /* two portions */
    for (size_t i = 0; i < sizeof(windows); i++)
        close(fds[i]);
}

#define READERS 16
#define LEVELS  7 /* of the topic: 128 patterns with `+` match it */

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

    still_worker_post(&fx.sw, m);
}

/* A client with many matching subscriptions causes that many deliveries. */
static void counts_each_subscription_of_a_client(void **state)
{
    char text[2 * LEVELS];
    int fds[READERS];

    (void)state;
    fx.sw.config.max_output_queue = 64 * 1024 * 1024;
    for (size_t i = 0; i < READERS; i++) {
        fds[i] = open_client(0);
        for (unsigned p = 0; p < 1u << LEVELS; p++)
            (void)still_worker_subscribe(fx.sw.worker->conns.slots[i].conn, pattern(p, text),
                                         STR("1"), false);
    }
    for (uint64_t i = 1; i <= 64; i++)
        post_deep(i);
    still_worker_turn(&fx.sw);
    assert_in_range(metrics_get(&fx.sw.worker_cell, METRIC_DELIVERIES), 1,
                    65536 + READERS * (1u << LEVELS));
    for (size_t i = 0; i < READERS; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(delivers_many_small_batches_like_one_burst, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(counts_deflated_bytes_towards_a_portion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_each_subscription_of_a_client, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
