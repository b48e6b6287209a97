/* test_newcomers.c - a crowd of new connections, and a client that was there before: who is served
 * in which turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "app/conn/newcomers.h"
#include "app/http/conn_http.h"
#include "support/still_worker.h"

#define HANDSHAKE                                                                                  \
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

#define CROWD_MAX 600

struct newcomer {
    struct conn *conn;
    int fd;
};

static struct fixture {
    struct still_worker sw;
    struct newcomer crowd[CROWD_MAX];
    size_t n;
    int bystander;
} fx;

static int set_up(void **state)
{
    (void)state;
    fx = (struct fixture){ 0 };
    still_worker_open(&fx.sw, 1024 * 1024);
    fx.sw.config.disable_auth = true;
    fx.sw.config.max_header_size = fx.sw.config.max_message_size = 8192;
    (void)still_worker_connect(&fx.sw, 0, &fx.bystander);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    still_worker_stop(&fx.sw);
    for (size_t i = 0; i < fx.n; i++)
        close(fx.crowd[i].fd);
    close(fx.bystander);
    still_worker_free(&fx.sw);
    return 0;
}

static void write_text(int fd, struct str text)
{
    assert_int_equal(write(fd, text.p, text.n), text.n);
}

static void crowd_connects(size_t n)
{
    for (fx.n = 0; fx.n < n; fx.n++) {
        struct newcomer *c = &fx.crowd[fx.n];

        c->conn = still_worker_accept(&fx.sw, &c->fd);
        write_text(c->fd, STR(HANDSHAKE));
    }
}

/* Returns how many newcomers were served. They are served in the order in which they came. */
static size_t n_served(void)
{
    size_t n = 0;

    while (n < fx.n && fx.crowd[n].conn->protocol != &conn_http)
        n++;
    for (size_t i = n; i < fx.n; i++)
        assert_ptr_equal(fx.crowd[i].conn->protocol, &conn_http);
    return n;
}

static void bystander_pings(void)
{
    write_text(fx.bystander, STR("\x89\x80\0\0\0\0"));
}

static bool has_pong(void)
{
    char pong[16];

    return read(fx.bystander, pong, sizeof(pong)) == 2 && pong[0] == '\x8a';
}

static void serves_a_share_of_a_crowd_in_each_turn(void **state)
{
    size_t before = 0, n;

    (void)state;
    crowd_connects(3 * NEWCOMERS_SHARE);
    while (before < fx.n) {
        bystander_pings();
        still_worker_turn(&fx.sw);
        assert_true(has_pong());
        n = n_served();
        assert_in_range(n, before + 1, before + NEWCOMERS_SHARE);
        before = n;
    }
}

static void puts_a_crowd_aside_when_others_may_be_behind_it(void **state)
{
    (void)state;
    crowd_connects(CROWD_MAX);
    bystander_pings();
    for (size_t turn = 1; !has_pong(); turn++) {
        assert_true(turn <= 3); /* 600 descriptors, 256 in a turn */
        still_worker_turn(&fx.sw);
        assert_true(turn == 3 || n_served() <= turn * NEWCOMERS_SHARE_CROWDED);
    }
    while (n_served() < fx.n)
        still_worker_turn(&fx.sw);
}

static void serves_all_steps_of_a_newcomer(void **state)
{
    static const char handshake[] = HANDSHAKE;

    (void)state;
    crowd_connects(2 * NEWCOMERS_SHARE);
    fx.crowd[fx.n].conn = still_worker_accept(&fx.sw, &fx.crowd[fx.n].fd);
    fx.n++;
    for (size_t i = 0; i < sizeof(handshake) - 1; i++) {
        write_text(fx.crowd[fx.n - 1].fd, str_make(handshake + i, 1));
        still_worker_turn(&fx.sw);
    }
    while (n_served() < fx.n)
        still_worker_turn(&fx.sw);
}

static void forgets_newcomers_that_leave_while_they_wait(void **state)
{
    size_t last = CROWD_MAX - 1;

    (void)state;
    crowd_connects(CROWD_MAX);
    still_worker_turn(&fx.sw);
    assert_true(n_served() < last);
    conn_close(fx.crowd[last].conn, METRIC_CLOSED_HANDSHAKE);
    fx.n = last;
    close(fx.crowd[last].fd);
    while (n_served() < fx.n)
        still_worker_turn(&fx.sw);
    assert_int_equal(fx.sw.worker->conns.n_conns, fx.n + 1); /* and the bystander */
}

static void stops_while_newcomers_wait(void **state)
{
    (void)state;
    crowd_connects(CROWD_MAX);
    still_worker_turn(&fx.sw); /* tear_down goes on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_a_share_of_a_crowd_in_each_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(puts_a_crowd_aside_when_others_may_be_behind_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(serves_all_steps_of_a_newcomer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_newcomers_that_leave_while_they_wait, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(stops_while_newcomers_wait, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
