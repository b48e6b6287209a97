/* lines.h - cuts a byte stream into lines, wherever the reads cut it.
 * Ends:    LF, or CR LF as Windows writes it. A CR elsewhere is part of the line.
 * Thread:  its owner's; pure.
 * Owns:    the bytes that have arrived and were not taken.
 * Bounds:  holds at most one piece of input and a line of `max` bytes with a CR. A longer line is
 *          dropped while it arrives and reported with its number.
 */
#ifndef EH_CTL_LINES_H
#define EH_CTL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct lines {
    struct buf rest;
    size_t max;      /* bytes of a line, without its end */
    size_t searched; /* bytes at the start of rest that hold no line feed */
    uint64_t number; /* of the line that lines_next returned last; the first is 1 */
    bool is_long;    /* the rest of a line that is too long is being dropped */
    bool has_ended;
};

void lines_init(struct lines *l, size_t max);
void lines_done(struct lines *l);

/* Adds n bytes of input. The caller takes all lines (lines_next) before it adds more. */
void lines_add(struct lines *l, const char *p, size_t n);
void lines_end(struct lines *l); /* the last line may lack its end */

/* Takes the next line, without its end; valid until the next call. Returns 1; 0: more input
 * is needed, or there is none; EH_ELIMIT: the line is too long and was dropped. */
int lines_next(struct lines *l, struct str *ret) EH_MUST_USE;

#endif
