/* test_notify.c - datagrams to a service manager, and the variables that it sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/array.h"
#include "net/notify.h"
#include "support/temp_dir.h"

/* Opens the socket of a service manager; len counts the bytes of sun_path. */
static int listen_at(const char *path, size_t len)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    memcpy(at.sun_path, path, len);
    assert_int_equal(
        bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
        0);
    return fd;
}

static void assert_arrives(int fd, const char *path)
{
    struct notify *n;
    char got[64] = "";

    assert_int_equal(notify_create(path, &n), EH_OK);
    notify_send(n, "READY=1\nSTATUS=fine");
    assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), (int)strlen("READY=1\nSTATUS=fine"));
    assert_string_equal(got, "READY=1\nSTATUS=fine");
    notify_free(n);
}

static void sends_to_a_path(void **state)
{
    struct temp_dir dir;
    char path[128];
    int fd;

    (void)state;
    temp_dir_init(&dir);
    (void)temp_dir_path(&dir, "notify", path);
    fd = listen_at(path, strlen(path) + 1);
    assert_arrives(fd, path);
    close(fd);
    temp_dir_done(&dir);
}

static void sends_to_an_abstract_name(void **state)
{
    char name[64];
    int fd;

    (void)state;
    (void)snprintf(name, sizeof(name), "@eventhub-test-%d", (int)getpid());
    name[0] = '\0';
    fd = listen_at(name, 1 + strlen(name + 1));
    name[0] = '@';
    assert_arrives(fd, name);
    close(fd);
}

static void tolerates_a_missing_listener(void **state)
{
    struct notify *n;

    (void)state;
    assert_int_equal(notify_create("/nowhere/notify", &n), EH_OK);
    notify_send(n, "READY=1"); /* is dropped */
    notify_free(n);
    notify_free(NULL);
}

static void refuses_malformed_addresses(void **state)
{
    char longest[109];
    static const char *const refused[] = { "", "/", "@", "notify", "./notify", "vsock:2:9999" };
    struct notify *n;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(notify_create(refused[i], &n), EH_EINVAL);
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[108] = '\0'; /* one byte too long, with its NUL */
    assert_int_equal(notify_create(longest, &n), EH_EINVAL);
    longest[107] = '\0';
    assert_int_equal(notify_create(longest, &n), EH_OK);
    notify_free(n);
}

static void reads_the_watchdog_period(void **state)
{
    char ours[16], other[16];
    const struct {
        const char *usec, *pid;
        uint64_t ms;
    } cases[] = {
        { NULL, NULL, 0 },           { "30000000", NULL, 30000 },
        { "30000000", ours, 30000 }, { "1500", NULL, 1 },
        { "30000000", other, 0 },    { "30000000", "", 0 },
        { "30000000", "x", 0 },      { "", NULL, 0 },
        { "-1", NULL, 0 },           { "1s", NULL, 0 },
        { NULL, ours, 0 },
    };

    (void)state;
    (void)snprintf(ours, sizeof(ours), "%d", (int)getpid());
    (void)snprintf(other, sizeof(other), "%d", (int)getppid());
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(notify_watchdog_ms(cases[i].usec, cases[i].pid), cases[i].ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_to_a_path),
        cmocka_unit_test(sends_to_an_abstract_name),
        cmocka_unit_test(tolerates_a_missing_listener),
        cmocka_unit_test(refuses_malformed_addresses),
        cmocka_unit_test(reads_the_watchdog_period),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
