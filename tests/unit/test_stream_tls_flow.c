/* test_stream_tls_flow.c - large amounts of data, slow readers, and the end of a TLS stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/shared.h"
#include "support/send_units.h"
#include "support/tls_pair.h"

/* ---- large amounts of data ---- */

static struct buf pattern(size_t n)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; buf_used(&b) < n; i++)
        buf_add(&b, &i, sizeof(i));
    return b;
}

static void delivers_large_input(void **state)
{
    struct buf all = pattern(100000);

    (void)state;
    handshake();
    for (size_t i = 0; i < buf_used(&all); i += 1000)
        peer_write(buf_head(&all) + i, 1000);
    carry_out();
    for (int i = 0; i < 20; i++)
        turn();
    assert_int_equal(buf_used(&fx.got), buf_used(&all));
    assert_memory_equal(buf_head(&fx.got), buf_head(&all), buf_used(&all));
    assert_true(fx.largest <= LOOP_SCRATCH);
    buf_done(&all);
}

static size_t n_got_when_due;

static void on_due(struct timer *t)
{
    (void)t;
    n_got_when_due = buf_used(&fx.got);
    loop_stop(fx.loop);
}

/* A turn reads only a record or so, and OpenSSL holds some of the rest. */
static void reads_all_input_before_a_timer_runs(void **state)
{
    struct buf all = pattern(100000);
    struct timer t;
    char wire[150000];
    int n;

    (void)state;
    handshake();
    for (size_t i = 0; i < buf_used(&all); i += 1000)
        peer_write(buf_head(&all) + i, 1000);
    n = BIO_read(fx.out, wire, sizeof(wire));
    assert_int_equal(send(fx.fd, wire, (size_t)n, MSG_NOSIGNAL), n);
    timer_init(&t, on_due);
    loop_timer(fx.loop, &t, 0);
    usleep(2000 * TIMER_TICK_MS);
    loop_run(fx.loop);
    assert_int_equal(n_got_when_due, buf_used(&all));
    buf_done(&all);
}

/* The socket is empty, but OpenSSL still holds the close_notify that it has read. */
static void reads_the_rest_of_the_session_after_a_pause(void **state)
{
    (void)state;
    handshake();
    fx.pauses = true;
    peer_write("the last words", 14);
    (void)SSL_shutdown(fx.ssl);
    carry_out();
    turn();
    assert_got(&fx.got, "the last words");
    assert_int_equal(recv(fx.stream.io.fd, &(char){ 0 }, 1, 0), -1);
    assert_int_equal(fx.ends, 0);
    stream_resume(&fx.stream);
    turn();
    assert_int_equal(fx.ends, 1);
}

static void reads_nothing_while_paused(void **state)
{
    (void)state;
    handshake();
    stream_pause(&fx.stream);
    peer_write("hello", 5);
    carry_out();
    turn();
    assert_int_equal(buf_used(&fx.got), 0);
    stream_resume(&fx.stream);
    turn();
    assert_got(&fx.got, "hello");
}

/* Reads an odd number of bytes at a time, so that the peer receives parts of records. */
static void read_all(void)
{
    while (carry_in(7777)) {
        assert_int_equal(read_back(), SSL_ERROR_WANT_READ);
        turn();
    }
}

static void loses_nothing_with_a_slow_reader(void **state)
{
    struct buf all = send_units(&fx.stream, 5000);

    (void)state;
    handshake();
    assert_true(stream_queued(&fx.stream) > 0);
    assert_true(fx.stream.blocked);
    read_all();
    assert_int_equal(buf_used(&fx.back), buf_used(&all));
    assert_memory_equal(buf_head(&fx.back), buf_head(&all), buf_used(&all));
    assert_int_equal(fx.sent, buf_used(&all));
    assert_null(fx.stream.out);
    buf_done(&all);
}

/* A record that is encrypted must be sent, and so must the rest of its last unit. */
static void finishes_the_record_under_way_after_a_discard(void **state)
{
    struct buf all = send_units(&fx.stream, 5000);
    size_t n;

    (void)state;
    handshake();
    assert_true(fx.stream.blocked);
    stream_discard(&fx.stream);
    assert_true(stream_queued(&fx.stream) < 20 * 1064);
    send_unit(&fx.stream, "", "the end");
    read_all();
    n = buf_used(&fx.back) - 7;
    assert_int_equal(n % UNIT_SIZE, 0);
    assert_true(n < buf_used(&all));
    assert_memory_equal(buf_head(&fx.back), buf_head(&all), n);
    assert_memory_equal(buf_head(&fx.back) + n, "the end", 7);
    buf_done(&all);
}

#define BODIES 100

/* Sends BODIES units that share one body, more than the kernel takes; returns the body. */
static struct bytes *fill_with_one_body(void)
{
    struct bytes *b = bytes_alloc(100000);

    memset(b->p, 'x', b->n);
    for (int i = 0; i < BODIES; i++)
        stream_send(&fx.stream, STR(""), &b->shared, bytes_str(b));
    assert_int_equal(shared_count(&b->shared), BODIES + 1);
    return b;
}

