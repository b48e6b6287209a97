#include "ctl/link/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "ctl/line/command.h"
#include "support/assert_str.h"
#include "support/temp_dir_group.h"

#define BEGIN_WITH  "the URL must begin with ws://, wss://, http:// or https://, or with unix:/"
#define TEN_BYTES   "/234567890"
#define FIFTY_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES TEN_BYTES
#define LONG_PATH   FIFTY_BYTES FIFTY_BYTES "/234567"
#define SOCKET_BY_PATH                                                                             \
    "the URL must name a socket by its whole path: unix:/run/eventhub/eventhub.sock"

static struct target *target_of(const struct common_options *common, const char *url)
{
    struct target *t = NULL;
    struct buf why = { 0 };

    if (target_create(common, url, &t, &why) < 0)
        fail_msg("%s: %.*s", url, STR_ARG(buf_str(&why)));
    return t;
}

static void reads_urls(void **state)
{
    static const struct {
        const char *text, *url, *host, *authority, *path;
        unsigned port;
        bool has_tls;
    } cases[] = {
        { "ws://a", "ws://a", "a", "a", "", 80, false },
        { "WS://a/", "ws://a", "a", "a", "", 80, false },
        { "HTTP://a:8080", "http://a:8080", "a", "a:8080", "", 8080, false },
        { "wss://a.example:443/", "wss://a.example", "a.example", "a.example", "", 443, true },
        { "https://a:443/hub//", "https://a/hub", "a", "a", "/hub", 443, true },
        { "wss://a:80", "wss://a:80", "a", "a:80", "", 80, true },
        { "ws://[::1]", "ws://[::1]", "::1", "[::1]", "", 80, false },
        { "ws://[::1]:7/x/y", "ws://[::1]:7/x/y", "::1", "[::1]:7", "/x/y", 7, false },
        { "ws://[fe80::1%eth0]:7", "ws://[fe80::1]:7", "fe80::1%eth0", "[fe80::1]:7", "", 7,
          false },
    };
    const struct common_options common = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target *t = target_of(&common, cases[i].text);

        assert_string_equal(t->url, cases[i].url);
        assert_string_equal(t->host, cases[i].host);
        assert_string_equal(t->authority, cases[i].authority);
        assert_string_equal(t->path, cases[i].path);
        assert_int_equal(t->port, cases[i].port);
        assert_int_equal(t->has_tls, cases[i].has_tls);
        assert_int_equal(t->tls != NULL, cases[i].has_tls);
        target_free(t);
    }
}

static void reads_paths_of_sockets(void **state)
{
    static const char *const texts[] = { "unix:/a/b:c.sock", "unix:///a/b:c.sock",
                                         "UNIX:/a/b:c.sock", "ws+unix:/a/b:c.sock",
                                         "ws+unix:///a/b:c.sock" };
    const struct common_options common = { 0 };
    struct target *t;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        t = target_of(&common, texts[i]);
        assert_string_equal(t->url, "unix:/a/b:c.sock");
        assert_string_equal(t->socket, "/a/b:c.sock");
        assert_string_equal(t->authority, "localhost");
        assert_string_equal(t->path, "");
        assert_false(t->has_tls);
        target_free(t);
    }
    t = target_of(&common, "unix:" LONG_PATH);
    assert_int_equal(strlen(t->socket), 107);
    target_free(t);
    t = target_of(&common, "ws://a");
    assert_null(t->socket);
    target_free(t);
}

static void refuses_urls(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", BEGIN_WITH },
        { "localhost:8080", BEGIN_WITH },
        { "ftp://a", BEGIN_WITH },
        { "unix:", SOCKET_BY_PATH },
        { "unix:/", SOCKET_BY_PATH },
        { "unix://", SOCKET_BY_PATH },
        { "unix:run/a.sock", SOCKET_BY_PATH },
        { "unix://run/a.sock", SOCKET_BY_PATH },
        { "unix:@a", SOCKET_BY_PATH },
        { "wss+unix:/a", BEGIN_WITH },
        { "unix:/a?auth=secret", "the URL must end before ? and #: for the token, set "
                                 "EVENTHUB_TOKEN or use --token-file" },
        { "unix:/a b", "the URL has a space or another character that a URL cannot have" },
        { "unix:/a\x1b[31m", "the URL has a space or another character that a URL cannot have" },
        { "unix:" LONG_PATH "x", "the URL has a path that is longer than 107 bytes, more than a "
                                 "Unix socket can have" },
        { "ws://", "the URL has no valid host name" },
        { "ws://:80", "the URL has no valid host name" },
        { "ws://a b", "the URL has no valid host name" },
        { "ws://a\x1b[31m", "the URL has no valid host name" },
        { "ws://a:0", "the URL has no valid port: it is a number from 1 to 65535" },
        { "ws://a:65536", "the URL has no valid port: it is a number from 1 to 65535" },
        { "ws://a:", "the URL has no valid port: it is a number from 1 to 65535" },
        { "ws://::1", "the URL has an IPv6 address without brackets: write [address]:port" },
        { "ws://[::1", "the URL has no ] after its IPv6 address" },
        { "ws://[::1]x", "the URL has no port after the address in brackets" },
        { "ws://user:secret@a",
          "the URL must not hold a name or password: set EVENTHUB_TOKEN or use --token-file" },
        { "ws://a/?auth=secret", "the URL must end before ? and #: for the token, set "
                                 "EVENTHUB_TOKEN or use --token-file" },
        { "ws://a/x y", "the URL has a space or another character that a URL cannot have" },
        { "ws://a/\r\nX: y", "the URL has a space or another character that a URL cannot have" },
    };
    const struct common_options common = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target *t = NULL;
        struct buf why = { 0 };

        assert_int_equal(target_create(&common, cases[i].text, &t, &why), EH_EINVAL);
        assert_str(buf_str(&why), cases[i].why);
        buf_done(&why);
    }
}

