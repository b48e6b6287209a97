/* origin.h - decides by the field Origin (RFC 6454) which web pages may use the server.
 * Thread:  any; pure.
 * List:    ALLOWED_ORIGINS: "*", or origins (scheme://host[:port]) separated by commas, in any
 *          case.
 */
#ifndef EH_PROTO_ORIGIN_H
#define EH_PROTO_ORIGIN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/http.h"

bool origin_list_is_valid(struct str list);

/* A request without Origin is allowed: browsers send it with every request that must be checked,
 * and other clients need no check. A request with more than one Origin is not allowed. */
bool origin_is_allowed(struct str list, const struct http_request *rq);

/* Appends header lines, each with its CRLF, that let the page read the answer if its origin is
 * allowed. */
void origin_add_cors(struct str list, const struct http_request *rq, struct buf *out);

#endif
