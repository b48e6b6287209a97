#include "base/log.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"

#define LINE_MAX_BYTES  4096 /* PIPE_BUF: a write up to this size is atomic on a pipe */
#define VALUE_MAX_BYTES 1024 /* one long value leaves room for the other fields */
#define TAIL_BYTES      2    /* "}\n" */
#define ESCAPE_BYTES    6    /* the longest spelling of one character */

/* The first six are the names used in output. */
static const struct {
    const char *name;
    enum log_level level;
} level_names[] = {
    { "trace", LOG_TRACE },  { "debug", LOG_DEBUG }, { "info", LOG_INFO },
    { "warn", LOG_WARN },    { "error", LOG_ERROR }, { "critical", LOG_CRITICAL },
    { "warning", LOG_WARN }, { "off", LOG_OFF },
};

static _Atomic(enum log_level) current_level = LOG_INFO;
static enum log_format current_format = LOG_TEXT;

/* Guards the counts, and stderr: no other thread may fill the room that poll has found. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t dropped;
static uint64_t dropped_told; /* how many of them a line has reported */

/* A line under construction. A piece that does not fit whole is left out, and so are all later
 * ones. */
struct line {
    char *p;
    size_t n;
    size_t cap;
    bool cut;
};

static void put(struct line *l, const char *p, size_t n)
{
    if (l->cut || n > l->cap - l->n) {
        l->cut = true;
        return;
    }
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void put_z(struct line *l, const char *z)
{
    put(l, z, strlen(z));
}

/* Returns the length of the UTF-8 character (RFC 3629) of two bytes or more at the start of s; 0 if
 * there is none, or it ends a line or moves a terminal's cursor (C1 controls, U+2028, U+2029). */
static size_t wide_char(struct str s)
{
    unsigned char a = (unsigned char)s.p[0];
    unsigned char b = s.n > 1 ? (unsigned char)s.p[1] : 0;
    size_t n = a >= 0xF0 ? 4 : a >= 0xE0 ? 3 : 2;

    if (a < 0xC2 || a > 0xF4)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (i == s.n || ((unsigned char)s.p[i] & 0xC0) != 0x80)
            return 0;
    }
    if (a == 0xC2 && b < 0xA0) /* C1 */
        return 0;
    if ((a == 0xE0 && b < 0xA0) || (a == 0xF0 && b < 0x90)) /* overlong */
        return 0;
    if ((a == 0xED && b > 0x9F) || (a == 0xF4 && b > 0x8F)) /* surrogates, past U+10FFFF */
        return 0;
    if (a == 0xE2 && b == 0x80 && ((unsigned char)s.p[2] & 0xFE) == 0xA8) /* U+2028, U+2029 */
        return 0;
    return n;
}

static bool is_plain(char c, enum log_format format)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\' && (c != '=' || format == LOG_JSON);
}

/* Takes the next character off s and escapes it if it could end the value. Returns the length of
 * the result. */
static size_t escape(struct str *s, enum log_format format, char out[static ESCAPE_BYTES + 1])
{
    unsigned char c = (unsigned char)s->p[0];
    size_t n = is_plain(s->p[0], format) ? 1 : wide_char(*s);

    if (n) {
        memcpy(out, s->p, n);
        *s = str_skip(*s, n);
        return n;
    }
    *s = str_skip(*s, 1);
    if (format == LOG_TEXT)
        return (size_t)snprintf(out, ESCAPE_BYTES + 1, "\\x%02x", c);
    return (size_t)snprintf(out, ESCAPE_BYTES + 1, "\\u%04x", c < 0x80 ? c : 0xFFFD);
}

static void put_escaped(struct line *l, enum log_format format, struct str s)
{
    char unit[ESCAPE_BYTES + 1];
    size_t used = 0;

    while (s.n) {
        size_t n = escape(&s, format, unit);

        used += n;
        if (used > VALUE_MAX_BYTES) {
            put_z(l, "...");
            return;
        }
        put(l, unit, n);
    }
}

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_plain(s.p[i], LOG_TEXT) || s.p[i] == ' ' || s.p[i] == '\'')
            return true;
    }
    return s.n == 0;
}

