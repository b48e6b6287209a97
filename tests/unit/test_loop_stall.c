/* test_loop_stall.c - a loop that was stopped, or that has more to read than one turn reads: timers
 * run only after the input that came before them, and the time of the stop does not count.
 *
 * A callback that blocks stops the loop as SIGSTOP does. A signal handler that blocks does so
 * inside epoll_wait, which then returns EINTR instead of what is ready.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "net/loop.h"

#define PEERS   700 /* more than one epoll_wait returns */
#define STOP_MS 600 /* longer than a loop is ever late */

/* Something to read, and a timer that judges whether it came in time. */
struct peer {
    struct loop_io io;
    struct timer timer;
    uint64_t due_ms;
    bool is_unread;
    uint64_t written_ms; /* loop_now */
    unsigned n_read;
    unsigned n_judged;
};

static struct {
    struct loop *loop;
    struct peer peers[PEERS];
    size_t n_peers;
    struct loop_task each_turn;
    unsigned n_turns;
    unsigned last_turn;
    uint64_t seed;
} fx;

static void block(unsigned ms)
{
    uint64_t end_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() < end_ms) /* a signal may wake it */
        usleep(500);
}

static struct peer *peer_of(struct timer *t)
{
    return container_of(t, struct peer, timer);
}

static void write_to(struct peer *p)
{
    assert_int_equal(eventfd_write(p->io.fd, 1), 0);
    if (!p->is_unread)
        p->written_ms = loop_now(fx.loop);
    p->is_unread = true;
}

static void judge_after(struct peer *p, uint64_t ms)
{
    p->due_ms = loop_now(fx.loop) + ms;
    loop_timer(fx.loop, &p->timer, ms);
}

/* ---- callbacks ---- */

static void on_input(struct loop_io *io, uint32_t events)
{
    struct peer *p = container_of(io, struct peer, io);
    eventfd_t n;

    (void)events;
    assert_int_equal(eventfd_read(io->fd, &n), 0);
    p->is_unread = false;
    p->n_read++;
}

static void on_input_block(struct loop_io *io, uint32_t events)
{
    on_input(io, events);
    block(STOP_MS);
}

static void on_input_ignore(struct loop_io *io, uint32_t events)
{
    (void)events;
    container_of(io, struct peer, io)->n_read++; /* it stays ready */
}

static void on_judge(struct timer *t)
{
    peer_of(t)->n_judged++;
    loop_stop(fx.loop);
}

static void on_judge_heard(struct timer *t)
{
    assert_int_equal(peer_of(t)->n_read, 1);
    on_judge(t);
}

static struct peer *add_peer_with(int fd, loop_io_fn *on_io, timer_fn *on_timer)
{
    struct peer *p = &fx.peers[fx.n_peers++];

    p->io.fn = on_io;
    timer_init(&p->timer, on_timer);
    assert_true(fd >= 0);
    assert_int_equal(loop_watch(fx.loop, &p->io, fd, EPOLLIN), EH_OK);
    return p;
}

static struct peer *add_peer(loop_io_fn *on_io, timer_fn *on_timer)
{
    return add_peer_with(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), on_io, on_timer);
}

/* A peer whose input comes after that time, whatever the loop does. */
static struct peer *add_later_peer(unsigned ms, timer_fn *on_timer)
{
    const struct itimerspec when = { .it_value = { ms / 1000, ms % 1000 * 1000000L } };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    assert_int_equal(timerfd_settime(fd, 0, &when, NULL), 0);
    return add_peer_with(fd, on_input, on_timer);
}

static int set_up(void **state)
{
    (void)state;
    memset(&fx, 0, sizeof(fx));
    return loop_create(&fx.loop);
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < fx.n_peers; i++) {
        timer_stop(&fx.peers[i].timer);
        loop_close(fx.loop, &fx.peers[i].io);
    }
    loop_cancel(&fx.each_turn);
    loop_free(fx.loop);
    return 0;
}

/* ---- a stop inside epoll_wait ---- */

static int written_by_signal; /* a descriptor */
static unsigned signal_blocks_ms;

