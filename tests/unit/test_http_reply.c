#include "proto/http_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

#define HEAD_MAX 512
#define BODY_MAX 16

static struct http_reply reply;

/* Parses the first cut bytes, then all. */
static int parse_cut(struct str in, size_t cut)
{
    struct http_reply_parser ps = { 0 };
    int rc = http_reply_parse(&ps, str_make(in.p, cut), HEAD_MAX, &reply);

    return rc ? rc : http_reply_parse(&ps, in, HEAD_MAX, &reply);
}

static int parse(struct str in)
{
    return parse_cut(in, in.n);
}

/* ---- heads ---- */

static void parses_the_parts_of_a_head(void **state)
{
    struct str in = STR("HTTP/1.1 404 Not Found, s\xc3\xb3rry\r\nContent-Length: 3\r\n"
                        "Connection: x\r\nconnection:\tClose \r\nX-Empty:\r\n\r\nrest");

    (void)state;
    assert_int_equal(parse(in), in.n - 4);
    assert_int_equal(reply.status, 404);
    assert_int_equal(reply.minor, 1);
    assert_str(reply.reason, "Not Found, s\xc3\xb3rry");
    assert_int_equal(reply.framing, HTTP_BODY_SIZED);
    assert_int_equal(reply.content_length, 3);
    assert_int_equal(reply.n_headers, 4);
    assert_str(http_reply_header(&reply, STR("CONTENT-LENGTH")), "3");
    assert_non_null(http_reply_header(&reply, STR("x-empty")).p);
    assert_null(http_reply_header(&reply, STR("x-none")).p);
    assert_int_equal(http_reply_header_count(&reply, STR("Connection")), 2);
    assert_true(http_reply_has_token(&reply, STR("Connection"), STR("close")));
    assert_false(http_reply_has_token(&reply, STR("Connection"), STR("upgrade")));
}

static const struct {
    struct str in;
    int status;
    enum http_framing framing;
} accepted[] = {
    { STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 200, HTTP_BODY_SIZED },
    { STR("HTTP/1.1 200 \r\nTransfer-Encoding: Chunked\r\n\r\n"), 200, HTTP_BODY_CHUNKED },
    { STR("HTTP/1.1 200\r\n\r\n"), 200, HTTP_BODY_TO_END },
    { STR("HTTP/1.0 599 a\tb\r\n\r\n"), 599, HTTP_BODY_TO_END },
    { STR("HTTP/1.1 204 No Content\r\n\r\n"), 204, HTTP_BODY_NONE },
    { STR("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"), 304, HTTP_BODY_NONE },
    { STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), 101, HTTP_BODY_NONE },
    { STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
      200, HTTP_BODY_SIZED },
};

static void accepts_heads_wherever_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        for (size_t cut = 0; cut <= accepted[i].in.n; cut++) {
            int rc = parse_cut(accepted[i].in, cut);

            if (rc != (int)accepted[i].in.n || reply.status != accepted[i].status ||
                reply.framing != accepted[i].framing)
                fail_msg("case %zu cut at %zu: %d, %d", i, cut, rc, reply.status);
            if (reply.framing == HTTP_BODY_NONE)
                assert_int_equal(reply.content_length, 0);
        }
    }
}

#define OK "HTTP/1.1 200 OK\r\n"

