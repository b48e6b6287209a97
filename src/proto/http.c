/* http.c - reads a head twice, each time in one pass. The first reads line by line as it arrives,
 * to find the end and to refuse errors at once. The second reads the whole head, because the input
 * may move between two calls and the request's views must point into the last input.
 */
#include "proto/http.h"

#include <assert.h>
#include <limits.h>

#include "proto/http_target.h"

/* RFC 9110 5.6.2 */
static const bool token_chars[256] = {
    ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,
    ['-'] = true,         ['.'] = true,          ['0' ... '9'] = true, ['A' ... 'Z'] = true,
    ['^' ... 'z'] = true, ['|'] = true,          ['~'] = true,
};

bool http_is_token(struct str s)
{
    return s.n > 0 && str_consists_of(s, token_chars);
}

/* ---- lines ---- */

/* Reports whether the byte is allowed in the current line. Fields may hold tabs and bytes above
 * ASCII (RFC 9110 5.5), but the request line may not. So the first bytes of another protocol (such
 * as a TLS hello) are refused without waiting for a line end. */
static bool may_stand_in_line(const struct http_parser *ps, char c)
{
    if (c >= ' ' && c <= '~')
        return true;
    return ps->has_request_line && (c == '\t' || (c & 0x80));
}

/* Finds the next line, without its CRLF. Returns 1, 0 for "need more", or -400. */
static int next_line(struct http_parser *ps, struct str in, struct str *ret)
{
    size_t end = ps->scanned;

    while (end < in.n && may_stand_in_line(ps, in.p[end]))
        end++;
    ps->scanned = end;
    if (end == in.n)
        return 0;
    if (in.p[end] != '\r')
        return -400;
    if (end + 1 == in.n)
        return 0;
    if (in.p[end + 1] != '\n')
        return -400;
    *ret = str_make(in.p + ps->line, end - ps->line);
    ps->line = ps->scanned = end + 2;
    return 1;
}

/* Cuts the first line off a head that next_line has checked, so that every CR is a line end. */
static struct str cut_line(struct str *head)
{
    struct str line;

    (void)str_cut(head, '\r', &line);
    *head = str_skip(*head, 1);
    return line;
}

/* Parses "HTTP/" DIGIT "." DIGIT. A later 1.x counts as the highest that we know (RFC 9110 2.5). */
static int parse_version(struct str s, int *ret_minor)
{
    if (s.n != 8 || !str_starts_with(s, STR("HTTP/")) || s.p[6] != '.')
        return -400;
    if (s.p[5] < '0' || s.p[5] > '9' || s.p[7] < '0' || s.p[7] > '9')
        return -400;
    if (s.p[5] != '1')
        return -505;
    *ret_minor = s.p[7] > '0';
    return EH_OK;
}

static int parse_request_line(struct str line, struct http_request *ret)
{
    struct str rest = line;

    if (!str_cut(&rest, ' ', &ret->method) || !str_cut(&rest, ' ', &ret->target))
        return -400;
    EH_TRY(parse_version(rest, &ret->minor));
    if (!http_is_token(ret->method) || http_read_target(ret) < 0)
        return -400;
    return EH_OK;
}

/* Parses a field. The name must be a token, which excludes white space before the colon, and
 * obs-fold. */
static int parse_field(struct str line, struct http_header *ret)
{
    struct str rest = line;

    if (!str_cut(&rest, ':', &ret->name) || !rest.p || !http_is_token(ret->name))
        return -400;
    ret->value = str_trim(rest);
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
    struct str line = cut_line(&head);

    if (line.n == 0)
        line = cut_line(&head); /* skips the empty line that http_parse allowed */
    ret->content_length = 0;
    ret->chunked = false;
    ret->n_headers = 0;
    EH_TRY(parse_request_line(line, ret));
    for (line = cut_line(&head); line.n; line = cut_line(&head)) {
        if (ret->n_headers == HTTP_HEADERS_MAX)
            return -431;
        EH_TRY(parse_field(line, &ret->headers[ret->n_headers++]));
    }
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

    if (ps->has_request_line)
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
    while ((rc = next_line(ps, in, &line)) > 0) {
        if (!ps->has_request_line) {
            if (line.n == 0 && ps->line == 2)
                continue; /* RFC 9112 2.2: ignore an empty line before the request */
            ps->has_request_line = true;
            EH_TRY(parse_request_line(line, ret));
        } else if (line.n) {
            EH_TRY(parse_field(line, &ret->headers[0])); /* only to refuse an error at once */
        } else {
            EH_TRY(read_head(str_make(in.p, ps->line), ret));
            return (int)ps->line;
        }
    }
    return rc == 0 && in.n == max ? too_long(ps, in) : rc;
}

/* ---- looking at a request ---- */

struct str http_header(const struct http_request *rq, struct str name)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        if (str_eq_nocase(rq->headers[i].name, name))
            return rq->headers[i].value;
    }
    return (struct str){ NULL, 0 };
}

size_t http_header_count(const struct http_request *rq, struct str name)
{
    size_t n = 0;

    for (size_t i = 0; i < rq->n_headers; i++)
        n += str_eq_nocase(rq->headers[i].name, name);
    return n;
}

static bool list_has_token(struct str list, struct str token)
{
    struct str element;

    while (str_cut(&list, ',', &element)) {
        if (str_eq_nocase(str_trim(element), token))
            return true;
    }
    return false;
}

bool http_header_has_token(const struct http_request *rq, struct str name, struct str token)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        if (str_eq_nocase(rq->headers[i].name, name) && list_has_token(rq->headers[i].value, token))
            return true;
    }
    return false;
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
