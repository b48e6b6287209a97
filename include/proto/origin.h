/* origin.h - decides by the field Origin (RFC 6454) which web pages may use the server.
 * Thread:  any; pure.
 * List:    ALLOWED_ORIGINS: "*", or origins separated by commas, in any case. An origin is
 *          scheme://host[:port], where the host may begin with "*." for all names below it, or
 *          "null", or "file://".
 */
#ifndef EH_PROTO_ORIGIN_H
#define EH_PROTO_ORIGIN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/http.h"

bool origin_list_is_valid(struct str list);

/* Reports whether the request's origin is in the list. A request without Origin is allowed:
 * browsers send it with every request that must be checked, and other clients need no check. A
 * request with more than one Origin is not allowed. */
bool origin_is_allowed(struct str list, const struct http_request *rq);

/* Reports whether the list allows pages of sites that nobody named: it has "*", or "null", the
 * origin of sandboxed frames, which any site can make. */
bool origin_list_is_open(struct str list);

/* Reports whether the request's cookies may count. A browser sends them with the requests of every
 * page, so its only Origin must be one that an entry other than "*" covers. A GET or HEAD may be
 * without Origin, as browsers send it for a page of the same origin, unless Sec-Fetch-Site says
 * that a page of another origin made it. */
bool origin_may_use_cookies(struct str list, const struct http_request *rq);

/* Reports whether the request comes from a page of the server itself: its only Origin is http or
 * https at `host`, in any case and with or without the default port, and its scheme is `scheme` if
 * that is not empty. Browsers send Origin with every WebSocket handshake, so a handshake without it
 * is not from a page. */
bool origin_is_own(const struct http_request *rq, struct str scheme, struct str host);

/* Appends header lines, each with its CRLF, that let the page read the answer if its origin is
 * allowed, and send credentials if the list names it. */
void origin_add_cors(struct str list, const struct http_request *rq, struct buf *out);
/* Appends the other lines of the answer to a preflight. They allow every request header that the
 * browser asks for: the server ignores those that it does not know. */
void origin_add_preflight(const struct http_request *rq, struct buf *out);

#endif
