#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"

#define WALL_MS UINT64_C(1795470120123) /* 2026-11-23T21:42:00.123Z */
#define TIME    "2026-11-23T21:42:00.123Z"

static char line[4097];

static const char *format_with(enum log_format format, size_t cap, const struct log_field *fields)
{
    size_t n = log_format_line(line, cap, format, WALL_MS, LOG_INFO, "listening", fields);

    assert_true(n >= 1 && n <= cap);
    assert_int_equal(line[n - 1], '\n');
    assert_null(memchr(line, '\n', n - 1));
    line[n - 1] = '\0';
    return line;
}

static const char *format_value(enum log_format format, struct str value)
{
    const struct log_field fields[] = { LOG_S("v", value), LOG_END };

    return format_with(format, 4096, fields);
}

static void writes_fields_in_both_formats(void **state)
{
    const struct log_field fields[] = { LOG_Z("address", "[::]:8080"), LOG_N("workers", -3),
                                        LOG_END };

    (void)state;
    assert_string_equal(format_with(LOG_TEXT, 4096, fields),
                        TIME " info event=listening address=[::]:8080 workers=-3");
    assert_string_equal(format_with(LOG_JSON, 4096, fields),
                        "{\"time\":\"" TIME "\",\"level\":\"info\",\"event\":\"listening\","
                        "\"address\":\"[::]:8080\",\"workers\":-3}");
}

static void writes_a_line_without_fields(void **state)
{
    const struct log_field fields[] = { LOG_END };

    (void)state;
    assert_string_equal(format_with(LOG_TEXT, 4096, fields), TIME " info event=listening");
}

static void escapes_values(void **state)
{
    static const struct {
        struct str value;
        const char *text;
        const char *json;
    } cases[] = {
        { { "plain", 5 }, "plain", "plain" },
        { { "", 0 }, "\"\"", "" },
        { { NULL, 0 }, "\"\"", "" },
        { { "two words", 9 }, "\"two words\"", "two words" },
        { { "it's", 4 }, "\"it's\"", "it's" },
        { { "a\nevent=x", 9 }, "\"a\\x0aevent\\x3dx\"", "a\\u000aevent=x" },
        { { "\r\t\0\x7f", 4 }, "\"\\x0d\\x09\\x00\\x7f\"", "\\u000d\\u0009\\u0000\\u007f" },
        { { "q\"b\\", 4 }, "\"q\\x22b\\x5c\"", "q\\u0022b\\u005c" },
        { { "\x1b[2J", 4 }, "\"\\x1b[2J\"", "\\u001b[2J" },
        { { "\xc3\xa9", 2 }, "\"\xc3\xa9\"", "\xc3\xa9" },
        { { "\xf0\x9f\x98\x80", 4 }, "\"\xf0\x9f\x98\x80\"", "\xf0\x9f\x98\x80" },
        { { "\xc3", 1 }, "\"\\xc3\"", "\\ufffd" },                 /* truncated */
        { { "\xc3z", 2 }, "\"\\xc3z\"", "\\ufffdz" },              /* no continuation */
        { { "\xff", 1 }, "\"\\xff\"", "\\ufffd" },                 /* never in UTF-8 */
        { { "\xc0\x80", 2 }, "\"\\xc0\\x80\"", "\\ufffd\\ufffd" }, /* overlong */
        { { "\xe0\x80\xaf", 3 }, "\"\\xe0\\x80\\xaf\"", "\\ufffd\\ufffd\\ufffd" },
        { { "\xed\xa0\x80", 3 }, "\"\\xed\\xa0\\x80\"", "\\ufffd\\ufffd\\ufffd" }, /* surrogate */
        { { "\xf4\x90\x80\x80", 4 }, "\"\\xf4\\x90\\x80\\x80\"", "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { { "\xc2\x9b", 2 }, "\"\\xc2\\x9b\"", "\\ufffd\\ufffd" },                 /* C1: CSI */
        { { "\xe2\x80\xa8", 3 }, "\"\\xe2\\x80\\xa8\"", "\\ufffd\\ufffd\\ufffd" }, /* U+2028 */
        { { "\xe2\x80\xaa", 3 }, "\"\xe2\x80\xaa\"", "\xe2\x80\xaa" },
    };
    char want[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(want, sizeof(want), TIME " info event=listening v=%s", cases[i].text);
        assert_string_equal(format_value(LOG_TEXT, cases[i].value), want);
        (void)snprintf(want, sizeof(want),
                       "{\"time\":\"" TIME
                       "\",\"level\":\"info\",\"event\":\"listening\",\"v\":\"%s\"}",
                       cases[i].json);
        assert_string_equal(format_value(LOG_JSON, cases[i].value), want);
    }
}

/* A long value leaves room for the next field, and the line stays well-formed. */
static void shortens_long_values(void **state)
{
    static char big[10000];
    struct log_field fields[] = { LOG_S("v", str_make(big, sizeof(big))), LOG_N("after", 1),
                                  LOG_END };
    const char *text;

    (void)state;
    memset(big, 'x', sizeof(big));
    text = format_with(LOG_TEXT, 4096, fields);
    assert_non_null(strstr(text, "xxx... after=1"));
    text = format_with(LOG_JSON, 4096, fields);
    assert_non_null(strstr(text, "xxx...\",\"after\":1}"));
    memset(big, '\n', sizeof(big));
    text = format_with(LOG_JSON, 4096, fields);
    assert_non_null(strstr(text, "\\u000a...\",\"after\":1}"));
}

