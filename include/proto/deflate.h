/* deflate.h - compresses and decompresses the messages of permessage-deflate (RFC 7692 7.2, RFC
 * 1951).
 * Thread:  any, but each object in one thread at a time; no I/O.
 * Owns:    zlib's memory: 128 KiB and four times its window in a deflater, 40 KiB in an inflater.
 *          No message leaves state behind for the next.
 * Form:    raw blocks, none of them final. The last is an empty stored block whose last four bytes
 *          (00 00 ff ff) are omitted.
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
/* Appends the n_parts texts as one compressed message. False, with nothing appended: it would be
 * longer than `most`, which is at least 1. */
bool deflater_message(struct deflater *d, const struct str *parts, size_t n_parts, size_t most,
                      struct buf *out);

#define DEFLATE_STORED_HEAD 5
#define DEFLATE_STORED_MAX  UINT16_MAX
/* Writes the head of a block that holds the next n bytes uncompressed. After such a block at the
 * start of a message, a deflater's output may follow: it refers to nothing before itself. */
void deflate_stored_head(char out[DEFLATE_STORED_HEAD], size_t n);

struct inflater *inflater_create(void);
void inflater_free(struct inflater *f);
/* Appends the decompressed message to out, which must be empty. EH_EINVAL: `in` does not have that
 * form; EH_ELIMIT: the message is longer than max. It never produces more than max + 1 bytes. After
 * a failure out is undefined. */
int inflater_message(struct inflater *f, struct str in, size_t max, struct buf *out) EH_MUST_USE;

#endif
