/* Property: the parser finds the same request whole, in two pieces and byte by byte, and every
 * request that it accepts keeps the promises of http.h. */
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "cut.h"
#include "proto/cookie.h"
#include "proto/http.h"

#define HEAD_MAX 1024 /* small, so that inputs often reach the limit */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Parses a copy of exactly n bytes: asan sees reads past its end, and the next piece has another
 * address. */
static int parse_copy(struct http_parser *ps, const uint8_t *p, size_t n, struct http_request *rq)
{
    char *copy = malloc(n + 1);
    int rc;

    check(copy != NULL, "there is memory");
    memcpy(copy + 1, p, n);
    rc = http_parse(ps, str_make(copy + 1, n), HEAD_MAX, rq);
    free(copy);
    return rc;
}

static int parse_in_two(const uint8_t *p, size_t n, size_t cut, struct http_request *rq)
{
    struct http_parser ps = { 0 };
    int rc = parse_copy(&ps, p, cut, rq);

    if (rc < 0)
        return rc;
    if (rc > 0) { /* its views pointed into the copy: parse again */
        ps = (struct http_parser){ 0 };
        n = cut;
    }
    return http_parse(&ps, str_make((const char *)p, n), HEAD_MAX, rq);
}

static int parse_bytewise(const uint8_t *p, size_t n, struct http_request *rq)
{
    struct http_parser ps = { 0 };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i <= n; i++)
        rc = http_parse(&ps, str_make((const char *)p, i), HEAD_MAX, rq);
    return rc;
}

/* Views of both point into the same input, so equal means equal pointers. */
static bool is_same(struct str a, struct str b)
{
    return a.p == b.p && a.n == b.n;
}

static void check_same(const struct http_request *a, const struct http_request *b)
{
    check(is_same(a->method, b->method) && is_same(a->target, b->target) &&
              is_same(a->path, b->path) && is_same(a->query, b->query),
          "the request line is the same");
    check(a->minor == b->minor && a->keep_alive == b->keep_alive && a->chunked == b->chunked &&
              a->expect_continue == b->expect_continue && a->content_length == b->content_length,
          "the framing is the same");
    check(a->n_headers == b->n_headers, "the number of fields is the same");
    for (size_t i = 0; i < a->n_headers; i++) {
        check(is_same(a->headers[i].name, b->headers[i].name) &&
                  is_same(a->headers[i].value, b->headers[i].value),
              "the field is the same");
    }
}

static bool is_clean(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
            return false;
    }
    return true;
}

/* A cookie is a part of one field, and ends before a semicolon. */
static void check_cookie(const struct http_request *rq)
{
    struct str value = { NULL, 0 };
    size_t n_around = 0;

    if (cookie_find(rq, STR("a"), &value) < 0 || !value.p)
        return;
    for (size_t i = 0; i < rq->n_headers; i++) {
        struct str field = rq->headers[i].value;

        n_around += value.p > field.p && value.p + value.n <= field.p + field.n;
    }
    check(n_around == 1, "a cookie is inside one field");
    check(!memchr(value.p, ';', value.n), "a cookie has no semicolon");
}

static void check_request(const struct http_request *rq)
{
    struct buf decoded = { 0 };
    struct str param;

    check(rq->method.n > 0 && rq->target.n > 0, "the request line has a method and a target");
    check(rq->path.n <= rq->target.n && rq->query.n < rq->target.n,
          "path and query fit into the target");
    check(!rq->chunked || rq->content_length == 0, "a chunked body has no length");
    check(http_header_count(rq, STR("Host")) + (rq->minor == 0) > 0, "there is a Host field");
    check(is_clean(rq->target), "the target is one line");
    for (size_t i = 0; i < rq->n_headers; i++) {
        check(rq->headers[i].name.n > 0 && is_clean(rq->headers[i].name),
              "a field name is one line");
        check(is_clean(rq->headers[i].value), "a field value is one line");
    }
    if (http_percent_decode(rq->path, false, &decoded) == EH_OK)
        check(buf_used(&decoded) <= rq->path.n, "percent-decoding never grows a text");
    if (http_query_param(rq->query, STR("a"), &param))
        check(param.p >= rq->query.p && param.p + param.n <= rq->query.p + rq->query.n,
              "a parameter lies within the query");
    check_cookie(rq);
    buf_done(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct http_request whole, cut;
    struct http_parser ps = { 0 };
    int rc = http_parse(&ps, str_make((const char *)p, n), HEAD_MAX, &whole);

    check(rc <= HEAD_MAX && (rc <= 0 || (size_t)rc <= n),
          "the head is within the input and its limit");
    check(parse_in_two(p, n, choose_cut(p, n), &cut) == rc, "two pieces give the same result");
    if (rc > 0) {
        check_same(&whole, &cut);
        check_request(&whole);
    }
    check(parse_bytewise(p, n, &cut) == rc, "single bytes give the same result");
    if (rc > 0)
        check_same(&whole, &cut);
    return 0;
}
