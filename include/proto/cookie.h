/* cookie.h - finds a cookie in a request (RFC 6265 5.4).
 * Thread:  any; pure.
 * Borrows: the value is a view into the request.
 * Bounds:  reads each byte of the request's Cookie fields once; allocates nothing.
 */
#ifndef EH_PROTO_COOKIE_H
#define EH_PROTO_COOKIE_H

#include "base/err.h"
#include "base/str.h"
#include "proto/http.h"

/* Finds the value of the cookie with exactly that name (case counts) in all Cookie fields, without
 * the quotes that may surround it. *ret is {NULL, 0} if there is none. EH_EINVAL: there is more
 * than one. A page of another host of the site may have set one of them, and their order does not
 * tell which (RFC 6265 8.6). */
int cookie_find(const struct http_request *rq, struct str name, struct str *ret) EH_MUST_USE;

#endif
