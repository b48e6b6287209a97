/* test_watchdog.c - reports that the process is alive only while every loop answers. The watched
 * loops do not run: the test drains their mailboxes, or leaves one undrained as if its loop hung.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "app/watchdog.h"
#include "base/clock.h"

#define LOOPS 3

#define PERIOD_MS 20

struct world {
    struct loop *loop;
    struct mailbox *home;
    struct loop *loops[LOOPS];
    struct mailbox *boxes[LOOPS];
    struct watchdog *watchdog;
    int n_alive;
    int n_silent;
    char silent[WATCHDOG_NAME_MAX]; /* the loop reported last */
};

static void on_alive(void *arg)
{
    struct world *w = arg;

    w->n_alive++;
    loop_stop(w->loop);
}

static void on_silent(void *arg, const char *name)
{
    struct world *w = arg;

    w->n_silent++;
    strncpy(w->silent, name, sizeof(w->silent) - 1);
    loop_stop(w->loop);
}

static void make_watchdog(struct world *w)
{
    static const char *const names[LOOPS] = { "broker", "acceptor", "worker-0" };
    const struct watchdog_config config = { .loop = w->loop,
                                            .home = w->home,
                                            .max_loops = LOOPS,
                                            .period_ms = PERIOD_MS,
                                            .on_alive = on_alive,
                                            .on_silent = on_silent,
                                            .arg = w };

    w->watchdog = watchdog_create(&config);
    for (size_t i = 0; i < LOOPS; i++)
        watchdog_add(w->watchdog, names[i], w->boxes[i]);
}

static void open_world(struct world *w)
{
    memset(w, 0, sizeof(*w));
    assert_int_equal(loop_create(&w->loop), EH_OK);
    assert_int_equal(mailbox_create(w->loop, w, &w->home), EH_OK);
    for (size_t i = 0; i < LOOPS; i++) {
        assert_int_equal(loop_create(&w->loops[i]), EH_OK);
        assert_int_equal(mailbox_create(w->loops[i], NULL, &w->boxes[i]), EH_OK);
    }
    make_watchdog(w);
}

static void answer(struct world *w, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        (void)mailbox_drain(w->boxes[i]);
}

static void close_world(struct world *w)
{
    answer(w, 0, LOOPS);
    (void)mailbox_drain(w->home);
    watchdog_free(w->watchdog);
    for (size_t i = 0; i < LOOPS; i++) {
        mailbox_free(w->boxes[i]);
        loop_free(w->loops[i]);
    }
    mailbox_free(w->home);
    loop_free(w->loop);
}

static void reports_alive_when_every_loop_answers(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    watchdog_start(w.watchdog);
    answer(&w, 0, LOOPS);
    loop_run(w.loop);
    assert_int_equal(w.n_alive, 1);
    assert_int_equal(w.n_silent, 0);
    close_world(&w);
}

static void names_a_loop_that_hangs(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    watchdog_start(w.watchdog);
    answer(&w, 0, LOOPS - 1); /* all but worker-0 */
    loop_run(w.loop);
    loop_run(w.loop); /* a second period: it is reported again, but no loop is asked again */
    assert_int_equal(w.n_alive, 0);
    assert_int_equal(w.n_silent, 2);
    assert_string_equal(w.silent, "worker-0");
    assert_false(mailbox_drain(w.boxes[0]));

    answer(&w, LOOPS - 1, LOOPS); /* it was only slow after all */
    loop_run(w.loop);
    assert_int_equal(w.n_alive, 1);
    close_world(&w);
}

static void asks_again_every_period(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    watchdog_start(w.watchdog);
    for (int i = 1; i <= 3; i++) {
        answer(&w, 0, LOOPS);
        loop_run(w.loop);
        assert_int_equal(w.n_alive, i);
        loop_run(w.loop); /* until the next question is unanswered for a period */
    }
    assert_int_equal(w.n_silent, 3 * LOOPS);
    close_world(&w);
}

/* The acceptor is removed when it stops. Draining its mailbox answers the pending question. */
static void forgets_a_removed_loop(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    watchdog_start(w.watchdog);
    watchdog_remove(w.watchdog, w.boxes[1]);
    answer(&w, 0, LOOPS);
    loop_run(w.loop);
    assert_int_equal(w.n_alive, 1);
    loop_run(w.loop); /* the next question goes to two loops */
    assert_false(mailbox_drain(w.boxes[1]));
    answer(&w, 0, LOOPS);
    loop_run(w.loop);
    assert_int_equal(w.n_alive, 2);
    close_world(&w);
}

/* A process that starts slowly: the clock of its loop is behind. */
static void gives_the_first_answers_a_whole_period(void **state)
{
    struct world w;
    uint64_t created_ms, started_ms;

    (void)state;
    open_world(&w);
    created_ms = clock_mono_ms();
    while ((started_ms = clock_mono_ms()) < created_ms + 2 * PERIOD_MS)
        ;
    watchdog_start(w.watchdog);
    loop_run(w.loop);
    assert_true(clock_mono_ms() >= started_ms + PERIOD_MS);
    assert_int_equal(w.n_silent, LOOPS);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_alive_when_every_loop_answers),
        cmocka_unit_test(names_a_loop_that_hangs),
        cmocka_unit_test(asks_again_every_period),
        cmocka_unit_test(forgets_a_removed_loop),
        cmocka_unit_test(gives_the_first_answers_a_whole_period),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
