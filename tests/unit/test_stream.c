/* test_stream.c - a stream on one end of a socket pair, the test on the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/shared.h"
#include "net/stream.h"
#include "support/send_units.h"

struct fixture {
    struct loop *loop;
    struct stream stream;
    struct loop_task turn;
    int turns_left;
    int peer; /* blocking */
    char got[256];
    size_t n_got;
    char preface[64];
    size_t n_preface;
    size_t sent;
    int ends, end_err;
    bool may_read;
    int n_asked;
};

static struct fixture fx;

static bool may_read(struct stream *s)
{
    (void)s;
    fx.n_asked++;
    return fx.may_read;
}

static void on_data(struct stream *s, char *p, size_t n)
{
    (void)s;
    assert_true(fx.n_got + n <= sizeof(fx.got));
    memcpy(fx.got + fx.n_got, p, n);
    fx.n_got += n;
}

static void on_end(struct stream *s, int err)
{
    fx.ends++;
    fx.end_err = err;
    stream_close(s);
}

static void on_sent(struct stream *s, size_t sent)
{
    (void)s;
    fx.sent += sent;
}

/* The preface is a line, which is kept in fx.preface. A line with '!' is refused. */
static int on_preface(struct stream *s, const char *p, size_t n)
{
    const char *end = memchr(p, '\n', n);
    size_t used = end ? (size_t)(end - p) + 1 : n;

    (void)s;
    if (memchr(p, '!', used))
        return EH_EINVAL;
    memcpy(fx.preface + fx.n_preface, p, used);
    fx.n_preface += used;
    return end ? (int)used : 0;
}

static const struct stream_events events = {
    .may_read = may_read,
    .on_preface = on_preface,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
};

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    fx = (struct fixture){ 0 };
    if (loop_create(&fx.loop) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return -1;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    fx.peer = fds[1];
    return stream_open(&fx.stream, fx.loop, fds[0], &events);
}

static int tear_down(void **state)
{
    (void)state;
    stream_close(&fx.stream);
    assert_int_equal(*loop_waiting(fx.loop), 0); /* nothing stays queued after any test */
    if (fx.peer >= 0)
        close(fx.peer);
    loop_free(fx.loop);
    return 0;
}

static void on_turn(struct loop_task *task)
{
    if (--fx.turns_left > 0)
        loop_at_end(fx.loop, task);
    else
        loop_stop(fx.loop);
}

/* Runs enough turns to handle everything that is ready now. */
static void turns(void)
{
    fx.turn.fn = on_turn;
    fx.turns_left = 4;
    loop_at_end(fx.loop, &fx.turn);
    loop_run(fx.loop);
}

static void expect(const char *text)
{
    char in[1024];
    size_t n = 0;

    while (n < strlen(text)) {
        ssize_t got = read(fx.peer, in + n, strlen(text) - n);

        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_memory_equal(in, text, n);
}

static void reads_data_and_the_end(void **state)
{
    (void)state;
    assert_int_equal(write(fx.peer, "hello", 5), 5);
    turns();
    assert_int_equal(fx.n_got, 5);
    assert_memory_equal(fx.got, "hello", 5);
    close(fx.peer);
    fx.peer = -1;
    turns();
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, 0);
    assert_false(stream_is_open(&fx.stream));
}

static void reads_nothing_while_paused(void **state)
{
    (void)state;
    stream_pause(&fx.stream);
    assert_int_equal(write(fx.peer, "hello", 5), 5);
    turns();
    assert_int_equal(fx.n_got, 0);
    stream_resume(&fx.stream);
    turns();
    assert_int_equal(fx.n_got, 5);
}

static void asks_before_it_reads_a_gated_stream(void **state)
{
    (void)state;
    stream_gate(&fx.stream);
    assert_int_equal(write(fx.peer, "hello", 5), 5);
    turns();
    assert_int_equal(fx.n_asked, 1); /* and not once a turn */
    assert_int_equal(fx.n_got, 0);
    stream_go_on(&fx.stream);
    assert_int_equal(fx.n_got, 5);
    fx.may_read = true;
    assert_int_equal(write(fx.peer, "hello", 5), 5);
    turns();
    assert_int_equal(fx.n_asked, 2);
    assert_int_equal(fx.n_got, 10);
    stream_ungate(&fx.stream);
    assert_int_equal(write(fx.peer, "hello", 5), 5);
    turns();
    assert_int_equal(fx.n_asked, 2);
    assert_int_equal(fx.n_got, 15);
}

