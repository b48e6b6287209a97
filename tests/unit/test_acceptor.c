/* test_acceptor.c - the connections that workers receive, from our own listening socket and from an
 * inherited one, when the server is loaded, and when workers are late. The accept rate, and a
 * process out of descriptors, are tested with the whole server.
 */
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/acceptor.h"
#include "net/intake.h"
#include "net/loop.h"

struct fixture {
    struct loop *loop;
    struct mailbox *box; /* the worker's */
    struct loop *stuck;  /* a second worker, whose loop is not run */
    struct mailbox *stuck_box;
    int nodelay;     /* TCP_NODELAY of the accepted connection */
    size_t listener; /* which accepted it */
    atomic_bool is_loaded;
    atomic_int held_for; /* the last call of on_held */
    int n_accepted;
};

static struct fixture fx;

static int set_up(void **state)
{
    (void)state;
    fx = (struct fixture){ .nodelay = -1, .listener = SIZE_MAX };
    assert_int_equal(loop_create(&fx.loop), EH_OK);
    assert_int_equal(loop_create(&fx.stuck), EH_OK);
    assert_int_equal(mailbox_create(fx.stuck, &fx, &fx.stuck_box), EH_OK);
    return mailbox_create(fx.loop, &fx, &fx.box);
}

static int tear_down(void **state)
{
    (void)state;
    while (mailbox_drain(fx.box) || mailbox_drain(fx.stuck_box))
        ; /* receipts */
    mailbox_free(fx.box);
    mailbox_free(fx.stuck_box);
    loop_free(fx.loop);
    loop_free(fx.stuck);
    return 0;
}

static void on_accepted(struct mail *m, void *owner)
{
    struct accepted *got = container_of(m, struct accepted, mail);
    struct fixture *f = owner;
    socklen_t n = sizeof(f->nodelay);

    assert_int_equal(getsockopt(got->fd, IPPROTO_TCP, TCP_NODELAY, &f->nodelay, &n), 0);
    f->listener = got->listener;
    f->n_accepted++;
    close(got->fd);
    free(got);
    loop_stop(f->loop);
}

static bool is_loaded(void *arg, bool was_loaded)
{
    struct fixture *f = arg;

    (void)was_loaded;
    return atomic_load(&f->is_loaded);
}

static void on_held(void *arg, enum acceptor_load load)
{
    struct fixture *f = arg;

    atomic_store(&f->held_for, (int)load);
}

static int dial(int listener)
{
    struct sock_addr addr;
    int fd;

    sock_local_addr(listener, &addr);
    assert_int_equal(sock_dial(STR("127.0.0.1"), addr.port, 5000, &fd), EH_OK);
    return fd;
}

/* Accepts the client, which has already connected, and closes its end. */
static void accept_one(int listener, bool is_kept, int client)
{
    const struct acceptor_config config = { .listen_fds = &listener,
                                            .are_kept = &is_kept,
                                            .n_listen_fds = 1,
                                            .workers = &fx.box,
                                            .n_workers = 1,
                                            .on_accepted = on_accepted,
                                            .on_held = on_held,
                                            .arg = &fx };
    struct acceptor *a;

    assert_int_equal(acceptor_start(&config, &a), EH_OK);
    loop_run(fx.loop);
    acceptor_stop(a);
    close(client);
}

static void sets_nodelay_on_accepted_connections(void **state)
{
    int listener;

    (void)state;
    assert_int_equal(sock_listen(STR("127.0.0.1"), 0, &listener), EH_OK);
    accept_one(listener, false, dial(listener));
    assert_int_equal(fx.nodelay, 1);
}

/* The process that opened the socket did not set the option. */
static void sets_nodelay_on_connections_of_an_inherited_socket(void **state)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(listener, 1), 0);
    client = dial(listener);
    assert_int_equal(sock_adopt(listener, SOCK_TCP), EH_OK);
    accept_one(listener, true, client);
    assert_int_equal(fx.nodelay, 1);
}

/* Starts an acceptor with a public and an internal listener under load, and dials the first. */
static struct acceptor *start_loaded(int listeners[2], int *ret_client)
{
    static const bool are_kept[2] = { false, false };
    const struct acceptor_config config = { .listen_fds = listeners,
                                            .are_kept = are_kept,
                                            .n_listen_fds = 2,
                                            .n_rated_fds = 1,
                                            .workers = &fx.box,
                                            .n_workers = 1,
                                            .on_accepted = on_accepted,
                                            .is_loaded = is_loaded,
                                            .on_held = on_held,
                                            .arg = &fx };
    struct acceptor *a;

    atomic_store(&fx.is_loaded, true);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sock_listen(STR("127.0.0.1"), 0, &listeners[i]), EH_OK);
    assert_int_equal(acceptor_start(&config, &a), EH_OK);
    *ret_client = dial(listeners[0]);
    return a;
}

static void holds_clients_but_not_the_operator_under_load(void **state)
{
    int listeners[2], client, operator;
    struct acceptor *a = start_loaded(listeners, &client);

    (void)state;
    operator= dial(listeners[1]);
    loop_run(fx.loop);
    assert_int_equal(fx.listener, 1);
    atomic_store(&fx.is_loaded, false);
    loop_run(fx.loop);
    assert_int_equal(fx.listener, 0);
    assert_int_not_equal(atomic_load(&fx.held_for), ACCEPTOR_LOADED);
    acceptor_stop(a);
    close(client);
    close(operator);
}

