#include "proto/http_reply.h"

#include <assert.h>
#include <limits.h>

#include "proto/http_lines.h"

#define MAX_DROPPED 4096 /* bytes of chunk extensions and trailers in one body */

/* ---- the head ---- */

/* Reports whether s is, or may become, the start of a status line. So the first bytes of another
 * protocol are refused without waiting for a line end. */
static bool begins_like_http(struct str s)
{
    struct str start = STR("HTTP/1.");

    return s.n < start.n ? str_starts_with(start, s) : str_starts_with(s, start);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Parses HTTP-version SP status-code SP [reason]. RFC 9112 4 demands the second space, but some
 * servers omit it when there is no reason. */
static int parse_status_line(struct str line, struct http_reply *ret)
{
    struct str version, status, rest = line;

    if (!str_cut(&rest, ' ', &version) || !str_cut(&rest, ' ', &status))
        return EH_EINVAL;
    if (http_parse_version(version, &ret->minor) < 0)
        return EH_EINVAL;
    if (status.n != 3 || !is_digit(status.p[0]) || !is_digit(status.p[1]) || !is_digit(status.p[2]))
        return EH_EINVAL;
    ret->status = (status.p[0] - '0') * 100 + (status.p[1] - '0') * 10 + (status.p[2] - '0');
    ret->reason = rest.p ? rest : STR("");
    return ret->status >= 100 && ret->status <= 599 ? EH_OK : EH_EINVAL;
}

/* Determines how the body ends (RFC 9112 6.3). The fields are checked even if there is no body. */
static int read_framing(struct http_reply *r)
{
    size_t n_codings = http_reply_header_count(r, STR("Transfer-Encoding"));
    size_t n_lengths = http_reply_header_count(r, STR("Content-Length"));
    struct str coding = http_reply_header(r, STR("Transfer-Encoding"));
    struct str length = http_reply_header(r, STR("Content-Length"));
    uint64_t n = 0;

    if (n_codings + n_lengths > 1)
        return EH_EINVAL;
    if (n_codings && (r->minor == 0 || !str_eq_nocase(coding, STR("chunked"))))
        return EH_EINVAL;
    if (n_lengths && str_parse_u64(length, &n) < 0)
        return EH_EINVAL;
    r->content_length = 0;
    if (r->status < 200 || r->status == 204 || r->status == 304) {
        r->framing = HTTP_BODY_NONE;
    } else if (n_codings) {
        r->framing = HTTP_BODY_CHUNKED;
    } else if (n_lengths) {
        r->framing = HTTP_BODY_SIZED;
        r->content_length = n;
    } else {
        r->framing = HTTP_BODY_TO_END;
    }
    return EH_OK;
}

static int read_head(struct str head, struct http_reply *ret)
{
    int rc;

    EH_TRY(parse_status_line(http_cut_line(&head), ret));
    rc = http_parse_fields(head, ret->headers, &ret->n_headers);
    if (rc < 0)
        return rc == -431 ? EH_ELIMIT : EH_EINVAL;
    return read_framing(ret);
}

/* Takes a line that is complete. Returns 1 at the end of a head, or 0. */
static int take_line(struct http_reply_parser *ps, struct str in, struct str line,
                     struct http_reply *ret)
{
    if (!ps->lines.has_start_line) {
        ps->lines.has_start_line = true;
        return parse_status_line(line, ret);
    }
    if (line.n)
        return http_parse_field(line, &ret->headers[0]) < 0 ? EH_EINVAL : 0; /* refused at once */
    EH_TRY(read_head(str_make(in.p + ps->start, ps->lines.line - ps->start), ret));
    if (ret->status >= 200 || ret->status == 101)
        return 1;
    ps->start = ps->lines.line;
    ps->lines.has_start_line = false;
    return 0;
}

int http_reply_parse(struct http_reply_parser *ps, struct str in, size_t max,
                     struct http_reply *ret)
{
    struct str line;
    int rc, end;

    assert(max > 0 && max <= INT_MAX);
    if (in.n == 0)
        return 0; /* its pointer may be NULL */
    if (in.n > max)
        in.n = max;
    do {
        if (!ps->lines.has_start_line && !begins_like_http(str_skip(in, ps->start)))
            return EH_EINVAL;
        rc = http_next_line(&ps->lines, in, true, &line);
        if (rc < 0)
            return EH_EINVAL;
        end = rc ? take_line(ps, in, line, ret) : 0;
        if (end)
            return end < 0 ? end : (int)ps->lines.line;
    } while (rc);
    return in.n == max ? EH_ELIMIT : 0;
}

struct str http_reply_header(const struct http_reply *r, struct str name)
{
    return http_find(r->headers, r->n_headers, name);
}

size_t http_reply_header_count(const struct http_reply *r, struct str name)
{
    return http_count(r->headers, r->n_headers, name);
}

bool http_reply_has_token(const struct http_reply *r, struct str name, struct str token)
{
    return http_has_token(r->headers, r->n_headers, name, token);
}

/* ---- the body ---- */

int http_body_begin(struct http_body *b, const struct http_reply *r, uint64_t max)
{
    if (r->content_length > max)
        return EH_ELIMIT;
    *b = (struct http_body){
        .framing = r->framing,
        .left = r->framing == HTTP_BODY_SIZED ? r->content_length : max,
    };
    return EH_OK;
}

static int take_chunked(struct http_body *b, struct str in, struct str *ret_data)
{
    int used = http_chunked_decode(&b->chunked, in, MAX_DROPPED, ret_data);

    if (used < 0)
        return used == -431 ? EH_ELIMIT : EH_EINVAL;
    /* Also counts the rest of the chunk, which the server has announced. */
    if (ret_data->n > b->left || http_chunked_announced(&b->chunked) > b->left - ret_data->n)
        return EH_ELIMIT;
    b->left -= ret_data->n;
    return used;
}

int http_body_take(struct http_body *b, struct str in, struct str *ret_data)
{
    size_t n = in.n < INT_MAX ? in.n : INT_MAX;

    assert(in.n > 0 && !http_body_is_done(b));
    if (b->framing == HTTP_BODY_CHUNKED)
        return take_chunked(b, in, ret_data);
    if (n > b->left) {
        if (b->framing == HTTP_BODY_TO_END)
            return EH_ELIMIT;
        n = (size_t)b->left;
    }
    b->left -= n;
    *ret_data = str_make(in.p, n);
    return (int)n;
}

bool http_body_is_done(const struct http_body *b)
{
    switch (b->framing) {
    case HTTP_BODY_NONE: return true;
    case HTTP_BODY_SIZED: return b->left == 0;
    case HTTP_BODY_CHUNKED: return http_chunked_is_done(&b->chunked);
    case HTTP_BODY_TO_END: return false;
    }
    return false;
}

bool http_body_may_end(const struct http_body *b)
{
    return b->framing == HTTP_BODY_TO_END || http_body_is_done(b);
}
