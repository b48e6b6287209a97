/* reply_reader.h - collects one HTTP answer: head and body.
 * Thread:  any; pure.
 * Owns:    what it has read, until reply_reader_done. The views in `reply` point into it.
 * Bounds:  a head of REPLY_HEAD_MAX, a body of body_max; more is EH_ELIMIT.
 */
#ifndef EH_CTL_REPLY_READER_H
#define EH_CTL_REPLY_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/http_reply.h"

#define REPLY_HEAD_MAX (64 * 1024)

struct reply_reader { /* {0}, then set body_max */
    size_t body_max;
    bool has_head;
    bool is_complete;
    struct http_reply reply; /* with has_head */
    struct buf body;         /* so far */
    struct buf head;         /* also the bytes after it, until it is complete */
    struct http_reply_parser parser;
    struct http_body reading;
};

/* Takes bytes, and stops at the end of the answer. *ret_used is how many it took. EH_EINVAL: not
 * HTTP; EH_ELIMIT: too long. */
int reply_reader_take(struct reply_reader *r, struct str in, size_t *ret_used) EH_MUST_USE;
/* The connection has ended. True: the answer is complete. */
bool reply_reader_end(struct reply_reader *r);
void reply_reader_done(struct reply_reader *r);

/* Adds the text that came instead of HTTP, as one line, clean for a terminal: `it sent "220"`. */
void reply_reader_add_sent(const struct reply_reader *r, struct buf *out);

/* Adds the text of an error answer, clean for a terminal: the `error` of {"error":...}, with the
 * status in front, or the status and its reason. */
void reply_add_error(struct buf *out, const struct http_reply *reply, struct str body);

#endif