/* Adds a field, or nothing if it does not fit whole. */
static void put_field(struct line *l, enum log_format format, const struct log_field *f)
{
    size_t before = l->n;
    char digits[24];

    put_z(l, format == LOG_JSON ? ",\"" : " ");
    put_z(l, f->key);
    put_z(l, format == LOG_JSON ? "\":" : "=");
    if (f->is_number) {
        (void)snprintf(digits, sizeof(digits), "%" PRId64, f->number);
        put_z(l, digits);
    } else {
        const char *quote = format == LOG_JSON || needs_quotes(f->text) ? "\"" : "";

        put_z(l, quote);
        put_escaped(l, format, f->text);
        put_z(l, quote);
    }
    if (l->cut)
        l->n = before;
    l->cut = false;
}

static void put_time(struct line *l, uint64_t wall_ms)
{
    time_t s = (time_t)(wall_ms / 1000);
    char text[40];
    struct tm tm;
    size_t n;

    (void)gmtime_r(&s, &tm);
    n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(wall_ms % 1000));
    put_z(l, text);
}

size_t log_format_line(char *out, size_t cap, enum log_format format, uint64_t wall_ms,
                       enum log_level level, const char *event, const struct log_field *fields)
{
    struct line l = { .p = out, .cap = cap - TAIL_BYTES };
    bool json = format == LOG_JSON;

    put_z(&l, json ? "{\"time\":\"" : "");
    put_time(&l, wall_ms);
    put_z(&l, json ? "\",\"level\":\"" : " ");
    put_z(&l, level_names[level].name);
    put_z(&l, json ? "\"" : "");
    put_field(&l, format, &LOG_Z("event", event));
    for (; fields->key; fields++)
        put_field(&l, format, fields);
    if (json)
        l.p[l.n++] = '}';
    l.p[l.n++] = '\n';
    return l.n;
}

void log_setup(enum log_level level, enum log_format format)
{
    log_set_level(level);
    current_format = format;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

/* Reports whether stderr takes a line without waiting: for a pipe or socket, POLLOUT means that. */
static bool stderr_has_room(void)
{
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

    return poll(&p, 1, 0) == 1 && p.revents == POLLOUT; /* not POLLERR: no SIGPIPE */
}

/* Reports the dropped lines in a line of its own, which a long line cannot crowd out. */
static bool write_dropped_locked(void)
{
    const struct log_field fields[] = { LOG_N("lines", dropped - dropped_told), LOG_END };
    char line[LINE_MAX_BYTES];
    size_t n;

    if (dropped == dropped_told)
        return true;
    n = log_format_line(line, sizeof(line), current_format, clock_wall_ms(), LOG_WARN,
                        "log_lines_dropped", fields);
    if (write(STDERR_FILENO, line, n) != (ssize_t)n)
        return false;
    dropped_told = dropped;
    return stderr_has_room();
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    char line[LINE_MAX_BYTES];
    size_t n =
        log_format_line(line, sizeof(line), current_format, clock_wall_ms(), level, event, fields);

    pthread_mutex_lock(&lock);
    if (!stderr_has_room() || !write_dropped_locked() ||
        write(STDERR_FILENO, line, n) != (ssize_t)n)
        dropped++;
    pthread_mutex_unlock(&lock);
}

uint64_t log_dropped(void)
{
    uint64_t n;

    pthread_mutex_lock(&lock);
    n = dropped;
    pthread_mutex_unlock(&lock);
    return n;
}

int log_level_parse(struct str name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq_nocase(name, str_of(level_names[i].name))) {
            *ret = level_names[i].level;
            return EH_OK;
        }
    }
    return EH_EINVAL;
}
