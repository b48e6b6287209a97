/* term.h - output to stdout and stderr: colour, the progress line, texts that cannot drive a
 * terminal.
 * --quiet: term_note, term_warn and the progress line print nothing; results and errors stay.
 * --json:  each result is one JSON value on a line of stdout, which term_result_json writes; notes,
 *          warnings and errors stay plain lines on stderr.
 * Colour:  only on a terminal, and never with NO_COLOR or TERM=dumb.
 * Clean:   texts from outside may hold escape sequences. The lines that term_* formats
 *          (notes, errors) are cleaned as a whole. A command cleans the data that it writes to
 *          stdout with term_add_data or clean_add (clean.h).
 * Thread:  main.
 * Owns:    the buffered output. The two descriptors are the process's.
 * Fails:   a closed pipe ends the process by SIGPIPE, quietly; another error of stdout, such as a
 *          full disk, ends it with one line and CTL_NEGATIVE.
 */
#ifndef EH_CTL_TERM_H
#define EH_CTL_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct json_t;

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_RED, TERM_GREEN, TERM_YELLOW, TERM_CYAN };

struct term {
    bool out_is_terminal;
    bool err_is_terminal;
    bool has_escapes; /* stdout is a terminal that understands escape sequences */
    bool has_colour;  /* of stdout */
    bool quiet;
    bool json;
    bool has_progress; /* a progress line is shown */
    struct buf out;    /* not written yet */
    /* Set by runtime.c, with the argument of both. on_output: something waits to be written, which
     * is flushed at the end of the turn. on_wait: stdout, no terminal, is about to be written;
     * returns when it has room for PIPE_BUF bytes. */
    void (*on_output)(void *arg);
    void (*on_wait)(void *arg);
    void *arg;
};

void term_init(struct term *t, char *const *environment);
void term_done(struct term *t); /* flushes */

/* ---- stdout ---- */

void term_write(struct term *t, struct str text); /* as it is; buffered up to 64 KiB */
void term_printf(struct term *t, const char *format, ...) EH_PRINTF(2, 3); /* as it is */
void term_flush(struct term *t);
/* Compact, and a line break; in a terminal, with clean_add_json. */
void term_result_json(struct term *t, const struct json_t *value);
void term_end_by_closed_pipe(void);       /* ends the process */
size_t term_width(const struct term *t);  /* columns of stdout; 80 if it is not a terminal */
size_t term_height(const struct term *t); /* rows; 0 if it is not a terminal */
/* The escape sequence that switches to the style; "" without colour. TERM_PLAIN ends any. */
const char *term_style(const struct term *t, enum term_style style);

/* ---- stderr: one line each, without a line break at the end ---- */

void term_note(struct term *t, const char *format, ...) EH_PRINTF(2, 3);  /* not with --quiet */
void term_warn(struct term *t, const char *format, ...) EH_PRINTF(2, 3);  /* not with --quiet */
void term_error(struct term *t, const char *format, ...) EH_PRINTF(2, 3); /* "eventhubctl: ..." */
/* Shows the line in place of the last progress line, cut to the width; nothing unless stderr is a
 * terminal. Other output removes it first. */
void term_progress(struct term *t, const char *format, ...) EH_PRINTF(2, 3);
void term_progress_end(struct term *t); /* removes it */

/* ---- a question on stderr, which a person answers with y or n ---- */

bool term_can_ask(const struct term *t); /* stdin and stderr are terminals */
/* Asks, and waits for a line. Anything but y or yes is no. */
bool term_ask(struct term *t, const char *format, ...) EH_PRINTF(2, 3);

/* ---- data from outside; see also clean.h ---- */

/* Appends data for stdout: clean for a terminal, unchanged for a file or a pipe. */
void term_add_data(const struct term *t, struct buf *out, struct str text);

#endif
