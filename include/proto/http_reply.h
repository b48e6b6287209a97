/* http_reply.h - reads the responses of a server, on the client's side: the head, then the body as
 * it arrives (RFC 9112).
 * Thread:  any; pure: no I/O, no clock, no allocation.
 * Borrows: all views point into the input.
 * Strict:  like http.h; Content-Length and Transfer-Encoding do not occur twice or together, and
 *          chunked is the only transfer coding. An answer that two readers could cut differently is
 *          refused.
 * Fails:   EH_EINVAL: this is not HTTP/1.x; EH_ELIMIT: the head or the body is too large.
 * Bounds:  the caller passes the limits of the head and the body. A body that announces its length
 *          is refused before its bytes arrive.
 */
#ifndef EH_PROTO_HTTP_REPLY_H
#define EH_PROTO_HTTP_REPLY_H

#include "proto/http.h"
#include "proto/http_chunked.h"

/* The rule that determines the end of a body (RFC 9112 6.3). */
enum http_framing {
    HTTP_BODY_NONE, /* 1xx, 204 and 304 */
    HTTP_BODY_SIZED,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_TO_END, /* it ends with the connection */
};

struct http_reply {
    int status; /* 101, or 200 to 599 */
    struct str reason;
    int minor; /* HTTP/1.minor: 0 or 1 */
    enum http_framing framing;
    uint64_t content_length; /* HTTP_BODY_SIZED; else 0 */
    size_t n_headers;
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* The state of a head that is partly read. {0} before each response. */
struct http_reply_parser {
    struct http_parser lines;
    size_t start; /* interim responses end here (RFC 9110 15.2) */
};

/* Parses the head of one response. `in` begins at its first byte and holds everything received so
 * far (it may have moved since the last call). Interim responses before it, such as 100 and 103,
 * are skipped and count towards max. Returns the length of all these heads, 0 for "need more", or
 * fails. The result does not depend on how the input was split. *ret is complete only if the result
 * is > 0. */
int http_reply_parse(struct http_reply_parser *ps, struct str in, size_t max,
                     struct http_reply *ret) EH_MUST_USE;

/* Returns the value of the first field with that name (case-insensitive), or {NULL, 0}. */
struct str http_reply_header(const struct http_reply *r, struct str name);
size_t http_reply_header_count(const struct http_reply *r, struct str name);
/* Reports whether a list field, in any of its lines, has the token (case-insensitive). */
bool http_reply_has_token(const struct http_reply *r, struct str name, struct str token);

/* The state of a body that is partly read. */
struct http_body {
    enum http_framing framing;
    uint64_t left; /* HTTP_BODY_SIZED: bytes still to come; else bytes that may still come */
    struct http_chunked chunked;
};

/* Starts to read the body of a response. EH_ELIMIT: it announces more than max bytes. */
int http_body_begin(struct http_body *b, const struct http_reply *r, uint64_t max) EH_MUST_USE;

/* Takes one step over at least one byte, and returns how many it used (> 0). *ret_data is the part
 * of the body among them, which may be empty. Must not be called once the body is done. The data
 * does not depend on how the input was split. */
int http_body_take(struct http_body *b, struct str in, struct str *ret_data) EH_MUST_USE;

/* Reports whether the body is complete. A body that ends with the connection never is: call
 * http_body_may_end when the connection has ended. */
bool http_body_is_done(const struct http_body *b);

/* Reports whether the body is complete if the connection ends now. */
bool http_body_may_end(const struct http_body *b);

#endif
