#include "net/unix_socket.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/sock.h"
#include "support/temp_dir_group.h"

static const char *path_of(const char *name)
{
    static char path[TEMP_DIR_PATH_MAX];

    return temp_dir_path(&dir, name, path);
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    return st.st_mode & 07777;
}

static void gives_the_file_exactly_its_mode(void **state)
{
    static const mode_t modes[] = { 0600, 0660, 0666, 0777 };
    mode_t before = umask(0077);

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct unix_socket s;
        int fd;

        assert_int_equal(unix_socket_listen(path_of("a"), modes[i], &fd, &s), EH_OK);
        assert_int_equal(mode_of(s.path), modes[i]);
        unix_socket_remove(&s);
        close(fd);
    }
    assert_int_equal(umask(before), 0077);
}

static void accepts_peers_without_an_address(void **state)
{
    char text[SOCK_ADDR_TEXT], path[UNIX_SOCKET_PATH_MAX + 2];
    struct unix_socket s;
    struct sock_addr peer;
    int fd, client, server;

    (void)state;
    assert_int_equal(unix_socket_listen(path_of("a"), 0600, &fd, &s), EH_OK);
    assert_int_equal(sock_accept(fd, &server, &peer), EH_EIO);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(unix_socket_dial(s.path, 1000, &client), EH_OK);
    assert_int_equal(sock_accept(fd, &server, &peer), EH_OK);
    assert_true(sock_addr_is_none(&peer));
    sock_addr_format(&peer, text);
    assert_string_equal(text, "unix");
    unix_socket_path(fd, path);
    assert_string_equal(path, s.path);
    unix_socket_path(client, path);
    assert_string_equal(path, "");
    close(client);
    close(server);
    unix_socket_remove(&s);
    close(fd);
}

static void replaces_only_a_socket_in_which_nobody_listens(void **state)
{
    struct unix_socket first, second, third;
    int old, fd, other;

    (void)state;
    assert_int_equal(unix_socket_listen(path_of("a"), 0600, &old, &first), EH_OK);
    assert_int_equal(unix_socket_listen(first.path, 0600, &other, &second), EH_EIO);
    assert_int_equal(errno, EADDRINUSE);
    close(old); /* as a killed process leaves it */
    assert_int_equal(unix_socket_dial(first.path, 1000, &other), EH_EIO);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(unix_socket_listen(first.path, 0600, &fd, &second), EH_OK);
    assert_int_equal(unix_socket_listen(first.path, 0600, &other, &third), EH_EIO);
    unix_socket_remove(&second);
    close(fd);
}

static void refuses_other_files_and_places(void **state)
{
    struct unix_socket s;
    int fd;

    (void)state;
    temp_dir_write(&dir, "file", STR("keep"));
    assert_int_equal(unix_socket_listen(path_of("file"), 0600, &fd, &s), EH_EINVAL);
    assert_int_equal(symlink("nowhere", path_of("link")), 0);
    assert_int_equal(unix_socket_listen(path_of("link"), 0600, &fd, &s), EH_EINVAL);
    assert_int_equal(unix_socket_listen(path_of("no/a"), 0600, &fd, &s), EH_EIO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(access(path_of("file"), R_OK), 0);
    unlink(path_of("link"));
}

static void removes_only_its_own_file(void **state)
{
    struct unix_socket old, now, copy;
    int old_fd, fd;

    (void)state;
    assert_int_equal(unix_socket_listen(path_of("a"), 0600, &old_fd, &old), EH_OK);
    assert_int_equal(unlink(old.path), 0); /* somebody has removed it, */
    assert_int_equal(unix_socket_listen(path_of("a"), 0600, &fd, &now), EH_OK);
    unix_socket_remove(&old); /* and this file is another one */
    assert_string_equal(old.path, "");
    assert_int_equal(mode_of(now.path), 0600);
    copy = now;
    unix_socket_remove(&now);
    assert_int_equal(access(copy.path, F_OK), -1);
    unix_socket_remove(&now);
    close(old_fd);
    close(fd);
}

static void adopts_only_its_family(void **state)
{
    struct unix_socket s;
    int unix_fd, tcp_fd;

    (void)state;
    assert_int_equal(unix_socket_listen(path_of("a"), 0600, &unix_fd, &s), EH_OK);
    assert_int_equal(sock_listen(STR("127.0.0.1"), 0, &tcp_fd), EH_OK);
    assert_int_equal(sock_adopt(unix_fd, SOCK_UNIX), EH_OK);
    assert_int_equal(sock_adopt(unix_fd, SOCK_TCP), EH_EINVAL);
    assert_int_equal(sock_adopt(tcp_fd, SOCK_UNIX), EH_EINVAL);
    unix_socket_remove(&s);
    close(unix_fd);
    close(tcp_fd);
}

static void takes_the_longest_path(void **state)
{
    char path[UNIX_SOCKET_PATH_MAX + 1], shown[UNIX_SOCKET_PATH_MAX + 2];
    size_t n = strlen(path_of(""));
    struct unix_socket s;
    int fd;

    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    memcpy(path, path_of(""), n);
    assert_int_equal(unix_socket_listen(path, 0600, &fd, &s), EH_OK);
    unix_socket_path(fd, shown);
    assert_string_equal(shown, path);
    unix_socket_remove(&s);
    assert_int_equal(access(path, F_OK), -1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_file_exactly_its_mode),
        cmocka_unit_test(accepts_peers_without_an_address),
        cmocka_unit_test(replaces_only_a_socket_in_which_nobody_listens),
        cmocka_unit_test(refuses_other_files_and_places),
        cmocka_unit_test(removes_only_its_own_file),
        cmocka_unit_test(adopts_only_its_family),
        cmocka_unit_test(takes_the_longest_path),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
