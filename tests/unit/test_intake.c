/* test_intake.c - when a worker counts as late, by the test's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/intake.h"
#include "net/loop.h"

struct fixture {
    struct loop *loop;
    struct mailbox *worker;
    struct intake *intake;
    struct mail sockets[3];
    int n_taken;
};

static struct fixture fx;

static void on_socket(struct mail *m, void *owner)
{
    assert_ptr_equal(m, &fx.sockets[fx.n_taken++]);
    (void)owner;
}

static int set_up(void **state)
{
    (void)state;
    fx = (struct fixture){ 0 };
    for (int i = 0; i < 3; i++)
        fx.sockets[i].fn = on_socket;
    if (loop_create(&fx.loop) < 0 || mailbox_create(fx.loop, NULL, &fx.worker) < 0)
        return -1;
    fx.intake = intake_create(fx.worker);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    intake_free(fx.intake);
    (void)mailbox_drain(fx.worker);
    mailbox_free(fx.worker);
    loop_free(fx.loop);
    return 0;
}

static void is_late_when_the_first_socket_has_waited(void **state)
{
    (void)state;
    assert_false(intake_is_late(fx.intake, 1000));
    intake_post(fx.intake, &fx.sockets[0], 1000);
    intake_post(fx.intake, &fx.sockets[1], 1050);
    assert_false(intake_is_late(fx.intake, 1000 + INTAKE_LATE_MS));
    assert_true(intake_is_late(fx.intake, 1001 + INTAKE_LATE_MS));
    intake_post(fx.intake, &fx.sockets[2], 1200);
    assert_true(intake_is_late(fx.intake, 1200));
}

static void is_not_late_once_the_worker_has_taken_it(void **state)
{
    (void)state;
    intake_post(fx.intake, &fx.sockets[0], 1000);
    intake_post(fx.intake, &fx.sockets[1], 1200);
    mailbox_drain(fx.worker);
    assert_int_equal(fx.n_taken, 2);
    assert_false(intake_is_late(fx.intake, 9000));
    intake_post(fx.intake, &fx.sockets[2], 9000);
    assert_false(intake_is_late(fx.intake, 9000 + INTAKE_LATE_MS));
    assert_true(intake_is_late(fx.intake, 9001 + INTAKE_LATE_MS));
}

static void may_end_while_a_receipt_is_under_way(void **state)
{
    (void)state;
    intake_post(fx.intake, &fx.sockets[0], 1000);
    intake_free(fx.intake);
    fx.intake = NULL;
    mailbox_drain(fx.worker); /* frees it */
    assert_int_equal(fx.n_taken, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_late_when_the_first_socket_has_waited, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(is_not_late_once_the_worker_has_taken_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(may_end_while_a_receipt_is_under_way, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
