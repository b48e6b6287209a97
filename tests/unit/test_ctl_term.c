/* test_ctl_term.c - stdout and stderr are a terminal (the other end of a pty), or pipes. The test
 * saves its own descriptors.
 */
#include "ctl/term/term.h"

#include <fcntl.h>
#include <limits.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/term/exit_status.h"
#include "support/assert_str.h"

static char *colourful[] = { (char[]){ "TERM=xterm" }, NULL };

struct world {
    struct term term;
    int saved[2]; /* the test's stdout and stderr */
    int out, err; /* where it reads what was written */
};

static void redirect(struct world *w, int out, int err)
{
    (void)fflush(stdout);
    w->saved[0] = dup(STDOUT_FILENO);
    w->saved[1] = dup(STDERR_FILENO);
    assert_true(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
}

/* Puts the test's own descriptors back, so that failures can be seen. */
static void restore(struct world *w)
{
    term_done(&w->term);
    assert_true(dup2(w->saved[0], STDOUT_FILENO) >= 0 && dup2(w->saved[1], STDERR_FILENO) >= 0);
    close(w->saved[0]);
    close(w->saved[1]);
}

static void start_with_pipes(struct world *w, char *const *environment)
{
    int out[2], err[2];

    *w = (struct world){ 0 };
    assert_true(pipe(out) == 0 && pipe(err) == 0);
    redirect(w, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    w->out = out[0];
    w->err = err[0];
    term_init(&w->term, environment);
}

static void start_with_terminal(struct world *w, char *const *environment)
{
    const struct winsize size = { .ws_row = 5, .ws_col = 20 };
    struct termios raw;
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

    *w = (struct world){ 0 };
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0 && tcgetattr(slave, &raw) == 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    redirect(w, slave, slave);
    close(slave);
    w->out = w->err = master;
    term_init(&w->term, environment);
}

static void done(struct world *w)
{
    if (w->out != w->err)
        close(w->err);
    close(w->out);
}

/* Asserts what has been written. To be called after restore, when nobody else has the
 * other end open. */
static void assert_read(int fd, const char *want)
{
    char text[4096];
    size_t all = 0;
    ssize_t n;

    while ((n = read(fd, text + all, sizeof(text) - all)) > 0)
        all += (size_t)n;
    assert_str(str_make(text, all), want);
}

static void writes_results_and_notes_to_pipes(void **state)
{
    struct world w;

    (void)state;
    start_with_pipes(&w, colourful);
    term_write(&w.term, STR("one\n"));
    term_printf(&w.term, "%s\n", "two");
    term_note(&w.term, "a %s", "note");
    term_warn(&w.term, "a warning");
    term_error(&w.term, "an error with \x1b[31m and\nline");
    term_progress(&w.term, "50%%");
    assert_false(w.term.has_colour);
    assert_int_equal(term_width(&w.term), 80);
    assert_int_equal(term_height(&w.term), 0);
    assert_string_equal(term_style(&w.term, TERM_RED), "");
    restore(&w);
    assert_read(w.out, "one\ntwo\n");
    assert_read(w.err, "a note\neventhubctl: warning: a warning\n"
                       "eventhubctl: an error with \\x1b[31m and\\nline\n");
    done(&w);
}

static void count_wait(void *n)
{
    ++*(int *)n;
}

static void waits_for_room_before_each_piece(void **state)
{
    static char text[2 * PIPE_BUF + 1], got[sizeof(text)];
    struct world w;
    int n = 0;

    (void)state;
    memset(text, 'x', sizeof(text));
    start_with_pipes(&w, colourful);
    w.term.on_wait = count_wait;
    w.term.arg = &n;
    term_write(&w.term, str_make(text, sizeof(text)));
    term_flush(&w.term);
    assert_int_equal(n, 3);
    restore(&w);
    assert_int_equal(read(w.out, got, sizeof(got)), sizeof(got));
    assert_memory_equal(got, text, sizeof(text));
    done(&w);
}

static void quiet_leaves_results_and_errors(void **state)
{
    struct world w;

    (void)state;
    start_with_pipes(&w, colourful);
    w.term.quiet = true;
    term_write(&w.term, STR("result\n"));
    term_note(&w.term, "note");
    term_warn(&w.term, "warning");
    term_error(&w.term, "error");
    restore(&w);
    assert_read(w.out, "result\n");
    assert_read(w.err, "eventhubctl: error\n");
    done(&w);
}

static void writes_json_in_lines(void **state)
{
    json_t *value = json_pack("{s:f, s:s}", "ms", 0.1, "text", "a\nb");
    struct world w;

    (void)state;
    start_with_pipes(&w, colourful);
    term_result_json(&w.term, value);
    restore(&w);
    assert_read(w.out, "{\"ms\":0.1,\"text\":\"a\\nb\"}\n");
    json_decref(value);
    done(&w);
}

static void knows_a_terminal(void **state)
{
    struct world w;

    (void)state;
    start_with_terminal(&w, colourful);
    assert_true(w.term.out_is_terminal && w.term.err_is_terminal && w.term.has_colour);
    assert_int_equal(term_width(&w.term), 20);
    assert_int_equal(term_height(&w.term), 5);
    term_printf(&w.term, "%sred%s", term_style(&w.term, TERM_RED), term_style(&w.term, TERM_PLAIN));
    restore(&w);
    assert_read(w.out, "\x1b[31mred\x1b[0m");
    done(&w);
}

static void uses_no_colour_if_asked(void **state)
{
    char *const environments[][3] = {
        { (char[]){ "TERM=xterm" }, (char[]){ "NO_COLOR=1" }, NULL },
        { (char[]){ "TERM=dumb" }, NULL },
        { NULL },
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world w;

        start_with_terminal(&w, environments[i]);
        assert_false(w.term.has_colour);
        restore(&w);
        done(&w);
    }
}

static void shows_progress_in_one_line(void **state)
{
    struct world w;

    (void)state;
    start_with_terminal(&w, colourful);
    term_progress(&w.term, "12345678901234567890 too long");
    term_note(&w.term, "note");
    term_progress(&w.term, "half");
    term_write(&w.term, STR("result"));
    restore(&w);
    assert_read(w.out, "\r\x1b[K1234567890123456789\r\x1b[Knote\n\r\x1b[Khalf\r\x1b[Kresult");
    done(&w);
}

static void cleans_data_for_terminals_only(void **state)
{
    struct buf out = { 0 };
    struct term t = { .out_is_terminal = true };

    (void)state;
    term_add_data(&t, &out, STR("\x1b[2J"));
    assert_str(buf_str(&out), "\\x1b[2J");
    buf_clear(&out);
    t.out_is_terminal = false;
    term_add_data(&t, &out, STR("\x1b[2J"));
    assert_str(buf_str(&out), "\x1b[2J");
    buf_done(&out);
}

/* Writes in a child whose stdout leads nowhere; returns how it ended. */
static int status_with_stdout(int fd, struct str text)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        struct term t;

        signal(SIGPIPE, SIG_IGN);
        (void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        (void)dup2(fd, STDOUT_FILENO);
        term_init(&t, colourful);
        term_write(&t, text);
        term_done(&t);
        _exit(0);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void ends_when_nobody_reads(void **state)
{
    int pair[2], status, full;

    (void)state;
    assert_int_equal(pipe(pair), 0);
    close(pair[0]);
    status = status_with_stdout(pair[1], STR("text"));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    close(pair[1]);
    full = open("/dev/full", O_WRONLY);
    status = status_with_stdout(full, STR("text"));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == CTL_NEGATIVE);
    close(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_results_and_notes_to_pipes),
        cmocka_unit_test(waits_for_room_before_each_piece),
        cmocka_unit_test(quiet_leaves_results_and_errors),
        cmocka_unit_test(writes_json_in_lines),
        cmocka_unit_test(knows_a_terminal),
        cmocka_unit_test(uses_no_colour_if_asked),
        cmocka_unit_test(shows_progress_in_one_line),
        cmocka_unit_test(cleans_data_for_terminals_only),
        cmocka_unit_test(ends_when_nobody_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