static void ends_a_gated_stream_that_fails_while_it_waits(void **state)
{
    (void)state;
    stream_gate(&fx.stream);
    close(fx.peer);
    fx.peer = -1;
    turns(); /* the hang-up makes it wait, and comes again */
    assert_int_equal(fx.ends, 1);
}

static void sends_units_in_order(void **state)
{
    (void)state;
    send_unit(&fx.stream, "a:", "one ");
    send_unit(&fx.stream, "b:", "");
    send_unit(&fx.stream, "", "two ");
    send_unit(&fx.stream, "a head that is longer than what fits into a unit: ", "three ");
    send_unit(&fx.stream, "another head that is longer than what fits into one ", "");
    stream_write(&fx.stream, STR("raw"));
    stream_write(&fx.stream, STR("er"));
    assert_int_equal(fx.sent, 0); /* units leave together at the end of the turn */
    turns();
    expect("a:one b:two a head that is longer than what fits into a unit: three "
           "another head that is longer than what fits into one rawer");
    assert_int_equal(stream_queued(&fx.stream), 0);
    assert_null(fx.stream.out); /* idle streams hold no memory */
}

static void counts_64_bytes_and_the_body_of_each_unit(void **state)
{
    (void)state;
    send_unit(&fx.stream, "head", "12345");
    assert_int_equal(stream_queued(&fx.stream), 64 + 5);
    send_unit(&fx.stream, "head", "");
    assert_int_equal(stream_queued(&fx.stream), 2 * 64 + 5);
}

/* Reads an odd number of bytes at a time, so that the kernel takes parts of units. Returns how many
 * bytes it read. */
static size_t read_all(char *into, size_t n)
{
    size_t got = 0;

    fcntl(fx.peer, F_SETFL, O_NONBLOCK);
    while (got < n) {
        ssize_t r = read(fx.peer, into + got, n - got < 7777 ? n - got : 7777);

        if (r < 0 && errno == EAGAIN) {
            size_t before = fx.sent;

            turns();
            if (fx.sent == before && !fx.stream.out)
                break;
            continue;
        }
        assert_true(r > 0);
        got += (size_t)r;
    }
    return got;
}

static void loses_nothing_when_the_kernel_buffer_is_full(void **state)
{
    struct buf all = send_units(&fx.stream, 5000);
    char *in = malloc(buf_used(&all));

    (void)state;
    turns();
    assert_true(stream_queued(&fx.stream) > 0);
    assert_true(fx.stream.blocked);
    assert_int_equal(read_all(in, buf_used(&all)), buf_used(&all));
    assert_memory_equal(in, buf_head(&all), buf_used(&all));
    assert_int_equal(fx.sent, buf_used(&all));
    free(in);
    buf_done(&all);
}

/* After a discard the peer receives only whole units. */
static void finishes_the_unit_under_way_after_a_discard(void **state)
{
    struct buf all = send_units(&fx.stream, 5000);
    char *in = malloc(buf_used(&all));
    size_t n;

    (void)state;
    turns();
    stream_discard(&fx.stream);
    send_unit(&fx.stream, "", "the end");
    n = read_all(in, buf_used(&all));
    assert_int_equal((n - 7) % UNIT_SIZE, 0);
    assert_true(n < buf_used(&all));
    assert_memory_equal(in, buf_head(&all), n - 7);
    assert_memory_equal(in + n - 7, "the end", 7);
    free(in);
    buf_done(&all);
}

static void discards_units_not_yet_begun(void **state)
{
    (void)state;
    send_unit(&fx.stream, "a head that is longer than what fits into a unit: ", "three ");
    stream_discard(&fx.stream);
    assert_int_equal(stream_queued(&fx.stream), 0);
}