/* Fields that do not fit are left out as a whole, whatever the size of the line. */
static void limits_the_length_of_a_line(void **state)
{
    static char big[600];
    struct log_field fields[12];

    (void)state;
    memset(big, 'x', sizeof(big));
    for (size_t i = 0; i < 11; i++)
        fields[i] = LOG_S("v", str_make(big, sizeof(big)));
    fields[11] = LOG_END;
    for (size_t cap = 100; cap <= 4096; cap++) {
        const char *text = format_with(LOG_JSON, cap, fields);

        assert_true(strlen(text) < cap);
        assert_string_equal(text + strlen(text) - 2, "\"}");
    }
}

static void enables_levels_from_the_configured_one_up(void **state)
{
    (void)state;
    for (int level = LOG_TRACE; level <= LOG_OFF; level++) {
        log_setup((enum log_level)level, LOG_TEXT);
        for (int at = LOG_TRACE; at <= LOG_CRITICAL; at++)
            assert_int_equal(log_enabled((enum log_level)at), at >= level);
    }
    log_setup(LOG_INFO, LOG_TEXT);
}

static void parses_level_names(void **state)
{
    static const struct {
        const char *name;
        int level; /* -1: refused */
    } cases[] = {
        { "trace", LOG_TRACE },
        { "debug", LOG_DEBUG },
        { "info", LOG_INFO },
        { "warn", LOG_WARN },
        { "warning", LOG_WARN },
        { "error", LOG_ERROR },
        { "ERROR", LOG_ERROR },
        { "critical", LOG_CRITICAL },
        { "Off", LOG_OFF },
        { "", -1 },
        { "inf", -1 },
        { "infos", -1 },
        { "3", -1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum log_level got = LOG_OFF;
        int rc = log_level_parse(str_of(cases[i].name), &got);

        assert_int_equal(rc, cases[i].level < 0 ? EH_EINVAL : EH_OK);
        if (rc == EH_OK)
            assert_int_equal(got, cases[i].level);
    }
}

/* During a test stderr is a pipe. */
static int saved_stderr;
static int pipe_out;

static int redirect_stderr(void **state)
{
    int fds[2];

    (void)state;
    if (pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
        return -1;
    pipe_out = fds[0];
    saved_stderr = dup(STDERR_FILENO);
    if (dup2(fds[1], STDERR_FILENO) < 0)
        return -1;
    return close(fds[1]);
}

static int restore_stderr(void **state)
{
    (void)state;
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    return close(pipe_out);
}

static size_t read_pipe(char *out, size_t cap)
{
    ssize_t n = read(pipe_out, out, cap - 1);

    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void writes_lines_to_stderr(void **state)
{
    char text[1000];

    (void)state;
    log_info("first", LOG_Z("k", "v"));
    log_debug("hidden", LOG_END);
    log_error("second", LOG_END);
    read_pipe(text, sizeof(text));
    assert_non_null(strstr(text, " info event=first k=v\n"));
    assert_non_null(strstr(text, " error event=second\n"));
    assert_null(strstr(text, "hidden"));
}

/* While nobody reads the pipe, log_write must return and count the lines. Once there is room, it
 * reports how many were dropped. */
static void drops_and_counts_lines_when_the_pipe_is_full(void **state)
{
    static char text[1 << 20];
    uint64_t before = log_dropped();
    uint64_t dropped;
    char want[60];

    (void)state;
    for (int i = 0; i < 5000; i++)
        log_info("flood", LOG_Z("k", "some text that fills the pipe sooner"));
    dropped = log_dropped() - before;
    assert_true(dropped > 0 && dropped < 5000);
    while (read_pipe(text, sizeof(text)))
        assert_null(strstr(text, "log_lines_dropped"));

    log_info("after", LOG_END);
    log_info("later", LOG_END);
    read_pipe(text, sizeof(text));
    (void)snprintf(want, sizeof(want), " warn event=log_lines_dropped lines=%d\n", (int)dropped);
    assert_non_null(strstr(text, want));
    assert_true(strstr(text, want) < strstr(text, "event=after"));
    assert_null(strstr(strstr(text, "event=after"), "log_lines_dropped"));
    assert_int_equal(log_dropped() - before, dropped);
}

/* Writing to a pipe without a reader must not raise SIGPIPE. */
static void drops_lines_when_the_pipe_is_closed(void **state)
{
    uint64_t before = log_dropped();

    (void)state;
    (void)close(pipe_out);
    log_info("lost", LOG_END);
    pipe_out = dup(saved_stderr); /* restore_stderr closes it */
    assert_int_equal(log_dropped() - before, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_fields_in_both_formats),
        cmocka_unit_test(writes_a_line_without_fields),
        cmocka_unit_test(escapes_values),
        cmocka_unit_test(shortens_long_values),
        cmocka_unit_test(limits_the_length_of_a_line),
        cmocka_unit_test(enables_levels_from_the_configured_one_up),
        cmocka_unit_test(parses_level_names),
        cmocka_unit_test_setup_teardown(writes_lines_to_stderr, redirect_stderr, restore_stderr),
        cmocka_unit_test_setup_teardown(drops_and_counts_lines_when_the_pipe_is_full,
                                        redirect_stderr, restore_stderr),
        cmocka_unit_test_setup_teardown(drops_lines_when_the_pipe_is_closed, redirect_stderr,
                                        restore_stderr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
