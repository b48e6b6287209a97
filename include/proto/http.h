/* http.h - parses HTTP/1.1 request heads and writes response heads (RFC 9112, RFC 9110).
 * Thread:  any; pure: no I/O, no clock, no allocation except in buf.
 * Borrows: the request's views point into the input of http_parse. Only an absent path ("/" or "*")
 *          is a constant.
 * Strict:  lines end in CRLF only; no obs-fold; method and field names are tokens; the target is
 *          visible ASCII; HTTP/1.1 has exactly one valid Host; Content-Length and Transfer-Encoding
 *          do not occur twice or together.
 */
#ifndef EH_PROTO_HTTP_H
#define EH_PROTO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define HTTP_HEADERS_MAX 200      /* fields of one request; more are answered with 431 */
#define HTTP_NO_LENGTH   SIZE_MAX /* a response whose body ends with the connection (SSE) */

struct http_header {
    struct str name;
    struct str value; /* without surrounding white space */
};

struct http_request {
    struct str method;
    struct str target; /* as sent */
    struct str path;   /* from '/' up to '?', not decoded; or "*" with OPTIONS */
    struct str query;  /* after '?', not decoded; empty if absent */
    int minor;         /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;   /* by version and Connection */
    bool chunked;
    bool expect_continue;
    uint64_t content_length; /* 0 if absent */
    size_t n_headers;
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* The state of a request that is partly read. {0} at the start of each request. */
struct http_parser {
    size_t line;    /* start of the current line */
    size_t scanned; /* the search for its end continues here, so no byte is searched twice */
    bool has_start_line;
};

/* Parses one request head. `in` begins at the request's first byte and holds everything received so
 * far (it may have moved since the last call); max is MAX_HEADER_SIZE.
 * Returns the length of the head (including an empty line before it), 0 for "need more", or a
 * negative status: -400 not HTTP, -414 target too long, -431 head too long or too many fields, -501
 * chunked and another transfer coding, -505 not HTTP/1.x. It reports an invalid byte at once, a
 * malformed line when the line is complete, and errors that concern several fields (Host, framing,
 * their number) at the end of the head. The result does not depend on how the input was split. *ret
 * is complete only if the result is > 0. */
int http_parse(struct http_parser *ps, struct str in, size_t max,
               struct http_request *ret) EH_MUST_USE;

bool http_is_token(struct str s); /* RFC 9110 5.6.2 */

bool http_reads(const struct http_request *rq); /* GET or HEAD */

/* Returns the value of the first field with that name (case-insensitive), or {NULL, 0}. */
struct str http_header(const struct http_request *rq, struct str name);
size_t http_header_count(const struct http_request *rq, struct str name);
/* Reports whether a list field (RFC 9110 5.6.1), in any of its lines, has the token
 * (case-insensitive). */
bool http_header_has_token(const struct http_request *rq, struct str name, struct str token);
/* Reports whether Accept names the media type (case-insensitive; parameters are ignored). Wildcards
 * do not count. */
bool http_accepts(const struct http_request *rq, struct str media_type);

/* Cuts the first parameter off a query string. Its name, which may be empty, and its value are not
 * decoded. False: there is none. */
bool http_query_cut(struct str *query, struct str *ret_name, struct str *ret_value);
/* Finds the first parameter with that name in a query string; *ret is not decoded. */
bool http_query_param(struct str query, struct str name, struct str *ret);
/* Percent-decodes `in` and appends the result to out; '+' becomes a space if plus_is_space.
 * EH_EINVAL: an escape is malformed. */
int http_percent_decode(struct str in, bool plus_is_space, struct buf *out) EH_MUST_USE;

const char *http_reason(int status);

struct http_response {
    int status;
    const char *content_type; /* NULL: none */
    size_t content_length;    /* or HTTP_NO_LENGTH; not sent with 1xx, 204, 304 */
    bool keep_alive;          /* Connection: keep-alive or close; with 101, Upgrade */
    uint64_t keep_alive_s;    /* for keep-alive: when an idle connection ends; 0: not stated */
    struct str extra;         /* complete lines with their CRLF, or empty */
};
/* Appends the head of a response. */
void http_response_head(struct buf *out, const struct http_response *r);

#endif
