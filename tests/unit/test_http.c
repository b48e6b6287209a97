#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"
#include "proto/http.h"
#include "support/assert_str.h"

#define HEAD_MAX 2048

static struct http_request rq;

/* Parses the first cut bytes, then all. */
static int parse_cut(struct str in, size_t cut, size_t max)
{
    struct http_parser ps = { 0 };
    int rc = http_parse(&ps, str_make(in.p, cut), max, &rq);

    return rc ? rc : http_parse(&ps, in, max, &rq);
}

static int parse(struct str in)
{
    return parse_cut(in, in.n, HEAD_MAX);
}

/* ---- accepted requests ---- */

static void parses_the_parts_of_a_request(void **state)
{
    struct str in = STR("GET /a/b?x=1&y=2 HTTP/1.1\r\nHost: h:8080\r\nAccept:\t text/html \t\r\n"
                        "X-Empty:\r\n\r\nrest");

    (void)state;
    assert_int_equal(parse(in), in.n - 4);
    assert_str(rq.method, "GET");
    assert_str(rq.target, "/a/b?x=1&y=2");
    assert_str(rq.path, "/a/b");
    assert_str(rq.query, "x=1&y=2");
    assert_int_equal(rq.minor, 1);
    assert_int_equal(rq.n_headers, 3);
    assert_str(http_header(&rq, STR("hOST")), "h:8080");
    assert_str(http_header(&rq, STR("accept")), "text/html");
    assert_str(http_header(&rq, STR("x-empty")), "");
    assert_non_null(http_header(&rq, STR("x-empty")).p);
    assert_null(http_header(&rq, STR("x-none")).p);
    assert_int_equal(rq.content_length, 0);
    assert_false(rq.chunked || rq.expect_continue);
}

