#include "ctl/term/term.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/environment.h"
#include "ctl/term/clean.h"
#include "ctl/term/exit_status.h"
#include "proto/json.h"

#define OUT_MAX (64 * 1024) /* bytes that wait at most before they are written */

void term_init(struct term *t, char *const *environment)
{
    const char *kind = environment_find(environment, "TERM");

    *t = (struct term){ .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                        .err_is_terminal = isatty(STDERR_FILENO) == 1 };
    t->has_escapes = t->out_is_terminal && kind && strcmp(kind, "dumb") != 0;
    t->has_colour = t->has_escapes && !environment_find(environment, "NO_COLOR");
}

void term_done(struct term *t)
{
    term_progress_end(t);
    term_flush(t);
    buf_done(&t->out);
}

/* ---- stdout ---- */

/* The status is that of SIGPIPE, so that the shell knows why, also if the parent ignores it. */
void term_end_by_closed_pipe(void)
{
    signal(SIGPIPE, SIG_DFL);
    (void)kill(getpid(), SIGPIPE);
    _exit(128 + SIGPIPE); /* it is blocked */
}

/* Writes all of the text, also to a descriptor that another process has made non-blocking. */
static bool write_all(int fd, struct str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);

        if (n >= 0)
            text = str_skip(text, (size_t)n);
        else if (errno == EAGAIN)
            (void)poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* Writes in pieces for which there is room, so that write never waits: signals would wait, too. */
static bool write_out(struct term *t, struct str text)
{
    while (text.n && t->on_wait && !t->out_is_terminal) {
        struct str piece = str_make(text.p, text.n < PIPE_BUF ? text.n : PIPE_BUF);

        t->on_wait(t->arg);
        if (!write_all(STDOUT_FILENO, piece))
            return false;
        text = str_skip(text, piece.n);
    }
    return write_all(STDOUT_FILENO, text);
}

void term_flush(struct term *t)
{
    if (buf_used(&t->out) == 0)
        return;
    if (t->out_is_terminal)
        term_progress_end(t);
    if (!write_out(t, buf_str(&t->out))) {
        if (errno == EPIPE)
            term_end_by_closed_pipe();
        fprintf(stderr, "eventhubctl: cannot write to stdout: %s\n", strerror(errno));
        _exit(CTL_NEGATIVE);
    }
    buf_clear(&t->out);
}

void term_write(struct term *t, struct str text)
{
    buf_add_str(&t->out, text);
    if (buf_used(&t->out) >= OUT_MAX)
        term_flush(t);
    else if (t->on_output)
        t->on_output(t->arg);
}

void term_printf(struct term *t, const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;

    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    term_write(t, buf_str(&text));
    buf_done(&text);
}

void term_result_json(struct term *t, const struct json_t *value)
{
    struct buf line = { 0 }, clean = { 0 };

    json_add_value(&line, value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    buf_add_char(&line, '\n');
    if (t->out_is_terminal)
        clean_add_json(&clean, buf_str(&line));
    term_write(t, t->out_is_terminal ? buf_str(&clean) : buf_str(&line));
    buf_done(&line);
    buf_done(&clean);
}

static struct winsize size_of(const struct term *t)
{
    struct winsize size = { 0 };

    if (t->out_is_terminal)
        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return size;
}

size_t term_width(const struct term *t)
{
    unsigned short columns = size_of(t).ws_col;

    return columns ? columns : 80;
}

size_t term_height(const struct term *t)
{
    return size_of(t).ws_row;
}

const char *term_style(const struct term *t, enum term_style style)
{
    static const char *const codes[] = {
        [TERM_PLAIN] = "\x1b[0m", [TERM_BOLD] = "\x1b[1m",   [TERM_DIM] = "\x1b[2m",
        [TERM_RED] = "\x1b[31m",  [TERM_GREEN] = "\x1b[32m", [TERM_YELLOW] = "\x1b[33m",
        [TERM_CYAN] = "\x1b[36m",
    };

    return t->has_colour ? codes[style] : "";
}

/* ---- stderr ---- */

/* Writes one line, clean. Flushes stdout first, so that a terminal shows both in order. Failures
 * are ignored: there is nobody to report them to. */
static void say(struct term *t, const char *prefix, const char *format, va_list args)
{
    struct buf line = { 0 }, text = { 0 };

    buf_addv(&text, format, args);
    buf_add_str(&line, str_of(prefix));
    clean_add(&line, buf_str(&text), true);
    buf_add_char(&line, '\n');
    term_flush(t);
    term_progress_end(t);
    (void)write_all(STDERR_FILENO, buf_str(&line));
    buf_done(&text);
    buf_done(&line);
}

void term_note(struct term *t, const char *format, ...)
{
    va_list args;

    if (t->quiet)
        return;
    va_start(args, format);
    say(t, "", format, args);
    va_end(args);
}

void term_warn(struct term *t, const char *format, ...)
{
    va_list args;

    if (t->quiet)
        return;
    va_start(args, format);
    say(t, "eventhubctl: warning: ", format, args);
    va_end(args);
}

void term_error(struct term *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(t, "eventhubctl: ", format, args);
    va_end(args);
}

void term_progress(struct term *t, const char *format, ...)
{
    struct buf line = { 0 }, text = { 0 };
    struct winsize size = { 0 };
    va_list args;

    if (t->quiet || !t->err_is_terminal)
        return;
    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    clean_add(&line, buf_str(&text), true);
    buf_done(&text);
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    line.end = line.start + clean_cut(buf_str(&line), size.ws_col ? (size_t)size.ws_col - 1 : 79);
    term_flush(t);
    (void)write_all(STDERR_FILENO, STR("\r\x1b[K"));
    (void)write_all(STDERR_FILENO, buf_str(&line));
    t->has_progress = true;
    buf_done(&line);
}

void term_progress_end(struct term *t)
{
    if (t->has_progress)
        (void)write_all(STDERR_FILENO, STR("\r\x1b[K"));
    t->has_progress = false;
}

/* ---- questions ---- */

bool term_can_ask(const struct term *t)
{
    return t->err_is_terminal && isatty(STDIN_FILENO) == 1;
}

bool term_ask(struct term *t, const char *format, ...)
{
    struct buf line = { 0 }, text = { 0 };
    char answer[16];
    struct str word;
    va_list args;

    va_start(args, format);
    buf_addv(&text, format, args);
    va_end(args);
    clean_add(&line, buf_str(&text), true);
    buf_add_str(&line, STR(" [y/N] "));
    term_flush(t);
    (void)write_all(STDERR_FILENO, buf_str(&line));
    buf_done(&text);
    buf_done(&line);
    if (!fgets(answer, sizeof(answer), stdin))
        return false;
    word = str_trim(str_make(answer, strcspn(answer, "\r\n")));
    return str_eq_nocase(word, STR("y")) || str_eq_nocase(word, STR("yes"));
}

/* ---- data ---- */

void term_add_data(const struct term *t, struct buf *out, struct str text)
{
    if (t->out_is_terminal)
        clean_add(out, text, false);
    else
        buf_add_str(out, text);
}
