/* http_target.h - the target of a request (RFC 9112 3.2), and the authority in it or in Host (RFC
 * 3986 3.2).
 * Thread:  any; pure.
 */
#ifndef EH_PROTO_HTTP_TARGET_H
#define EH_PROTO_HTTP_TARGET_H

#include "proto/http.h"

/* Sets path and query from method and target. EH_EINVAL: the target is neither in origin-form, nor
 * in absolute-form with http or https, a host and no user, nor "*" (or absolute-form without a
 * path) with OPTIONS. */
int http_read_target(struct http_request *rq) EH_MUST_USE;

/* Accepts host [":" port], as in Host; both may be empty. */
bool http_authority_is_valid(struct str s);

#endif