static void on_signal(int number)
{
    const uint64_t one = 1;

    (void)number;
    if (written_by_signal >= 0)
        (void)!write(written_by_signal, &one, sizeof(one));
    usleep(signal_blocks_ms * 1000);
}

/* Interrupts the thread after that time, and then at this interval (0: not again). */
static void interrupt(unsigned after_ms, unsigned every_ms, int write_fd, unsigned block_ms)
{
    const struct sigaction action = { .sa_handler = on_signal };
    const struct itimerval when = { .it_value.tv_usec = (suseconds_t)after_ms * 1000,
                                    .it_interval.tv_usec = (suseconds_t)every_ms * 1000 };

    written_by_signal = write_fd;
    signal_blocks_ms = block_ms;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &when, NULL), 0);
}

/* ---- reading comes first ---- */

static void reads_all_ready_descriptors_before_a_timer_runs(void **state)
{
    (void)state;
    for (size_t i = 0; i < PEERS; i++)
        write_to(add_peer(on_input, on_judge));
    judge_after(&fx.peers[0], 0);
    block(40); /* it is due when the loop first looks */
    loop_run(fx.loop);
    for (size_t i = 0; i < PEERS; i++)
        assert_int_equal(fx.peers[i].n_read, 1);
}

static void reads_after_an_interrupted_wait_before_a_timer_runs(void **state)
{
    static const unsigned blocks_ms[] = { 100, STOP_MS }; /* too short to be a stop; a stop */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(blocks_ms); i++) {
        struct peer *p = add_peer(on_input, on_judge_heard);

        judge_after(p, 100);
        interrupt(50, 0, p->io.fd, blocks_ms[i]);
        loop_run(fx.loop);
        assert_int_equal(p->n_judged, 1);
    }
}

static void on_turn_left_unread(struct loop_task *task)
{
    if (++fx.n_turns > fx.last_turn)
        return;
    loop_left_unread(fx.loop);
    loop_at_end(fx.loop, task);
}

static void on_judge_finished(struct timer *t)
{
    assert_true(fx.n_turns > fx.last_turn);
    on_judge(t);
}

static void waits_for_a_reader_that_has_left_input(void **state)
{
    struct peer *p = add_peer(on_input, on_judge_finished);

    (void)state;
    fx.each_turn.fn = on_turn_left_unread;
    fx.last_turn = 60;
    loop_left_unread(fx.loop);
    loop_at_end(fx.loop, &fx.each_turn);
    judge_after(p, 0);
    block(40);
    loop_run(fx.loop);
    assert_int_equal(p->n_judged, 1);
}

/* ---- the time of a stop does not count ---- */

static void does_not_count_a_turn_that_was_stopped(void **state)
{
    struct peer *p = add_peer(on_input_block, on_judge);
    uint64_t began_ms = clock_mono_ms(), began_loop_ms = loop_now(fx.loop);

    (void)state;
    write_to(p);
    judge_after(p, STOP_MS / 2);
    loop_run(fx.loop);
    assert_true(clock_mono_ms() - began_ms >= STOP_MS + STOP_MS / 2 - 1);
    assert_in_range(loop_now(fx.loop) - began_loop_ms, STOP_MS / 2, STOP_MS - 1);
}

/* The timer is not late, but the stop took most of its time. */
static void does_not_count_a_wait_that_was_stopped(void **state)
{
    struct peer *p = add_peer(on_input, on_judge);
    uint64_t began_ms = clock_mono_ms();

    (void)state;
    judge_after(p, STOP_MS + 200);
    interrupt(50, 0, -1, STOP_MS);
    loop_run(fx.loop);
    assert_true(clock_mono_ms() - began_ms >= STOP_MS + STOP_MS + 200 - 1);
}

/* After a stop, what an overdue timer waits for may still be with another thread, or on its way. */
static void waits_a_moment_for_what_comes_just_after_a_stop(void **state)
{
    struct peer *blocker = add_peer(on_input_block, on_judge);
    struct peer *p = add_later_peer(STOP_MS + 100, on_judge_heard);

    (void)state;
    write_to(blocker);
    judge_after(p, 50);
    loop_run(fx.loop);
    assert_int_equal(p->n_judged, 1);
}