static void keeps_references_until_sent(void **state)
{
    struct bytes *b = bytes_copy(STR("shared"));

    (void)state;
    stream_send(&fx.stream, STR(""), &b->shared, bytes_str(b));
    stream_send(&fx.stream, STR(""), &b->shared, bytes_str(b));
    assert_int_equal(shared_count(&b->shared), 3);
    turns();
    assert_int_equal(shared_count(&b->shared), 1);
    shared_unref(&b->shared);
    expect("sharedshared");
}

/* loop_waiting counts heap memory: each stream's queue, and a shared body once. */
static void counts_a_shared_body_once(void **state)
{
    struct bytes *b = bytes_alloc(100000);
    size_t one;

    (void)state;
    memset(b->p, 'x', b->n);
    stream_send(&fx.stream, STR(""), &b->shared, bytes_str(b));
    one = *loop_waiting(fx.loop);
    assert_in_range(one, 100000, 101000);
    for (int i = 0; i < 3; i++)
        stream_send(&fx.stream, STR(""), &b->shared, bytes_str(b));
    assert_int_equal(*loop_waiting(fx.loop), one);
    assert_int_equal(stream_queued(&fx.stream), 4 * 100064); /* counts each copy */
    stream_discard(&fx.stream);
    assert_int_equal(*loop_waiting(fx.loop), 0);
    assert_int_equal(shared_count(&b->shared), 1);
    shared_unref(&b->shared);
}

static void drops_the_queue_on_close(void **state)
{
    struct bytes *b = bytes_copy(STR("shared"));

    (void)state;
    stream_send(&fx.stream, STR(""), &b->shared, bytes_str(b));
    stream_close(&fx.stream);
    stream_close(&fx.stream);
    assert_int_equal(shared_count(&b->shared), 1);
    stream_send(&fx.stream, STR(""), &b->shared, bytes_str(b)); /* after the close: dropped */
    assert_int_equal(shared_count(&b->shared), 1);
    shared_unref(&b->shared);
}

static void shuts_down_after_the_queue(void **state)
{
    char rest[8];

    (void)state;
    send_unit(&fx.stream, "", "bye");
    stream_shutdown(&fx.stream);
    turns();
    expect("bye");
    assert_int_equal(read(fx.peer, rest, sizeof(rest)), 0);
}

static void ends_once_when_the_peer_has_closed(void **state)
{
    (void)state;
    close(fx.peer);
    fx.peer = -1;
    send_unit(&fx.stream, "", "to nobody");
    turns();
    assert_int_equal(fx.ends, 1);
}

static void pushes_at_once(void **state)
{
    (void)state;
    send_unit(&fx.stream, "a:", "now");
    stream_push(&fx.stream);
    assert_int_equal(fx.sent, 5);
    assert_null(fx.stream.out);
    expect("a:now");
}

/* The caller is in the middle of other work, so on_end must not run within the push. */
static void ends_with_the_turn_when_a_push_fails(void **state)
{
    (void)state;
    close(fx.peer);
    fx.peer = -1;
    send_unit(&fx.stream, "", "to nobody");
    stream_push(&fx.stream);
    assert_int_equal(fx.ends, 0);
    assert_true(stream_is_open(&fx.stream));
    turns();
    assert_int_equal(fx.ends, 1);
}

/* Once the peer has read something, a push sends more without waiting for epoll. */
static void pushes_again_after_the_kernel_was_full(void **state)
{
    struct buf all = send_units(&fx.stream, 5000);
    char *in = malloc(buf_used(&all));
    size_t before, n;

    (void)state;
    turns();
    assert_true(stream_is_blocked(&fx.stream));
    before = fx.sent;
    stream_push(&fx.stream);
    assert_int_equal(fx.sent, before);
    assert_true(stream_is_blocked(&fx.stream));
    n = (size_t)read(fx.peer, in, buf_used(&all));
    stream_push(&fx.stream);
    assert_true(fx.sent > before);
    assert_int_equal(read_all(in + n, buf_used(&all) - n), buf_used(&all) - n);
    assert_memory_equal(in, buf_head(&all), buf_used(&all));
    free(in);
    buf_done(&all);
}

