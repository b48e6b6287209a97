/* http.c - reads a head twice, each time in one pass. The first reads line by line as it arrives,
 * to find the end and to refuse errors at once. The second reads the whole head, because the input
 * may move between two calls and the request's views must point into the last input.
 */
#include "proto/http.h"

#include <assert.h>
#include <limits.h>

#include "proto/http_lines.h"
#include "proto/http_target.h"

static int parse_request_line(struct str line, struct http_request *ret)
{
    struct str rest = line;

    if (!str_cut(&rest, ' ', &ret->method) || !str_cut(&rest, ' ', &ret->target))
        return -400;
    EH_TRY(http_parse_version(rest, &ret->minor));
    if (!http_is_token(ret->method) || http_read_target(ret) < 0)
        return -400;
    return EH_OK;
}

/* ---- the head as a whole ---- */

static int check_host(const struct http_request *rq)
{
    size_t n = http_header_count(rq, STR("Host"));

    if (n > 1 || (n == 0 && rq->minor > 0))
        return -400;
    return http_authority_is_valid(http_header(rq, STR("Host"))) ? EH_OK : -400;
}

/* Determines the length of the body (RFC 9112 6.3). It refuses anything that two readers could
 * interpret differently, since that is how requests are smuggled. */
static int read_framing(struct http_request *rq)
{
    size_t n_codings = http_header_count(rq, STR("Transfer-Encoding"));
    size_t n_lengths = http_header_count(rq, STR("Content-Length"));
    struct str length = http_header(rq, STR("Content-Length"));
    struct str codings = http_header(rq, STR("Transfer-Encoding")), last;

    if (n_codings + n_lengths > 1)
        return -400;
    if (n_lengths && str_parse_u64(length, &rq->content_length) < 0)
        return -400;
    if (n_codings == 0)
        return EH_OK;
    if (rq->minor == 0)
        return -400;
    rq->chunked = str_eq_nocase(codings, STR("chunked"));
    if (rq->chunked)
        return EH_OK;
    /* If chunked is not the last coding, the end of the body is unknown (-400). Other codings
     * before it are not supported (-501). */
    while (str_cut(&codings, ',', &last))
        ;
    return str_eq_nocase(str_trim(last), STR("chunked")) ? -501 : -400;
}

/* Reports whether the connection may be kept (RFC 9112 9.3). */
static bool is_persistent(const struct http_request *rq)
{
    if (http_header_has_token(rq, STR("Connection"), STR("close")))
        return false;
    return rq->minor > 0 || http_header_has_token(rq, STR("Connection"), STR("keep-alive"));
}

static int read_head(struct str head, struct http_request *ret)
{
    struct str line = http_cut_line(&head);

    if (line.n == 0)
        line = http_cut_line(&head); /* skips the empty line that http_parse allowed */
    ret->content_length = 0;
    ret->chunked = false;
    EH_TRY(parse_request_line(line, ret));
    EH_TRY(http_parse_fields(head, ret->headers, &ret->n_headers));
    EH_TRY(check_host(ret));
    EH_TRY(read_framing(ret));
    ret->keep_alive = is_persistent(ret);
    ret->expect_continue =
        ret->minor > 0 && http_header_has_token(ret, STR("Expect"), STR("100-continue"));
    return EH_OK;
}

/* ---- as it arrives ---- */

/* Returns the status for a head that reached the limit without ending. */
static int too_long(const struct http_parser *ps, struct str in)
{
    struct str line = str_skip(in, ps->line);

    if (ps->has_start_line)
        return -431;
    return memchr(line.p, ' ', line.n) ? -414 : -400; /* the method has not ended */
}

int http_parse(struct http_parser *ps, struct str in, size_t max, struct http_request *ret)
{
    struct str line;
    int rc;

    assert(max <= INT_MAX);
    if (in.n > max)
        in.n = max;
    /* Fields may hold tabs and bytes above ASCII (RFC 9110 5.5), but the request line may not. So
     * the first bytes of another protocol (such as a TLS hello) are refused at once. */
    while ((rc = http_next_line(ps, in, ps->has_start_line, &line)) > 0) {
        if (!ps->has_start_line) {
            if (line.n == 0 && ps->line == 2)
                continue; /* RFC 9112 2.2: ignore an empty line before the request */
            ps->has_start_line = true;
            EH_TRY(parse_request_line(line, ret));
        } else if (line.n) {
            EH_TRY(http_parse_field(line, &ret->headers[0])); /* only to refuse an error at once */
        } else {
            EH_TRY(read_head(str_make(in.p, ps->line), ret));
            return (int)ps->line;
        }
    }
    return rc == 0 && in.n == max ? too_long(ps, in) : rc;
}

/* ---- looking at a request ---- */

bool http_reads(const struct http_request *rq)
{
    return str_eq(rq->method, STR("GET")) || str_eq(rq->method, STR("HEAD"));
}

struct str http_header(const struct http_request *rq, struct str name)
{
    return http_find(rq->headers, rq->n_headers, name);
}

size_t http_header_count(const struct http_request *rq, struct str name)
{
    return http_count(rq->headers, rq->n_headers, name);
}

bool http_header_has_token(const struct http_request *rq, struct str name, struct str token)
{
    return http_has_token(rq->headers, rq->n_headers, name, token);
}

static bool list_has_media_type(struct str list, struct str type)
{
    struct str element, name;

    while (str_cut(&list, ',', &element)) {
        if (str_cut(&element, ';', &name) && str_eq_nocase(str_trim(name), type))
            return true;
    }
    return false;
}

bool http_accepts(const struct http_request *rq, struct str media_type)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        if (str_eq_nocase(rq->headers[i].name, STR("Accept")) &&
            list_has_media_type(rq->headers[i].value, media_type))
            return true;
    }
    return false;
}