static void on_turn_check_now(struct loop_task *task)
{
    static uint64_t last_ms;

    if (fx.n_turns++ == 0)
        last_ms = 0;
    assert_true(loop_now(fx.loop) >= last_ms);
    last_ms = loop_now(fx.loop);
    loop_at_end(fx.loop, task);
}

static void never_goes_back_in_time(void **state)
{
    struct peer *blocker = add_peer(on_input_block, on_judge);

    (void)state;
    fx.each_turn.fn = on_turn_check_now;
    loop_at_end(fx.loop, &fx.each_turn);
    write_to(blocker);
    judge_after(blocker, 50);
    loop_run(fx.loop);
    assert_int_equal(blocker->n_judged, 1);
}

/* ---- nothing holds timers back for ever ---- */

static void runs_a_timer_although_descriptors_are_always_ready(void **state)
{
    (void)state;
    for (size_t i = 0; i < PEERS; i++)
        write_to(add_peer(on_input_ignore, on_judge));
    judge_after(&fx.peers[0], 0);
    block(40);
    loop_run(fx.loop);
    for (size_t i = 0; i < PEERS; i++)
        assert_in_range(fx.peers[i].n_read, 1, 3); /* each had its chance, and few had many */
}

static void runs_a_timer_although_input_never_ends(void **state)
{
    struct peer *p = add_peer(on_input, on_judge);

    (void)state;
    fx.each_turn.fn = on_turn_left_unread;
    fx.last_turn = UINT32_MAX;
    loop_left_unread(fx.loop);
    loop_at_end(fx.loop, &fx.each_turn);
    judge_after(p, 0);
    block(40);
    loop_run(fx.loop);
    assert_int_equal(p->n_judged, 1);
    assert_in_range(fx.n_turns, 60, 70);
}

static void on_turn_block(struct loop_task *task)
{
    fx.n_turns++;
    block(STOP_MS / 2);
    loop_at_end(fx.loop, task);
}

static void runs_a_timer_although_every_turn_is_long(void **state)
{
    struct peer *p = add_peer(on_input, on_judge);

    (void)state;
    fx.each_turn.fn = on_turn_block;
    loop_at_end(fx.loop, &fx.each_turn);
    judge_after(p, 100);
    loop_run(fx.loop);
    assert_int_equal(p->n_judged, 1);
    assert_in_range(fx.n_turns, 1, 4);
}

static void on_repeat(struct timer *t)
{
    peer_of(t)->n_judged++;
    loop_timer(fx.loop, t, 16);
    if (fx.n_turns >= 10)
        loop_stop(fx.loop);
}

/* Many timers, one soon after the other: each of them may end a stop, but must not begin anew to
 * wait for peers. */
static void goes_on_in_time_although_every_turn_is_long(void **state)
{
    struct peer *p = add_peer(on_input, on_repeat);
    uint64_t began_loop_ms = loop_now(fx.loop);

    (void)state;
    fx.each_turn.fn = on_turn_block;
    loop_at_end(fx.loop, &fx.each_turn);
    judge_after(p, 16);
    loop_run(fx.loop);
    assert_in_range(loop_now(fx.loop) - began_loop_ms, 1500, 10 * STOP_MS);
    assert_in_range(fx.n_turns, 10, 12);
}

static void on_turn_busy(struct loop_task *task)
{
    fx.n_turns++;
    block(10);
    loop_left_unread(fx.loop);
    loop_at_end(fx.loop, task);
}

static void on_repeat_until(struct timer *t)
{
    loop_timer(fx.loop, t, 16);
    if (fx.n_turns > 200)
        loop_stop(fx.loop);
}

/* Timers that wait for readers are late, but the loop was not stopped meanwhile. */
static void goes_on_in_time_although_input_never_ends(void **state)
{
    struct peer *p = add_peer(on_input, on_repeat_until);
    uint64_t began_ms = clock_mono_ms(), began_loop_ms = loop_now(fx.loop);

    (void)state;
    fx.each_turn.fn = on_turn_busy;
    loop_at_end(fx.loop, &fx.each_turn);
    judge_after(p, 16);
    loop_run(fx.loop);
    assert_true(loop_now(fx.loop) - began_loop_ms > (clock_mono_ms() - began_ms) * 3 / 4);
}

