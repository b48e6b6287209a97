/* test_loop.c - descriptors, timers, tasks and deferred frees, also within one turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/loop.h"

struct box { /* everything that a test watches */
    struct loop *loop;
    struct loop_io io, other;
    struct timer timer;
    struct loop_task task, second;
    int io_calls, other_calls, timer_calls, task_calls, second_calls;
    int tasks_before_second;
};

static struct box box;

static int make_event(eventfd_t value)
{
    return eventfd((unsigned)value, EFD_NONBLOCK | EFD_CLOEXEC);
}

static int set_up(void **state)
{
    (void)state;
    box = (struct box){ 0 };
    box.io.fd = box.other.fd = -1;
    return loop_create(&box.loop);
}

static int tear_down(void **state)
{
    (void)state;
    timer_stop(&box.timer);
    if (box.io.fd >= 0)
        close(box.io.fd);
    if (box.other.fd >= 0)
        close(box.other.fd);
    loop_free(box.loop);
    return 0;
}

static void stop(struct timer *t)
{
    (void)t;
    loop_stop(box.loop);
}

static void run_for(uint64_t ms)
{
    struct timer end;

    timer_init(&end, stop);
    loop_timer(box.loop, &end, ms);
    loop_run(box.loop);
    timer_stop(&end);
}

static void on_io_once(struct loop_io *io, uint32_t events)
{
    assert_true(events & EPOLLIN);
    box.io_calls++;
    loop_close(box.loop, io);
    loop_stop(box.loop);
}

static void dispatches_a_ready_descriptor(void **state)
{
    (void)state;
    box.io.fn = on_io_once;
    assert_int_equal(loop_watch(box.loop, &box.io, make_event(1), EPOLLIN), EH_OK);
    loop_run(box.loop);
    assert_int_equal(box.io_calls, 1);
}

static void refuses_a_bad_descriptor(void **state)
{
    (void)state;
    assert_int_equal(loop_watch(box.loop, &box.io, 1 << 20, EPOLLIN), EH_EIO);
    assert_int_equal(box.io.fd, -1);
}

/* Both are ready in the same turn; the first one called closes the other. */
static void on_io_close_other(struct loop_io *io, uint32_t events)
{
    (void)events;
    box.io_calls++;
    loop_close(box.loop, io == &box.io ? &box.other : &box.io);
    loop_stop(box.loop);
}

static void skips_a_descriptor_closed_within_the_turn(void **state)
{
    (void)state;
    box.io.fn = box.other.fn = on_io_close_other;
    assert_int_equal(loop_watch(box.loop, &box.io, make_event(1), EPOLLIN), EH_OK);
    assert_int_equal(loop_watch(box.loop, &box.other, make_event(1), EPOLLIN), EH_OK);
    loop_run(box.loop);
    assert_int_equal(box.io_calls, 1);
}

static void on_io_mute(struct loop_io *io, uint32_t events)
{
    (void)events;
    box.io_calls++;
    loop_rewatch(box.loop, io, 0);
}

static void mutes_a_descriptor_watched_for_nothing(void **state)
{
    (void)state;
    box.io.fn = on_io_mute;
    assert_int_equal(loop_watch(box.loop, &box.io, make_event(1), EPOLLIN), EH_OK);
    run_for(40);
    assert_int_equal(box.io_calls, 1);
}

static void on_task(struct loop_task *task)
{
    (void)task;
    box.task_calls++;
}

static void on_second(struct loop_task *task)
{
    (void)task;
    box.second_calls++;
    box.tasks_before_second = box.task_calls;
    loop_stop(box.loop);
}

static void on_requeue(struct loop_task *task)
{
    if (++box.task_calls < 3)
        loop_at_end(box.loop, task);
    else
        loop_stop(box.loop);
}

static void runs_a_task_queued_twice_once(void **state)
{
    (void)state;
    box.task.fn = on_task;
    box.second.fn = on_second;
    loop_at_end(box.loop, &box.task);
    loop_at_end(box.loop, &box.task);
    loop_at_end(box.loop, &box.second);
    loop_run(box.loop);
    assert_int_equal(box.task_calls, 1);
    assert_int_equal(box.second_calls, 1);
}

static void runs_a_task_that_queues_itself_in_the_next_turn(void **state)
{
    (void)state;
    box.task.fn = on_requeue;
    loop_at_end(box.loop, &box.task);
    loop_run(box.loop); /* would sleep forever if a queued task did not keep it awake */
    assert_int_equal(box.task_calls, 3);
}

static void on_queue_flush(struct loop_task *task)
{
    (void)task;
    box.task_calls++;
    loop_flush_later(box.loop, &box.second);
}

static void runs_a_flush_after_the_tasks_of_its_turn(void **state)
{
    struct loop_task later = { .fn = on_task };

    (void)state;
    box.task.fn = on_queue_flush;
    box.second.fn = on_second;
    loop_at_end(box.loop, &box.task);
    loop_at_end(box.loop, &later); /* queued before the flush, in the same turn */
    loop_run(box.loop);
    assert_int_equal(box.second_calls, 1);
    assert_int_equal(box.tasks_before_second, 2);
}

static void skips_a_cancelled_task(void **state)
{
    (void)state;
    box.task.fn = on_task;
    loop_at_end(box.loop, &box.task);
    loop_cancel(&box.task);
    loop_cancel(&box.task);
    run_for(1);
    assert_int_equal(box.task_calls, 0);
}

static void on_reap(struct loop_task *task)
{
    free(task);
    box.task_calls++;
}

static void on_bury(struct loop_task *task)
{
    struct loop_task *corpse = calloc(1, sizeof(*corpse));

    (void)task;
    corpse->fn = on_reap;
    loop_reap_later(box.loop, corpse);
    assert_int_equal(box.task_calls, 0);
}

static void reaps_after_the_turn(void **state)
{
    (void)state;
    box.task.fn = on_bury;
    loop_at_end(box.loop, &box.task);
    run_for(1);
    assert_int_equal(box.task_calls, 1);
}

static void reaps_the_rest_when_freed(void **state)
{
    struct loop *lp;
    struct loop_task *corpse = calloc(1, sizeof(*corpse));

    (void)state;
    corpse->fn = on_reap;
    assert_int_equal(loop_create(&lp), EH_OK);
    loop_reap_later(lp, corpse);
    loop_free(lp);
    assert_int_equal(box.task_calls, 1);
}

static void on_slow(struct loop_task *task)
{
    (void)task;
    usleep(20000); /* the test measures the turn itself */
    loop_stop(box.loop);
}

static void measures_the_longest_turn_and_resets_it(void **state)
{
    (void)state;
    box.task.fn = on_slow;
    loop_at_end(box.loop, &box.task);
    loop_run(box.loop);
    assert_true(loop_take_longest_turn_us(box.loop) >= 20000);
    assert_int_equal(loop_take_longest_turn_us(box.loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(dispatches_a_ready_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_a_bad_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(skips_a_descriptor_closed_within_the_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mutes_a_descriptor_watched_for_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_a_task_queued_twice_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_a_task_that_queues_itself_in_the_next_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(runs_a_flush_after_the_tasks_of_its_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(skips_a_cancelled_task, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reaps_after_the_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reaps_the_rest_when_freed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(measures_the_longest_turn_and_resets_it, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
