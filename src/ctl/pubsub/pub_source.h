/* pub_source.h - the source of the messages of pub: one text, several times, or the lines of stdin.
 * Thread:  its loop's.
 * Borrows: the text; stdin, until pub_source_close.
 * Lives:   inside its user's struct. No callback comes after pub_source_close.
 * Bounds:  reads stdin only while its lines are taken; a line of ARGUMENT_TEXT_MAX bytes.
 */
#ifndef EH_CTL_PUB_SOURCE_H
#define EH_CTL_PUB_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ctl/pubsub/input.h"
#include "ctl/pubsub/lines.h"

struct pub_source {
    struct str text;
    uint64_t repeat;
    uint64_t number;  /* of the message, or of the line, that was taken last */
    uint64_t n_empty; /* lines that were skipped */
    bool has_ended;   /* there are no more messages */
    int err;          /* an errno: stdin can no longer be read */
    struct input input;
    struct lines lines;
    void (*on_ready)(void *arg); /* new lines can be taken, or it has ended */
    void *arg;
};

/* text {NULL, 0}: the lines of stdin. */
void pub_source_init(struct pub_source *s, struct str text, uint64_t repeat,
                     void (*on_ready)(void *arg), void *arg);
void pub_source_done(struct pub_source *s); /* closed before */

int pub_source_open(struct pub_source *s, struct loop *lp) EH_MUST_USE; /* EH_EIO: errno */
void pub_source_close(struct pub_source *s); /* no more messages; may be called at any time */

/* Takes the next message, valid until the next call. Returns 1; 0: there is none now, and on_ready
 * follows unless has_ended; EH_EINVAL: the line `number` cannot be published, and *why says why. */
int pub_source_next(struct pub_source *s, struct str *ret, const char **why) EH_MUST_USE;

#endif
