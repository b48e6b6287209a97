/* http.h - HTTP/1.1 request heads in, response heads out (RFC 9112, RFC 9110).
 * Thread:  any; pure: no I/O, no clock, no allocation but what buf does.
 * Borrows: the request's views point into the input given to http_parse (a path that is not there
 *          is "/" from elsewhere).
 * Strict:  CRLF line ends only, no obs-fold, token method and field names, visible target, exactly
 *          one valid Host for 1.1, no conflicting Content-Length or Transfer-Encoding.
 */
#ifndef EH_PROTO_HTTP_H
#define EH_PROTO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define HTTP_HEADERS_MAX 64       /* fields of one request; more is 431 */
#define HTTP_NO_LENGTH   SIZE_MAX /* a response whose body ends with the connection (SSE) */

struct http_header {
    struct str name;
    struct str value; /* without the white space around it */
};

struct http_request {
    struct str method;
    struct str target; /* as sent */
    struct str path;   /* from the '/' up to '?', not decoded; or "*" with OPTIONS */
    struct str query;  /* after '?', not decoded; empty when there is none */
    int minor;         /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;   /* what version and Connection say */
    bool chunked;
    bool expect_continue;
    uint64_t content_length; /* 0 when there is none */
    size_t n_headers;
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* Where a half-read request stands. {0} at the start of each request. */
struct http_parser {
    size_t line;    /* start of the line being read */
    size_t scanned; /* how far its end was looked for: no byte is searched twice */
    bool has_request_line;
};

/* Parses one request head. `in` begins at the request's first byte and holds all that came so far
 * (it may have moved since the last call); max is MAX_HEADER_SIZE.
 * Returns the bytes of the head (an empty line before it included), 0 for "need more", or a
 * negative status: -400 not HTTP, -414 target too long, -431 head too long, -501 chunked and
 * another transfer coding, -505 not HTTP/1.x. A byte that cannot stand in a line is reported at
 * once, a malformed line when it is complete, and what concerns several fields (Host, framing,
 * their number) at the end of the head. The result does not depend on how the input was cut. *ret
 * is complete only when it is > 0. */
int http_parse(struct http_parser *ps, struct str in, size_t max,
               struct http_request *ret) EH_MUST_USE;

bool http_is_token(struct str s); /* RFC 9110 5.6.2 */

/* The first field of that name (case-insensitive), or {NULL, 0}. */
struct str http_header(const struct http_request *rq, struct str name);
size_t http_header_count(const struct http_request *rq, struct str name);
/* Whether a list field (RFC 9110 5.6.1), over all its lines, holds the token (case-insensitive). */
bool http_header_has_token(const struct http_request *rq, struct str name, struct str token);
/* Whether Accept names the media type (case-insensitive, parameters aside); wildcards do not. */
bool http_accepts(const struct http_request *rq, struct str media_type);

/* The first parameter of that name in a query string; *ret is not decoded. */
bool http_query_param(struct str query, struct str name, struct str *ret);
/* Percent-decodes; '+' becomes a space if plus_is_space. EH_EINVAL: bad escape. Appends to out. */
int http_percent_decode(struct str in, bool plus_is_space, struct buf *out) EH_MUST_USE;

bool http_is_token(struct str s); /* RFC 9110 5.6.2 */

const char *http_reason(int status);

/* Appends a response head with Content-Length, the given Content-Type (NULL: none) and Connection
 * ("Upgrade" with 101); `extra` is complete lines with their CRLF, or empty. 204 and 101 carry no
 * Content-Length. */
struct http_response {
    int status;
    const char *content_type;
    size_t content_length;
    bool keep_alive;
    struct str extra;
};
void http_response_head(struct buf *out, const struct http_response *r);

#endif
