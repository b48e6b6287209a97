/* start.h - the options that say where history begins: --since, --since-id, --all and
 * --latest.
 * Thread:  any; pure but for the time zone (since.h).
 */
#ifndef EH_CTL_START_H
#define EH_CTL_START_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "hub/msgid.h"

struct start_options {
    const char *since;
    const char *since_id;
    bool all;
    bool latest;
};

/* The point in history to begin at; {0}: none was given. */
struct start {
    bool has_id;
    struct msgid after; /* the message before; with has_id */
    int64_t since;      /* as the parameter of the protocol; 0: none */
    bool latest;        /* only the newest message of each topic */
};

/* Rows of a table of options; `member` of `type` is a struct start_options. */
#define START_OPTIONS(type, member)                                                                \
    { "since",                                                                                     \
      0,                                                                                           \
      OPTION_TEXT,                                                                                 \
      offsetof(type, member.since),                                                                \
      .value = "TIME",                                                                             \
      .about = "begin with messages of the log from this time on: -10m or 10m (that long ago), "   \
               "2026-11-30, 2026-11-30T12:30 (local time), 2026-11-30T12:30:05Z, or seconds or "   \
               "milliseconds since 1970" },                                                        \
    {                                                                                              \
        "since-id", 0, OPTION_TEXT, offsetof(type, member.since_id),                               \
            .value = "ID", .about = "begin with the message after this id"                         \
    }

/* Returns NULL, or what is wrong. */
const char *start_read(const struct start_options *options, struct start *ret) EH_MUST_USE;

#endif