static void prefers_the_argument_then_the_option_then_the_default(void **state)
{
    struct target *t = target_of(&(struct common_options){ .url = "ws://option" }, "ws://argument");

    (void)state;
    assert_string_equal(t->url, "ws://argument");
    target_free(t);
    t = target_of(&(struct common_options){ .url = "ws://option" }, NULL);
    assert_string_equal(t->url, "ws://option");
    target_free(t);
    t = target_of(&(struct common_options){ 0 }, NULL);
    assert_string_equal(t->url, "ws://127.0.0.1:8080");
    target_free(t);
}

static void refuses_options_that_conflict_or_are_wrong(void **state)
{
    static const struct {
        struct common_options common;
        const char *why;
    } cases[] = {
        { { .url = "wss://a", .insecure = true, .ca = "/x" },
          "--insecure conflicts with --ca: use one of them" },
        { { .url = "wss://a", .ca = "/nonexistent" },
          "CA certificate /nonexistent: No such file or directory" },
        { { .url = "ws://a", .ca = "/x" },
          "--ca is for TLS: use it with a URL that begins with wss:// or https://" },
        { { .url = "unix:/a", .ca = "/x" },
          "--ca is for TLS: use it with a URL that begins with wss:// or https://" },
        { { .token = "two words" },
          "the value of --token or EVENTHUB_TOKEN is not a token: it must be "
          "one line of visible characters, without spaces" },
        { { .token = "x\r\nHost: y" },
          "the value of --token or EVENTHUB_TOKEN is not a token: it must "
          "be one line of visible characters, without spaces" },
        { { .token = "" },
          "the value of --token or EVENTHUB_TOKEN is not a token: it must be one line "
          "of visible characters, without spaces" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct target *t = NULL;
        struct buf why = { 0 };

        assert_int_equal(target_create(&cases[i].common, NULL, &t, &why), EH_EINVAL);
        assert_str(buf_str(&why), cases[i].why);
        buf_done(&why);
    }
}

/* Returns what target_read_token makes of a file with this content. */
static int read_file(struct str content, struct buf *token, struct buf *why)
{
    char path[TEMP_DIR_PATH_MAX];
    const struct common_options common = { .token_file = temp_dir_path(&dir, "token", path) };
    struct target *t = target_of(&common, NULL);
    int rc;

    temp_dir_write(&dir, "token", content);
    rc = target_read_token(t, token, why);
    target_free(t);
    return rc;
}

static void reads_the_token_file(void **state)
{
    static const struct {
        struct str content;
        const char *token;
    } cases[] = {
        { { "abc.def", 7 }, "abc.def" }, { { "abc\n", 4 }, "abc" },       { { "", 0 }, NULL },
        { { "\n", 1 }, NULL },           { { "two words\n", 10 }, NULL }, { { "a\nb\n", 4 }, NULL },
        { { "a\0b", 3 }, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf token = { 0 }, why = { 0 };
        int rc = read_file(cases[i].content, &token, &why);

        assert_int_equal(rc, cases[i].token ? EH_OK : EH_EINVAL);
        assert_str(buf_str(&token), cases[i].token ? cases[i].token : "");
        assert_int_equal(buf_used(&why) > 0, !cases[i].token);
        assert_true(str_starts_with(
            buf_str(&why), cases[i].token ? STR("") : STR("cannot use the token file /tmp/")));
        buf_done(&token);
        buf_done(&why);
    }
}

static void reads_no_token_and_one_that_is_given(void **state)
{
    struct target *t = target_of(&(struct common_options){ 0 }, NULL);
    struct buf token = { 0 }, why = { 0 };

    (void)state;
    assert_int_equal(target_read_token(t, &token, &why), EH_OK);
    assert_int_equal(buf_used(&token), 0);
    target_free(t);
    t = target_of(&(struct common_options){ .token = "abc" }, NULL);
    assert_int_equal(target_read_token(t, &token, &why), EH_OK);
    assert_str(buf_str(&token), "abc");
    target_free(t);
    buf_done(&token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_urls),
        cmocka_unit_test(reads_paths_of_sockets),
        cmocka_unit_test(refuses_urls),
        cmocka_unit_test(prefers_the_argument_then_the_option_then_the_default),
        cmocka_unit_test(refuses_options_that_conflict_or_are_wrong),
        cmocka_unit_test(reads_the_token_file),
        cmocka_unit_test(reads_no_token_and_one_that_is_given),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