/* A unit frees its reference once it is sent; the unit in a half-sent record keeps it. */
static void frees_a_body_when_its_last_unit_has_left(void **state)
{
    struct bytes *b = fill_with_one_body();
    unsigned before;

    (void)state;
    handshake();
    before = shared_count(&b->shared);
    assert_in_range(before, 2, BODIES);
    assert_true(fx.sent > 0 && fx.sent % b->n != 0);
    while (carry_in(7777)) {
        size_t whole = fx.sent / b->n;

        assert_int_equal(shared_count(&b->shared), 1 + BODIES - whole);
        assert_int_equal(read_back(), SSL_ERROR_WANT_READ);
        turn();
    }
    assert_int_equal(buf_used(&fx.back), BODIES * b->n);
    assert_int_equal(shared_count(&b->shared), 1);
    assert_int_equal(*loop_waiting(fx.loop), 0);
    shared_unref(&b->shared);
}

static void frees_all_but_the_unit_under_way_on_discard(void **state)
{
    struct bytes *b = fill_with_one_body();

    (void)state;
    handshake();
    stream_discard(&fx.stream);
    assert_int_equal(shared_count(&b->shared), 2);
    read_all();
    assert_int_equal(shared_count(&b->shared), 1);
    assert_int_equal(buf_used(&fx.back) % b->n, 0);
    shared_unref(&b->shared);
}

static void frees_everything_on_close_within_a_record(void **state)
{
    struct bytes *b = fill_with_one_body();

    (void)state;
    handshake();
    stream_close(&fx.stream);
    assert_int_equal(shared_count(&b->shared), 1);
    assert_int_equal(*loop_waiting(fx.loop), 0);
    shared_unref(&b->shared);
}

/* The peer requests new keys from us while one of our records waits for room. */
static void accepts_key_updates_while_blocked(void **state)
{
    struct buf all = send_units(&fx.stream, 5000);

    (void)state;
    handshake();
    assert_true(fx.stream.blocked);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(fx.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        peer_write("ping", 4);
        carry_out();
    }
    assert_got(&fx.got, "pingpingping");
    read_all();
    assert_int_equal(fx.ends, 0);
    assert_int_equal(buf_used(&fx.back), buf_used(&all));
    assert_memory_equal(buf_head(&fx.back), buf_head(&all), buf_used(&all));
    buf_done(&all);
}

/* ---- ending ---- */

static void sends_close_notify_after_the_queue_on_shutdown(void **state)
{
    struct buf all;

    (void)state;
    handshake();
    all = send_units(&fx.stream, 1000);
    stream_shutdown(&fx.stream);
    turn();
    while (carry_in(ALL)) {
        (void)read_back();
        turn();
    }
    assert_int_equal(buf_used(&fx.back), buf_used(&all));
    assert_int_equal(read_back(), SSL_ERROR_ZERO_RETURN);
    assert_int_equal(recv(fx.fd, &(char){ 0 }, 1, 0), 0); /* FIN */
    peer_write("late", 4);                                /* the stream still reads */
    carry_out();
    assert_got(&fx.got, "late");
    buf_done(&all);
}

static void sends_close_notify_on_close(void **state)
{
    (void)state;
    handshake();
    stream_close(&fx.stream);
    while (carry_in(ALL))
        ;
    assert_int_equal(read_back(), SSL_ERROR_ZERO_RETURN);
}

/* A peer that ends its side still receives the queue, since on_end flushes it. */
static void answers_a_half_closed_peer(void **state)
{
    (void)state;
    handshake();
    peer_write("question", 8);
    (void)SSL_shutdown(fx.ssl);
    send_unit(&fx.stream, "", "answer");
    carry_out();
    assert_got(&fx.got, "question");
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, 0);
    while (carry_in(ALL))
        ;
    assert_int_equal(read_back(), SSL_ERROR_ZERO_RETURN);
    assert_got(&fx.back, "answer");
}

static void accepts_an_end_without_close_notify(void **state)
{
    (void)state;
    handshake();
    shutdown(fx.fd, SHUT_WR);
    send_unit(&fx.stream, "", "answer");
    turn();
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, 0);
    while (carry_in(ALL))
        ;
    (void)read_back();
    assert_got(&fx.back, "answer");
}

static void ends_once_when_the_peer_has_closed(void **state)
{
    (void)state;
    handshake();
    close(fx.fd);
    fx.fd = -1;
    send_unit(&fx.stream, "", "to nobody");
    turn();
    turn();
    assert_int_equal(fx.ends, 1);
}

static void sends_no_close_notify_within_a_record(void **state)
{
    struct buf all = send_units(&fx.stream, 5000);

    (void)state;
    handshake();
    assert_true(fx.stream.blocked);
    stream_close(&fx.stream);
    while (carry_in(ALL))
        ;
    assert_int_equal(read_back(),
                     SSL_ERROR_WANT_READ); /* a close_notify would hide the truncation */
    buf_done(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delivers_large_input),
        TEST(reads_all_input_before_a_timer_runs),
        TEST(reads_the_rest_of_the_session_after_a_pause),
        TEST(reads_nothing_while_paused),
        TEST(loses_nothing_with_a_slow_reader),
        TEST(finishes_the_record_under_way_after_a_discard),
        TEST(frees_a_body_when_its_last_unit_has_left),
        TEST(frees_all_but_the_unit_under_way_on_discard),
        TEST(frees_everything_on_close_within_a_record),
        TEST(accepts_key_updates_while_blocked),
        TEST(sends_close_notify_after_the_queue_on_shutdown),
        TEST(sends_close_notify_on_close),
        TEST(answers_a_half_closed_peer),
        TEST(accepts_an_end_without_close_notify),
        TEST(ends_once_when_the_peer_has_closed),
        TEST(sends_no_close_notify_within_a_record),
    };

    return cmocka_run_group_tests(tests, tls_pair_set_up_all, tls_pair_tear_down_all);
}
