/* arguments.h - checks arguments that several commands take, before anything is sent.
 * Thread:  main.
 * Fails:   with CTL_USAGE, after it has said why (term_error).
 */
#ifndef EH_CTL_ARGUMENTS_H
#define EH_CTL_ARGUMENTS_H

#include "base/buf.h"
#include "base/err.h"

#define ARGUMENT_TEXT_MAX (64 * 1024 * 1024) /* bytes: the most that MAX_MESSAGE_SIZE can be */

struct term;

int argument_topic(struct term *t, const char *text) EH_MUST_USE;
int argument_filter(struct term *t, const char *text) EH_MUST_USE; /* a topic or a pattern */
int argument_key(struct term *t, const char *text) EH_MUST_USE;    /* of the key/value store */

/* Appends the whole file, or stdin for "-": UTF-8 of at most ARGUMENT_TEXT_MAX bytes. */
int argument_file(struct term *t, const char *path, struct buf *ret) EH_MUST_USE;

#endif
