/* http_chunked.h - decodes the chunked transfer coding of a request body (RFC 9112 7.1) as it
 * arrives.
 * Thread:  any; pure.
 * Strict:  lines end in CRLF only; a size is 1 to 16 hex digits, followed by CR, or by ';' after
 *          optional white space. Extensions and trailer fields are dropped, up to a limit.
 * Sizes:   a chunk's size is known before its bytes arrive (http_chunked_announced), so that the
 *          caller can check it before it allocates memory.
 */
#ifndef EH_PROTO_HTTP_CHUNKED_H
#define EH_PROTO_HTTP_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* {0} at the start of a body. */
struct http_chunked {
    uint64_t left;  /* bytes of the current chunk still to come */
    size_t dropped; /* bytes of extensions and trailers so far */
    uint8_t digits; /* of the size that is being read */
    uint8_t state;
};

/* Takes one step over at least one byte and returns how many it used: framing, followed by body
 * data unless *ret_data is empty; *ret_data is a view into `in`. -400: not chunked coding; -431:
 * more than max_dropped bytes of extensions and trailers. The result does not depend on how the
 * input was split. Must not be called after http_chunked_is_done. */
int http_chunked_decode(struct http_chunked *d, struct str in, size_t max_dropped,
                        struct str *ret_data) EH_MUST_USE;

/* Returns the bytes of the current chunk still to come; 0 until its size is complete. */
uint64_t http_chunked_announced(const struct http_chunked *d);

/* Reports whether the last chunk and the trailers were read; later bytes are not part of the
 * body. */
bool http_chunked_is_done(const struct http_chunked *d);

#endif
