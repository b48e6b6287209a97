/* origin.h - which web pages may use the server: ALLOWED_ORIGINS and the field Origin (RFC 6454).
 * Thread:  any; pure.
 * List:    "*", or origins (scheme://host[:port]) separated by commas; case does not matter.
 */
#ifndef EH_PROTO_ORIGIN_H
#define EH_PROTO_ORIGIN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/http.h"

bool origin_list_is_valid(struct str list);

/* Only browsers send an Origin, and always with what must be checked: a request without one
 * passes. More than one does not. */
bool origin_is_allowed(struct str list, const struct http_request *rq);

/* Appends the lines that let the page read the answer, if its origin is allowed, each with its
 * CRLF. */
void origin_add_cors(struct str list, const struct http_request *rq, struct buf *out);

#endif