static const struct str refused[] = {
    /* other protocols, at their first bytes */
    STR("\x15\x03\x01"),
    STR("-ERR"),
    STR("<html"),
    STR("SSH-2.0"),
    STR("\r\n"),
    STR("HTTP/2 200"),
    STR("HTTP/0.9 "),
    STR("http/1.1 "),
    STR("RTSP/1.0 200 OK\r\n"),
    /* status lines */
    STR("HTTP/1.1\r\n"),
    STR("HTTP/1.1  200 OK\r\n"),
    STR("HTTP/1.x 200 OK\r\n"),
    STR("HTTP/1.11 200 OK\r\n"),
    STR("HTTP/1.1 20 OK\r\n"),
    STR("HTTP/1.1 2000 OK\r\n"),
    STR("HTTP/1.1 2x0 OK\r\n"),
    STR("HTTP/1.1 +20 OK\r\n"),
    STR("HTTP/1.1 099 OK\r\n"),
    STR("HTTP/1.1 600 OK\r\n"),
    STR("HTTP/1.1 200 OK\n"),
    STR("HTTP/1.1 200 OK\rx"),
    STR("HTTP/1.1 200 O\0"),
    STR("HTTP/1.1 200 \x1b"),
    STR("HTTP/1.1 200 \x7f"),
    /* fields */
    STR(OK "No colon\r\n"),
    STR(OK "Space : x\r\n"),
    STR(OK ": x\r\n"),
    STR(OK "A: b\n"),
    STR(OK "A: b\r\n folded\r\n"),
    STR(OK "A: \0"),
    /* framing */
    STR(OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
    STR(OK "Content-Length: 1, 1\r\n\r\n"),
    STR(OK "Content-Length: -1\r\n\r\n"),
    STR(OK "Content-Length: 0x1\r\n\r\n"),
    STR(OK "Content-Length:\r\n\r\n"),
    STR(OK "Content-Length: 18446744073709551616\r\n\r\n"),
    STR(OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    STR(OK "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    STR(OK "Transfer-Encoding: identity\r\n\r\n"),
    STR(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    STR("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    STR("HTTP/1.1 204 No Content\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    /* after an interim response */
    STR("HTTP/1.1 100 Continue\r\n\r\nGET"),
    STR("HTTP/1.1 100 Continue\r\n\r\n\r\n"),
};

static void refuses_heads_wherever_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        for (size_t cut = 0; cut <= refused[i].n; cut++) {
            if (parse_cut(refused[i], cut) != EH_EINVAL)
                fail_msg("accepts '%.*s' cut at %zu", STR_ARG(refused[i]), cut);
        }
    }
}

static void waits_for_the_end_of_a_head(void **state)
{
    struct str in = STR("HTTP/1.1 100 Continue\r\n\r\n" OK "A: b\r\n\r\n");

    (void)state;
    assert_int_equal(parse((struct str){ NULL, 0 }), 0);
    for (size_t n = 0; n < in.n; n++)
        assert_int_equal(parse_cut(str_make(in.p, n), n / 2), 0);
}

static void refuses_heads_that_are_too_large(void **state)
{
    static struct http_reply_parser ps;
    char endless[HEAD_MAX + 1];
    struct buf many = { 0 };

    (void)state;
    memset(endless, 'x', sizeof(endless));
    memcpy(endless, OK, sizeof(OK) - 1);
    assert_int_equal(parse(str_make(endless, HEAD_MAX - 1)), 0);
    assert_int_equal(parse(str_make(endless, HEAD_MAX)), EH_ELIMIT);
    assert_int_equal(parse(str_make(endless, HEAD_MAX + 1)), EH_ELIMIT);

    buf_add_str(&many, STR(OK));
    for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
        buf_add_str(&many, STR("a:\r\n"));
    buf_add_str(&many, STR("\r\n"));
    assert_int_equal(http_reply_parse(&ps, buf_str(&many), 4096, &reply), EH_ELIMIT);
    buf_clear(&many);
    for (int i = 0; i < 100; i++)
        buf_add_str(&many, STR("HTTP/1.1 102 Processing\r\n\r\n"));
    assert_int_equal(parse(buf_str(&many)), EH_ELIMIT);
    buf_done(&many);
}

/* ---- bodies ---- */

/* The end of a body. The bytes that were left are not a part of the body. */
struct outcome {
    int rc;
    size_t used;
    bool may_end, is_done;
    struct buf data;
};

static void feed(struct http_body *b, struct str in, struct outcome *o)
{
    while (o->rc >= 0 && in.n && !http_body_is_done(b)) {
        struct str data = { NULL, 0 };

        o->rc = http_body_take(b, in, &data);
        if (o->rc < 0)
            return;
        assert_in_range(o->rc, 1, in.n);
        buf_add_str(&o->data, data);
        o->used += (size_t)o->rc;
        in = str_skip(in, (size_t)o->rc);
    }
}

static struct outcome read_body(struct str head, struct str body, size_t cut)
{
    struct outcome o = { 0 };
    struct http_body b;

    assert_int_equal(parse(head), head.n);
    o.rc = http_body_begin(&b, &reply, BODY_MAX);
    if (o.rc < 0)
        return o;
    feed(&b, str_make(body.p, cut), &o);
    feed(&b, str_skip(body, cut), &o);
    o.may_end = http_body_may_end(&b);
    o.is_done = http_body_is_done(&b);
    return o;
}

#define SIZED   OK "Content-Length: 5\r\n\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
#define TO_END  OK "\r\n"

static void reads_bodies_wherever_they_are_cut(void **state)
{
    static const struct {
        struct str head, body;
        const char *data;
        size_t left; /* bytes after the body */
        bool may_end, is_done;
    } cases[] = {
        { STR(SIZED), STR("hello"), "hello", 0, true, true },
        { STR(SIZED), STR("helloHTTP"), "hello", 4, true, true },
        { STR(SIZED), STR("hell"), "hell", 0, false, false },
        { STR(OK "Content-Length: 0\r\n\r\n"), STR("x"), "", 1, true, true },
        { STR(OK "Content-Length: 16\r\n\r\n"), STR("0123456789abcdef"), "0123456789abcdef", 0,
          true, true },
        { STR("HTTP/1.1 204 No\r\n\r\n"), STR("x"), "", 1, true, true },
        { STR(CHUNKED), STR("5\r\nhello\r\n0\r\n\r\nHTTP"), "hello", 4, true, true },
        { STR(CHUNKED), STR("8;x=y\r\n01234567\r\n8\r\n89abcdef\r\n0\r\nTrailer: x\r\n\r\n"),
          "0123456789abcdef", 0, true, true },
        { STR(CHUNKED), STR("5\r\nhello\r\n0\r\n"), "hello", 0, false, false },
        { STR(CHUNKED), STR("5\r\nhel"), "hel", 0, false, false },
        { STR(TO_END), STR(""), "", 0, true, false },
        { STR(TO_END), STR("0123456789abcdef"), "0123456789abcdef", 0, true, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].body.n; cut++) {
            struct outcome o = read_body(cases[i].head, cases[i].body, cut);

            if (o.rc < 0 || o.used != cases[i].body.n - cases[i].left ||
                o.may_end != cases[i].may_end || o.is_done != cases[i].is_done)
                fail_msg("case %zu cut at %zu: %d, %zu bytes", i, cut, o.rc, o.used);
            assert_str(buf_str(&o.data), cases[i].data);
            buf_done(&o.data);
        }
    }
}

static void refuses_bodies_wherever_they_are_cut(void **state)
{
    static const struct {
        struct str head, body;
        int rc;
    } cases[] = {
        { STR(OK "Content-Length: 17\r\n\r\n"), STR(""), EH_ELIMIT },
        { STR(OK "Content-Length: 18446744073709551615\r\n\r\n"), STR(""), EH_ELIMIT },
        { STR(CHUNKED), STR("11\r\n"), EH_ELIMIT },
        { STR(CHUNKED), STR("ffffffffffffffff\r\n"), EH_ELIMIT },
        { STR(CHUNKED), STR("a\r\n0123456789\r\n7\r\n"), EH_ELIMIT },
        { STR(CHUNKED), STR("hello"), EH_EINVAL },
        { STR(CHUNKED), STR("5\r\nhello!"), EH_EINVAL },
        { STR(CHUNKED), STR("5\nhello"), EH_EINVAL },
        { STR(TO_END), STR("0123456789abcdefg"), EH_ELIMIT },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].body.n; cut++) {
            struct outcome o = read_body(cases[i].head, cases[i].body, cut);

            if (o.rc != cases[i].rc)
                fail_msg("case %zu cut at %zu: %d", i, cut, o.rc);
            assert_true(buf_used(&o.data) <= BODY_MAX);
            buf_done(&o.data);
        }
    }
}

static void refuses_endless_chunk_extensions(void **state)
{
    static char extension[8192];
    struct outcome o;

    (void)state;
    memset(extension, 'x', sizeof(extension));
    extension[0] = '1';
    extension[1] = ';';
    o = read_body(STR(CHUNKED), str_make(extension, sizeof(extension)), 1);
    assert_int_equal(o.rc, EH_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_the_parts_of_a_head),
        cmocka_unit_test(accepts_heads_wherever_they_are_cut),
        cmocka_unit_test(refuses_heads_wherever_they_are_cut),
        cmocka_unit_test(waits_for_the_end_of_a_head),
        cmocka_unit_test(refuses_heads_that_are_too_large),
        cmocka_unit_test(reads_bodies_wherever_they_are_cut),
        cmocka_unit_test(refuses_bodies_wherever_they_are_cut),
        cmocka_unit_test(refuses_endless_chunk_extensions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