static void splits_targets_into_path_and_query(void **state)
{
    static const struct {
        const char *method, *target, *path, *query;
    } targets[] = {
        { "GET", "/", "/", "" },
        { "GET", "/a?b?c", "/a", "b?c" },
        { "GET", "//a", "//a", "" },
        { "OPTIONS", "*", "*", "" },
        { "GET", "http://h/a?b", "/a", "b" },
        { "GET", "HTTPS://[::1]:8443/a", "/a", "" },
        { "GET", "http://h:/", "/", "" },
        { "GET", "http://h", "/", "" },
        { "GET", "http://h?b", "/", "b" },
        { "OPTIONS", "http://h", "*", "" },
        { "OPTIONS", "http://h?b", "/", "b" },
        { "OPTIONS", "http://h/", "/", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct buf head = { 0 };

        buf_addf(&head, "%s %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[i].method, targets[i].target);
        assert_int_equal(parse(buf_str(&head)), buf_used(&head));
        assert_str(rq.target, targets[i].target);
        assert_str(rq.path, targets[i].path);
        assert_str(rq.query, targets[i].query);
        buf_done(&head);
    }
}

static void reads_the_minor_version(void **state)
{
    (void)state;
    assert_true(parse(STR("GET / HTTP/1.0\r\n\r\n")) > 0);
    assert_int_equal(rq.minor, 0);
    assert_true(parse(STR("GET / HTTP/1.2\r\nHost: h\r\n\r\n")) > 0);
    assert_int_equal(rq.minor, 1);
}

static void reads_how_the_body_is_framed(void **state)
{
    (void)state;
    assert_true(parse(STR("POST /t HTTP/1.1\r\nHost: h\r\nContent-Length: 42\r\n"
                          "Expect: 100-Continue\r\n\r\n")) > 0);
    assert_int_equal(rq.content_length, 42);
    assert_true(rq.expect_continue);
    assert_false(rq.chunked);
    assert_true(parse(STR("POST /t HTTP/1.1\r\nHost: h\r\ntransfer-encoding: CHUNKED\r\n\r\n")) >
                0);
    assert_true(rq.chunked);
    assert_int_equal(rq.content_length, 0);
    assert_true(parse(STR("POST /t HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")) > 0);
    assert_false(rq.expect_continue);
}

static void decides_whether_to_keep_the_connection(void **state)
{
    static const struct {
        struct str head;
        bool want;
    } cases[] = {
        { STR("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), true },
        { STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), false },
        { STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade , ClosE\r\n\r\n"), false },
        { STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n"), false },
        { STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n"), true },
        { STR("GET / HTTP/1.0\r\n\r\n"), false },
        { STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true },
        { STR("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(parse(cases[i].head) > 0);
        if (rq.keep_alive != cases[i].want)
            fail_msg("'%.*s': keep_alive is %d", STR_ARG(cases[i].head), rq.keep_alive);
    }
}

#define H "Host: h\r\n"

static const struct {
    struct str head; /* complete, or long enough to know the answer */
    int want;        /* 0: accepted, and all bytes belong to the head */
} cases[] = {
    { STR("GET / HTTP/1.1\r\n" H "\r\n"), 0 },
    { STR("GET / HTTP/1.0\r\n\r\n"), 0 },
    { STR("GET / HTTP/1.9\r\n" H "\r\n"), 0 },
    { STR("\r\nGET / HTTP/1.1\r\n" H "\r\n"), 0 },
    { STR("OPTIONS * HTTP/1.1\r\n" H "\r\n"), 0 },
    { STR("M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n" H "\r\n"), 0 },
    { STR("GET /?q={\"a|b\"}<\\^`> HTTP/1.1\r\n" H "\r\n"), 0 },
    { STR("GET //x HTTP/1.1\r\nHost:\r\n\r\n"), 0 },
    { STR("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 0 },
    { STR("GET / HTTP/1.1\r\nHost: [v1.a;b]\r\n\r\n"), 0 },
    { STR("GET / HTTP/1.1\r\nHost: a_b.%41!$&'()*+,;=~:\r\n\r\n"), 0 },
    { STR("GET http://h:80/a HTTP/1.1\r\n" H "\r\n"), 0 },
    { STR("GET / HTTP/1.1\r\n" H "X: \xe9t\xe9\ttab\r\n\r\n"), 0 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: 18446744073709551615\r\n\r\n"), 0 },

    /* request line */
    { STR("\r\n\r\n"), -400 },
    { STR("\n"), -400 },
    { STR("\rG"), -400 },
    { STR("\x16\x03\x01"), -400 }, /* a TLS hello */
    { STR("\0"), -400 },
    { STR("GET /\n"), -400 },
    { STR("GET /\r "), -400 },
    { STR("GET\t"), -400 },
    { STR("GET /\xe9"), -400 },
    { STR("GET /\x7f"), -400 },
    { STR("GET\r\n"), -400 },
    { STR("GET /\r\n"), -400 },
    { STR(" GET / HTTP/1.1\r\n"), -400 },
    { STR("GET  / HTTP/1.1\r\n"), -400 },
    { STR("GET /  HTTP/1.1\r\n"), -400 },
    { STR("GET / HTTP/1.1 \r\n"), -400 },
    { STR("GET / x HTTP/1.1\r\n"), -400 },
    { STR("G@T / HTTP/1.1\r\n"), -400 },
    { STR("G(T / HTTP/1.1\r\n"), -400 },
    { STR("GET * HTTP/1.1\r\n"), -400 },
    { STR("OPTIONS *x HTTP/1.1\r\n"), -400 },
    { STR("GET x HTTP/1.1\r\n"), -400 },
    { STR("GET http:/h HTTP/1.1\r\n"), -400 },
    { STR("GET http:///a HTTP/1.1\r\n"), -400 },
    { STR("GET http://?a HTTP/1.1\r\n"), -400 },
    { STR("GET http://:80/ HTTP/1.1\r\n"), -400 },
    { STR("GET http://u@h/ HTTP/1.1\r\n"), -400 },
    { STR("GET http://h:x/ HTTP/1.1\r\n"), -400 },
    { STR("GET http://h\"/ HTTP/1.1\r\n"), -400 },
    { STR("GET http://h/#f HTTP/1.1\r\n"), -400 },
    { STR("GET ws://h/ HTTP/1.1\r\n"), -400 },
    { STR("CONNECT h:80 HTTP/1.1\r\n"), -400 },
    { STR("GET /#f HTTP/1.1\r\n"), -400 },
    { STR("GET / http/1.1\r\n"), -400 },
    { STR("GET / HTTP/1,1\r\n"), -400 },
    { STR("GET / HTTP/1\r\n"), -400 },
    { STR("GET / HTTP/x.1\r\n"), -400 },
    { STR("GET / HTTP/1.x\r\n"), -400 },
    { STR("GET / HTTP/11.1\r\n"), -400 },
    { STR("GET / HTTP/1.10\r\n"), -400 },
    { STR("GET / HTTP/0.9\r\n"), -505 },
    { STR("PRI * HTTP/2.0\r\n"), -505 },

    /* fields */
    { STR("GET / HTTP/1.1\r\nHost\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n: h\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost : h\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n Host: h\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H " folded\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "\tfolded\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "X\xe9: y\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "X: a\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "X: a\rb"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "X: a\0"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "X: a\x01"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "X: a\x7f"), -400 },

    /* Host */
    { STR("GET / HTTP/1.1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H H "\r\n"), -400 },
    { STR("GET / HTTP/1.0\r\n" H H "\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: h/x\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: h:x\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: h:1:2\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: [::1]:x\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: [a[b]\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\nHost: h]\r\n\r\n"), -400 },

    /* body */
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding: x\r\nContent-Length: 1\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
      -400 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"), -501 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;a=b\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked,\r\n\r\n"), -400 },
    { STR("GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n"), -400 },
};

static int wanted(size_t i)
{
    return cases[i].want ? cases[i].want : (int)cases[i].head.n;
}

static void accepts_valid_and_refuses_malformed_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int rc = parse(cases[i].head);

        if (rc != wanted(i))
            fail_msg("got %d for '%.*s'", rc, STR_ARG(cases[i].head));
    }
}

static void gives_the_same_result_wherever_a_head_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut < cases[i].head.n; cut++) {
            int rc = parse_cut(cases[i].head, cut, HEAD_MAX);

            if (rc != wanted(i))
                fail_msg("got %d for '%.*s' cut at %zu", rc, STR_ARG(cases[i].head), cut);
        }
    }
}

/* Each text ends just before the byte that makes it wrong or complete. */
static void waits_for_the_rest_of_a_head(void **state)
{
    static const struct str heads[] = {
        { "", 0 },
        STR("\r"),
        STR("\r\n"),
        STR("GET / HTTP/1.1\r"),
        STR("GET  x y z"),
        STR("GET / HTTP/1.1\r\n"),
        STR("GET / HTTP/1.1\r\n" H "\r"),
        STR("GET / HTTP/1.1\r\n" H H),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        if (parse(heads[i]) != 0)
            fail_msg("did not wait after '%.*s'", STR_ARG(heads[i]));
    }
}

static void scans_no_byte_twice(void **state)
{
    struct str in = STR("GET / HTTP/1.1\r\nHost: some.where");
    struct http_parser ps = { 0 };

    (void)state;
    for (size_t n = 0; n <= in.n; n++) {
        assert_int_equal(http_parse(&ps, str_make(in.p, n), HEAD_MAX, &rq), 0);
        assert_true(n - ps.scanned <= 1); /* the CR waits for its LF */
    }
    assert_int_equal(ps.scanned, in.n);
}

static void allows_the_input_to_move(void **state)
{
    static const char head[] = "GET /p?q HTTP/1.1\r\nHost: h\r\n\r\n";
    char first[24], second[sizeof(head)];
    struct http_parser ps = { 0 };

    (void)state;
    memcpy(first, head, sizeof(first));
    assert_int_equal(http_parse(&ps, str_make(first, sizeof(first)), HEAD_MAX, &rq), 0);
    memset(first, 'x', sizeof(first));
    memcpy(second, head, sizeof(head));
    assert_true(http_parse(&ps, str_make(second, sizeof(head) - 1), HEAD_MAX, &rq) > 0);
    assert_ptr_equal(rq.method.p, second);
    assert_str(rq.path, "/p");
    assert_str(http_header(&rq, STR("Host")), "h");
}

/* ---- limits ---- */

static void limits_the_size_of_a_head(void **state)
{
    struct str in = STR("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");

    (void)state;
    assert_int_equal(parse_cut(in, 0, in.n), in.n);
    for (size_t max = 1; max < in.n; max++) {
        int want = max < 4 ? -400 : max < 20 ? -414 : -431;

        assert_int_equal(parse_cut(in, max / 2, max), want);
        assert_int_equal(parse_cut(in, in.n, max), want);
    }
}

static int parse_fields(size_t n)
{
    struct buf head = { 0 };
    int rc;

    buf_addf(&head, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (size_t i = 1; i < n; i++)
        buf_addf(&head, "X-%zu: y\r\n", i);
    buf_addf(&head, "\r\n");
    rc = parse(buf_str(&head));
    buf_done(&head);
    return rc;
}

static void limits_the_number_of_fields(void **state)
{
    (void)state;
    assert_true(parse_fields(HTTP_HEADERS_MAX) > 0);
    assert_int_equal(rq.n_headers, HTTP_HEADERS_MAX);
    assert_int_equal(parse_fields(HTTP_HEADERS_MAX + 1), -431);
}

/* ---- reading fields ---- */

static void finds_tokens_in_list_fields(void **state)
{
    static const struct {
        const char *name, *token;
        bool want;
    } tokens[] = {
        { "connection", "upgrade", true }, { "connection", "keep-alive", true },
        { "connection", "last", true },    { "connection", "up", false },
        { "connection", "Last", true },    { "upgrade", "websocket", true },
        { "upgrade", "h2c", false },       { "none", "x", false },
    };

    (void)state;
    assert_true(parse(STR("GET / HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive,, Upgrade\t\r\n"
                          "Upgrade: WebSocket\r\nConnection: last\r\n\r\n")) > 0);
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        if (http_header_has_token(&rq, str_of(tokens[i].name), str_of(tokens[i].token)) !=
            tokens[i].want)
            fail_msg("wrong result for '%s' in %s", tokens[i].token, tokens[i].name);
    }
    assert_int_equal(http_header_count(&rq, STR("CONNECTION")), 2);
    assert_int_equal(http_header_count(&rq, STR("none")), 0);
}

static void recognizes_an_accepted_media_type(void **state)
{
    static const struct {
        const char *accept;
        bool want;
    } types[] = {
        { "text/event-stream", true },
        { "Text/Event-Stream;q=1", true },
        { "text/html, text/event-stream ; charset=utf-8, */*", true },
        { "text/html\r\nAccept: text/event-stream", true },
        { "*/*", false },
        { "text/*", false },
        { "text/event-streams", false },
        { "text/html;x=text/event-stream", false },
        { "", false },
        { "x\r\nX-Accept: text/event-stream", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct buf head = { 0 };

        buf_addf(&head, "GET / HTTP/1.1\r\nHost: h\r\nAccept: %s\r\n\r\n", types[i].accept);
        assert_true(parse(buf_str(&head)) > 0);
        if (http_accepts(&rq, STR("text/event-stream")) != types[i].want)
            fail_msg("wrong result for '%s'", types[i].accept);
        buf_done(&head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_the_parts_of_a_request),
        cmocka_unit_test(splits_targets_into_path_and_query),
        cmocka_unit_test(reads_the_minor_version),
        cmocka_unit_test(reads_how_the_body_is_framed),
        cmocka_unit_test(decides_whether_to_keep_the_connection),
        cmocka_unit_test(accepts_valid_and_refuses_malformed_heads),
        cmocka_unit_test(gives_the_same_result_wherever_a_head_is_cut),
        cmocka_unit_test(waits_for_the_rest_of_a_head),
        cmocka_unit_test(scans_no_byte_twice),
        cmocka_unit_test(allows_the_input_to_move),
        cmocka_unit_test(limits_the_size_of_a_head),
        cmocka_unit_test(limits_the_number_of_fields),
        cmocka_unit_test(finds_tokens_in_list_fields),
        cmocka_unit_test(recognizes_an_accepted_media_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
