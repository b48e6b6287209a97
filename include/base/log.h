/* log.h - writes one line per event to stderr, as `key=value` pairs or JSON.
 *   2026-11-23T21:42:00.123Z info event=listening address=[::]:8080
 * Thread:  any. A line is one write(2) of at most 4096 bytes (PIPE_BUF), so lines never mix; longer
 *          values are truncated. If stderr cannot take a line without blocking (a full pipe), the
 *          line is dropped and counted. The next line that succeeds is preceded by one that reports
 *          the number dropped.
 * Peers:   every byte of a value that could forge a line (controls, quotes, '=', non-UTF-8) is
 *          escaped. Callers never pass secrets or tokens.
 */
#ifndef EH_BASE_LOG_H
#define EH_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_CRITICAL, LOG_OFF };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
    const char *key; /* NULL ends the list of fields */
    bool is_number;
    int64_t number;
    struct str text;
};

#define LOG_S(k, s) ((struct log_field){ .key = (k), .text = (s) })       /* struct str */
#define LOG_Z(k, z) ((struct log_field){ .key = (k), .text = str_of(z) }) /* C string */
#define LOG_N(k, v) ((struct log_field){ .key = (k), .is_number = true, .number = (int64_t)(v) })

/* log_info("listening", LOG_Z("address", text), LOG_N("workers", n)); a line without fields is
 * log_info("ready", LOG_END). The level is checked before the fields are built. */
#define LOG_END ((struct log_field){ .key = NULL })
#define log_at(level, event, ...)                                                                  \
    do {                                                                                           \
        if (log_enabled(level))                                                                    \
            log_write(level, event, (const struct log_field[]){ __VA_ARGS__, LOG_END });           \
    } while (0)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

void log_setup(enum log_level level, enum log_format format); /* before threads start */
void log_set_level(enum log_level level);                     /* at any time */
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields);
uint64_t log_dropped(void); /* lines that stderr did not take, since the start */

/* Formats one line as log_write does, without writing it (for tests). Returns its length, at most
 * cap. The line always ends in '\n'. */
size_t log_format_line(char *out, size_t cap, enum log_format format, uint64_t wall_ms,
                       enum log_level level, const char *event, const struct log_field *fields);

/* Parses "info", "warn" or "warning", ..., ignoring case. EH_EINVAL: there is no such level. */
int log_level_parse(struct str name, enum log_level *ret) EH_MUST_USE;

#endif