static void accepts_at_last_although_the_load_stays(void **state)
{
    uint64_t before_ms = clock_mono_ms();
    int listeners[2], client;
    struct acceptor *a = start_loaded(listeners, &client);

    (void)state;
    loop_run(fx.loop);
    assert_int_equal(fx.listener, 0);
    assert_true(clock_mono_ms() - before_ms >= ACCEPTOR_HELD_MAX_MS);
    acceptor_stop(a);
    close(client);
}

static void accepts_the_clients_that_wait_when_it_stops(void **state)
{
    int listeners[2], client;
    struct acceptor *a = start_loaded(listeners, &client);

    (void)state;
    acceptor_stop(a);
    loop_run(fx.loop);
    assert_int_equal(fx.listener, 0);
    close(client);
}

/* ---- late workers ---- */

/* Starts an acceptor for a public listener and some of the workers: the one that is stuck, then the
 * other. */
static struct acceptor *start_with(size_t n_workers, int *listener)
{
    static const bool is_kept = false;
    struct mailbox *const workers[2] = { fx.stuck_box, fx.box };
    struct acceptor_config config = { .listen_fds = listener,
                                      .are_kept = &is_kept,
                                      .n_listen_fds = 1,
                                      .n_rated_fds = 1,
                                      .workers = workers,
                                      .n_workers = n_workers,
                                      .on_accepted = on_accepted,
                                      .on_held = on_held,
                                      .arg = &fx };
    struct acceptor *a;

    assert_int_equal(sock_listen(STR("127.0.0.1"), 0, listener), EH_OK);
    assert_int_equal(acceptor_start(&config, &a), EH_OK);
    return a;
}

/* Dials until the acceptor has held a connection for this reason. Returns how often. */
static int dial_until_held(int listener, int clients[], int most)
{
    int n = 0;

    while (atomic_load(&fx.held_for) != ACCEPTOR_LATE_WORKERS) {
        assert_true(n < most);
        clients[n++] = dial(listener);
        (void)poll(NULL, 0, INTAKE_LATE_MS / 4);
    }
    return n;
}

static void close_all(const int clients[], int n)
{
    for (int i = 0; i < n; i++)
        close(clients[i]);
}

#define DIALS_MAX 100

static void holds_clients_while_all_workers_are_late(void **state)
{
    int listener, clients[DIALS_MAX + 1];
    struct acceptor *a = start_with(1, &listener);
    int n = dial_until_held(listener, clients, DIALS_MAX);

    (void)state;
    clients[n++] = dial(listener);
    mailbox_drain(fx.stuck_box);
    assert_in_range(fx.n_accepted, 1, n - 1);
    while (fx.n_accepted < n) {
        (void)poll(NULL, 0, 1);
        mailbox_drain(fx.stuck_box);
    }
    acceptor_stop(a);
    close_all(clients, n);
}

static void accepts_at_last_although_the_workers_are_stuck(void **state)
{
    uint64_t before_ms = clock_mono_ms();
    int listener, clients[DIALS_MAX + 1];
    struct acceptor *a = start_with(1, &listener);
    int n = dial_until_held(listener, clients, DIALS_MAX);

    (void)state;
    while (atomic_load(&fx.held_for) != ACCEPTOR_NOT_LOADED)
        (void)poll(NULL, 0, 1);
    assert_true(clock_mono_ms() - before_ms >= ACCEPTOR_HELD_MAX_MS);
    clients[n++] = dial(listener); /* and it does not wait again */
    acceptor_stop(a);
    assert_int_equal(atomic_load(&fx.held_for), ACCEPTOR_NOT_LOADED);
    mailbox_drain(fx.stuck_box);
    assert_int_equal(fx.n_accepted, n);
    close_all(clients, n);
}

/* After one socket for the worker that is stuck, or a few, the other one gets all. */
static void passes_over_a_worker_that_is_late(void **state)
{
    int listener, clients[DIALS_MAX], n = 0;
    struct acceptor *a = start_with(2, &listener);

    (void)state;
    clients[n++] = dial(listener); /* for the stuck worker */
    clients[n++] = dial(listener);
    loop_run(fx.loop);
    (void)poll(NULL, 0, INTAKE_LATE_MS + 1);
    for (int i = 0; i < 4; i++) {
        clients[n++] = dial(listener);
        loop_run(fx.loop); /* would wait for ever if the socket went to the other worker */
    }
    acceptor_stop(a);
    assert_int_equal(fx.n_accepted, 5);
    mailbox_drain(fx.stuck_box);
    assert_int_equal(fx.n_accepted, 6);
    close_all(clients, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sets_nodelay_on_accepted_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_nodelay_on_connections_of_an_inherited_socket, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(holds_clients_but_not_the_operator_under_load, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(accepts_at_last_although_the_load_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(accepts_the_clients_that_wait_when_it_stops, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(holds_clients_while_all_workers_are_late, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(accepts_at_last_although_the_workers_are_stuck, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(passes_over_a_worker_that_is_late, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
