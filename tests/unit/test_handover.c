#include "app/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

static void set_or_not(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

/* Takes the sockets that the variables describe; pid NULL: that of our own process. */
static int take(const char *pid, const char *fds, const char *names, struct handover *ret)
{
    const char *why = NULL;
    char ours[32];
    int rc;

    (void)snprintf(ours, sizeof(ours), "%ld", (long)getpid());
    set_or_not("LISTEN_PID", pid ? pid : ours);
    set_or_not("LISTEN_FDS", fds);
    set_or_not("LISTEN_FDNAMES", names);
    rc = handover_take(ret, &why);
    if (rc < 0)
        assert_non_null(why);
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    return rc;
}

static void takes_sockets_in_the_order_of_their_names(void **state)
{
    struct handover h;

    (void)state;
    assert_int_equal(take(NULL, "3", "https:http:metrics", &h), EH_OK);
    assert_int_equal(h.n, 3);
    assert_str(h.names[0], "https");
    assert_str(h.names[1], "http");
    assert_str(h.names[2], "metrics");
    handover_done(&h);
    assert_int_equal(take(NULL, "8", "a:b:c:d:e:f:g:h", &h), EH_OK);
    assert_str(h.names[7], "h");
    handover_done(&h);
}

static void names_a_single_socket_http(void **state)
{
    struct handover h;

    (void)state;
    assert_int_equal(take(NULL, "1", NULL, &h), EH_OK);
    assert_int_equal(h.n, 1);
    assert_str(h.names[0], "http");
    handover_done(&h);
}

static void takes_nothing_that_is_not_for_this_process(void **state)
{
    static const struct {
        const char *pid, *fds, *names;
    } cases[] = {
        { NULL, NULL, NULL },   { NULL, "0", NULL },   { "1", "1", "http" },
        { "", "1", "http" },    { "x", "1", "http" },  { "1", "nonsense", "http" },
        { NULL, NULL, "http" }, { NULL, "0", "http" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct handover h = { .n = 77 };

        assert_int_equal(take(cases[i].pid, cases[i].fds, cases[i].names, &h), EH_OK);
        assert_int_equal(h.n, 0);
        handover_done(&h);
    }
}

static void refuses_malformed_variables(void **state)
{
    static const struct {
        const char *fds, *names;
    } cases[] = {
        { "", "http" },
        { "-1", "http" },
        { "1x", "http" },
        { "9", "a:b:c:d:e:f:g:h:i" },
        { "99999999999999999999", "http" },
        { "2", NULL },
        { "2", "http" },
        { "1", "http:https" },
        { "1", "http:" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct handover h = { .n = 77 };

        if (take(NULL, cases[i].fds, cases[i].names, &h) == EH_OK)
            fail_msg("LISTEN_FDS=%s, LISTEN_FDNAMES=%s was accepted", cases[i].fds, cases[i].names);
        assert_int_equal(h.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_sockets_in_the_order_of_their_names),
        cmocka_unit_test(names_a_single_socket_http),
        cmocka_unit_test(takes_nothing_that_is_not_for_this_process),
        cmocka_unit_test(refuses_malformed_variables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
