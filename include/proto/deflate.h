/* deflate.h - the messages of permessage-deflate: bytes in, bytes out (RFC 7692 7.2, RFC 1951).
 * Thread:  any, each object one at a time; no I/O.
 * Owns:    zlib's memory: a deflater 128 KiB and four times its window, an inflater 40 KiB. Between
 *          two messages nothing of the first is left.
 * Form:    raw blocks, none of them final, ended by an empty stored block whose last four bytes
 *          (00 00 ff ff) are left out.
 */
#ifndef EH_PROTO_DEFLATE_H
#define EH_PROTO_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct deflater;
struct inflater;

struct deflater *deflater_create(unsigned window_bits); /* 9 to 15 */
void deflater_free(struct deflater *d);
/* Appends the n_parts texts as one message. False, with nothing appended: it would be longer than
 * `most`, at least 1. */
bool deflater_message(struct deflater *d, const struct str *parts, size_t n_parts, size_t most,
                      struct buf *out);

#define DEFLATE_STORED_HEAD 5
#define DEFLATE_STORED_MAX  UINT16_MAX
/* The head of a block that holds the next n bytes as they are. Where it stands first in a message,
 * a deflater's output may follow behind them: it refers to nothing before itself. */
void deflate_stored_head(char out[DEFLATE_STORED_HEAD], size_t n);

struct inflater *inflater_create(void);
void inflater_free(struct inflater *f);
/* Appends the message to out, which is empty. EH_EINVAL: not a message of that form; EH_ELIMIT: it
 * is longer than max. No more than max + 1 bytes are made in any case; out is then undefined. */
int inflater_message(struct inflater *f, struct str in, size_t max, struct buf *out) EH_MUST_USE;

#endif
