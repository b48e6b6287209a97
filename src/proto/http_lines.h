/* http_lines.h - the lines of a message head, as requests and responses share them: finds line ends
 * as bytes arrive, parses versions and fields, and looks fields up (RFC 9112 2.2, 2.3 and 5).
 * Thread:  any; pure.
 * Fails:   with the status that a server would answer: -400, or -505 for a version.
 */
#ifndef EH_PROTO_HTTP_LINES_H
#define EH_PROTO_HTTP_LINES_H

#include "proto/http.h"

/* Finds the next line of `in`, without its CRLF. Bytes other than visible ASCII and spaces are
 * refused at once; `is_text` also allows tabs and bytes above ASCII. Returns 1, 0 for "need more",
 * or -400. */
int http_next_line(struct http_parser *ps, struct str in, bool is_text,
                   struct str *ret) EH_MUST_USE;

/* Cuts the first line off a head that http_next_line has checked, so that every CR is a line
 * end. */
struct str http_cut_line(struct str *head);

/* Parses "HTTP/" DIGIT "." DIGIT. A later 1.x counts as the highest that we know (RFC 9110 2.5). */
int http_parse_version(struct str s, int *ret_minor) EH_MUST_USE;

/* Parses a field. The name must be a token, which excludes white space before the colon, and
 * obs-fold. */
int http_parse_field(struct str line, struct http_header *ret) EH_MUST_USE;

/* Parses the fields of a checked head up to the empty line that ends it. -431: there are more than
 * HTTP_HEADERS_MAX. */
int http_parse_fields(struct str head, struct http_header fields[HTTP_HEADERS_MAX],
                      size_t *ret_n) EH_MUST_USE;

/* The same as http_header, http_header_count and http_header_has_token, for n fields. */
struct str http_find(const struct http_header *fields, size_t n, struct str name);
size_t http_count(const struct http_header *fields, size_t n, struct str name);
bool http_has_token(const struct http_header *fields, size_t n, struct str name, struct str token);

#endif