/* stream_write packs small pieces: far fewer units than calls. */
static void packs_small_writes_into_chunks(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        stream_write(&fx.stream, STR("0123456789"));
    assert_true(stream_queued(&fx.stream) < 10000 + 64 * 10);
}

/* Wherever the network cuts, the bytes after the preface are data. */
static void reads_the_preface_before_the_data(void **state)
{
    static const char *const pieces[] = { "first\nrest", "first\n|rest", "fir|st|\n|rest",
                                          "f|irst\nre|st" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct str text = str_of(pieces[i]), piece;

        fx.n_preface = fx.n_got = 0;
        stream_expect_preface(&fx.stream);
        while (str_cut(&text, '|', &piece)) {
            assert_int_equal(write(fx.peer, piece.p, piece.n), piece.n);
            turns();
        }
        assert_int_equal(fx.n_preface, 6);
        assert_memory_equal(fx.preface, "first\n", 6);
        assert_int_equal(fx.n_got, 4);
        assert_memory_equal(fx.got, "rest", 4);
    }
    assert_int_equal(fx.ends, 0);
}

/* ---- timers wait for the rest of the input ---- */

static size_t n_read, n_read_when_due;

static void on_data_count(struct stream *s, char *p, size_t n)
{
    (void)s;
    (void)p;
    n_read += n;
}

static void on_due(struct timer *t)
{
    (void)t;
    n_read_when_due = n_read;
    loop_stop(fx.loop);
}

/* Runs the loop until a timer runs that is already due. */
static void run_until_due(void)
{
    struct timer t;

    n_read = n_read_when_due = 0;
    timer_init(&t, on_due);
    loop_timer(fx.loop, &t, 0);
    usleep(2000 * TIMER_TICK_MS);
    loop_run(fx.loop);
}

static const struct stream_events counting_events = {
    .on_preface = on_preface,
    .on_data = on_data_count,
    .on_end = on_end,
};

static void reads_all_input_before_a_timer_runs(void **state)
{
    static char all[3 * LOOP_SCRATCH / 2];

    (void)state;
    fx.stream.events = &counting_events;
    assert_int_equal(write(fx.peer, all, sizeof(all)), sizeof(all));
    run_until_due();
    assert_int_equal(n_read_when_due, sizeof(all));
}

static void reads_what_is_behind_a_preface_before_a_timer_runs(void **state)
{
    (void)state;
    fx.stream.events = &counting_events;
    stream_expect_preface(&fx.stream);
    assert_int_equal(write(fx.peer, "first\nrest", 10), 10);
    run_until_due();
    assert_int_equal(n_read_when_due, 4);
}

static void ends_on_a_bad_preface(void **state)
{
    (void)state;
    stream_expect_preface(&fx.stream);
    assert_int_equal(write(fx.peer, "no!\ndata", 8), 8);
    turns();
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, EPROTO);
    assert_int_equal(fx.n_got, 0);
}

static void ends_when_the_peer_closes_within_the_preface(void **state)
{
    (void)state;
    stream_expect_preface(&fx.stream);
    assert_int_equal(write(fx.peer, "fir", 3), 3);
    turns();
    assert_int_equal(shutdown(fx.peer, SHUT_WR), 0);
    turns();
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_data_and_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_nothing_while_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_before_it_reads_a_gated_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_a_gated_stream_that_fails_while_it_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sends_units_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_64_bytes_and_the_body_of_each_unit, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(loses_nothing_when_the_kernel_buffer_is_full, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(finishes_the_unit_under_way_after_a_discard, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(discards_units_not_yet_begun, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_references_until_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_a_shared_body_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_the_queue_on_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shuts_down_after_the_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_once_when_the_peer_has_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pushes_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_with_the_turn_when_a_push_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pushes_again_after_the_kernel_was_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packs_small_writes_into_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_the_preface_before_the_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_all_input_before_a_timer_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_what_is_behind_a_preface_before_a_timer_runs, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(ends_on_a_bad_preface, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_when_the_peer_closes_within_the_preface, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
