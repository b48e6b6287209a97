/* format.h - writes a message as text after a pattern such as '%T %t %m'.
 * Thread:  any; pure.
 * Pattern: %i id, %T time of the id (ISO 8601, UTC), %t topic, %m message, %o origin (empty if the
 *          message has none), %% a percent sign; \n, \t, \0 and \\. Everything else is copied.
 */
#ifndef EH_CTL_FORMAT_H
#define EH_CTL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct format_message {
    struct str id; /* <ms>-<seq> */
    struct str topic;
    struct str text;
    struct str origin; /* {NULL, 0}: none */
};

/* Returns NULL, or what is wrong with the pattern and what is right. */
const char *format_check(struct str pattern);

/* Appends the message, after a valid pattern, and a line feed. is_clean: its fields cannot drive a
 * terminal (clean.h); the pattern is the user's own and always copied as it is. */
void format_add(struct buf *out, struct str pattern, const struct format_message *m, bool is_clean);

/* Appends the time of an id (time_words_add_iso), nothing if it is not valid. */
void format_add_time_of(struct buf *out, struct str id);

#endif
