/* http_chunked.h - the chunked transfer coding of a request's body (RFC 9112 7.1), as it arrives.
 * Thread:  any; pure.
 * Strict:  CRLF line ends only, a size of 1 to 16 hex digits with nothing behind it but CR, or ';'
 *          with white space before it. Extensions and trailer fields are dropped; they have a
 * limit. A chunk's size is reported before its bytes are there: the caller checks it before it
 * takes memory.
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
    uint64_t left;  /* of the present chunk: bytes still to come */
    size_t dropped; /* bytes of extensions and trailers so far */
    uint8_t digits; /* of the size being read */
    uint8_t state;
};

/* One step over at least one byte. Returns how many it used: framing, or (ret_data not empty)
 * framing and then data of the body, which is a view into `in`. -400: not chunked coding; -431:
 * more than max_dropped bytes of extensions and trailers. The result does not depend on how the
 * input was cut. Not to be called any more when http_chunked_is_done. */
int http_chunked_decode(struct http_chunked *d, struct str in, size_t max_dropped,
                        struct str *ret_data) EH_MUST_USE;

/* Bytes that the present chunk still announces: 0 until its size was read whole. */
uint64_t http_chunked_announced(const struct http_chunked *d);

/* The last chunk and the trailers were read; what follows is not of this body. */
bool http_chunked_is_done(const struct http_chunked *d);

#endif
