/* print.h - prints messages as sub and log do: after a pattern, or as JSON.
 * JSON:    one object on each line: {"id","time","topic","origin"?,"message"}.
 * Thread:  main.
 */
#ifndef EH_CTL_PRINT_H
#define EH_CTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct invocation;

struct print_options {
    const char *format;
    bool raw;
};

/* Rows of a table of options; `member` of `type` is a struct print_options. */
#define PRINT_OPTIONS(type, member, pattern)                                                       \
    { "format",                                                                                    \
      'F',                                                                                         \
      OPTION_TEXT,                                                                                 \
      offsetof(type, member.format),                                                               \
      .value = "PATTERN",                                                                          \
      .initial = (pattern),                                                                        \
      .about = "how a message is printed: %i id, %T time, %t topic, %m message, %o origin, %%, "   \
               "\\n, \\t, \\0, \\\\; or json, which is the same as --json" },                      \
    {                                                                                              \
        "raw", 0, OPTION_FLAG, offsetof(type, member.raw),                                         \
            .about = "print control characters to a terminal as they are"                          \
    }

/* Checks the options. CTL_USAGE: it has said why. */
int print_check(const struct invocation *in, const struct print_options *options) EH_MUST_USE;
/* Prints a message, {"id","message","topic","origin"?}. */
void print_message(const struct invocation *in, const struct print_options *options,
                   const json_t *message);
bool print_is_json(const struct invocation *in, const struct print_options *options);

#endif