static void runs_a_timer_although_every_wait_is_interrupted(void **state)
{
    static const struct {
        unsigned every_ms, block_ms, timer_ms, most_ms;
    } cases[] = { { 5, 0, 100, 2000 }, { 700, 300, 400, 6000 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = add_peer(on_input, on_judge);
        uint64_t began_ms = clock_mono_ms();

        judge_after(p, cases[i].timer_ms);
        interrupt(5, cases[i].every_ms, -1, cases[i].block_ms);
        loop_run(fx.loop);
        interrupt(0, 0, -1, 0);
        assert_int_equal(p->n_judged, 1);
        assert_in_range(clock_mono_ms() - began_ms, cases[i].timer_ms - 1, cases[i].most_ms);
    }
}

/* ---- at random ---- */

static uint64_t draw(uint64_t below)
{
    fx.seed ^= fx.seed << 13;
    fx.seed ^= fx.seed >> 7;
    fx.seed ^= fx.seed << 17;
    return fx.seed % below;
}

/* The property: no timer runs while there is unread input that came before it was due. */
static void on_judge_all(struct timer *t)
{
    struct peer *p = peer_of(t);

    p->n_judged++;
    for (size_t i = 0; i < fx.n_peers; i++)
        assert_false(fx.peers[i].is_unread && fx.peers[i].written_ms < p->due_ms);
}

static void on_turn_disturb(struct loop_task *task)
{
    static const size_t bursts[] = { 0, 1, 20, 300, PEERS };
    size_t burst = bursts[draw(ARRAY_LEN(bursts))];

    for (size_t i = 0; i < burst; i++)
        write_to(&fx.peers[draw(PEERS)]);
    for (size_t i = draw(4); i > 0; i--)
        judge_after(&fx.peers[draw(PEERS)], draw(50));
    switch (draw(200)) {
    case 0: block(300); break;
    case 1: interrupt(1, 0, -1, 300); break;
    case 2: interrupt(1, 0, -1, (unsigned)draw(30)); break;
    case 3: block((unsigned)draw(30)); break;
    default: break;
    }
    if (++fx.n_turns == fx.last_turn)
        loop_stop(fx.loop);
    else if (draw(4) == 0)
        usleep((useconds_t)draw(2000));
    loop_at_end(fx.loop, task);
}

static void reads_what_came_before_a_timer_whatever_happens(void **state)
{
    unsigned n_judged = 0;

    (void)state;
    fx.seed = UINT64_C(0x9E3779B97F4A7C15);
    for (size_t i = 0; i < PEERS; i++)
        add_peer(on_input, on_judge_all);
    fx.each_turn.fn = on_turn_disturb;
    fx.last_turn = 1000;
    loop_at_end(fx.loop, &fx.each_turn);
    loop_run(fx.loop);
    interrupt(0, 0, -1, 0);
    for (size_t i = 0; i < PEERS; i++)
        n_judged += fx.peers[i].n_judged;
    assert_true(n_judged > 300);
}

#define STALL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STALL_TEST(reads_all_ready_descriptors_before_a_timer_runs),
        STALL_TEST(reads_after_an_interrupted_wait_before_a_timer_runs),
        STALL_TEST(waits_for_a_reader_that_has_left_input),
        STALL_TEST(does_not_count_a_turn_that_was_stopped),
        STALL_TEST(does_not_count_a_wait_that_was_stopped),
        STALL_TEST(waits_a_moment_for_what_comes_just_after_a_stop),
        STALL_TEST(never_goes_back_in_time),
        STALL_TEST(runs_a_timer_although_descriptors_are_always_ready),
        STALL_TEST(runs_a_timer_although_input_never_ends),
        STALL_TEST(runs_a_timer_although_every_turn_is_long),
        STALL_TEST(goes_on_in_time_although_every_turn_is_long),
        STALL_TEST(goes_on_in_time_although_input_never_ends),
        STALL_TEST(runs_a_timer_although_every_wait_is_interrupted),
        STALL_TEST(reads_what_came_before_a_timer_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
