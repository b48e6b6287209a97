#include "proto/ws_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/array.h"
#include "support/assert_str.h"

/* The nonce of RFC 6455 1.3: its key is dGhlIHNhbXBsZSBub25jZQ==. */
static const struct ws_handshake sample = { .host = { "h:8080", 6 },
                                            .target = { "/", 1 },
                                            .nonce = "the sample nonc\x65" };

/* ---- the request ---- */

static void writes_a_handshake(void **state)
{
    struct ws_handshake h = sample;
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(ws_client_request(&h, &out), EH_OK);
    assert_str(buf_str(&out), "GET / HTTP/1.1\r\nHost: h:8080\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    buf_clear(&out);
    h.host = STR("[::1]:8080");
    h.target = STR("/a/b?c=%20d");
    h.authorization = STR("Bearer a.b.c");
    assert_int_equal(ws_client_request(&h, &out), EH_OK);
    assert_str(buf_str(&out), "GET /a/b?c=%20d HTTP/1.1\r\nHost: [::1]:8080\r\n"
                              "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Authorization: Bearer a.b.c\r\n\r\n");
    buf_done(&out);
}

/* Our own server must be able to read it. */
static void writes_a_request_that_the_parser_accepts(void **state)
{
    static struct http_request rq;
    struct http_parser ps = { 0 };
    struct buf out = { 0 };

    (void)state;
    assert_int_equal(ws_client_request(&sample, &out), EH_OK);
    assert_int_equal(http_parse(&ps, buf_str(&out), 4096, &rq), buf_used(&out));
    assert_true(ws_key_is_valid(http_header(&rq, STR("Sec-WebSocket-Key"))));
    buf_done(&out);
}

static void refuses_texts_that_would_add_fields(void **state)
{
    static const struct {
        const char *host, *target, *authorization;
    } cases[] = {
        { "", "/", "" },
        { "h\r\nX: y", "/", "" },
        { "h h", "/", "" },
        { "u@h", "/", "" },
        { "h", "", "" },
        { "h", "a", "" },
        { "h", "*", "" },
        { "h", "http://h/", "" },
        { "h", "/ HTTP/1.1\r\nX: y", "" },
        { "h", "/a b", "" },
        { "h", "/\xc3\xa9", "" },
        { "h", "/", "Bearer a\r\nX: y" },
        { "h", "/", "Bearer a\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ws_handshake h = { .host = str_of(cases[i].host),
                                  .target = str_of(cases[i].target),
                                  .authorization = str_of(cases[i].authorization) };
        struct buf out = { 0 };

        if (ws_client_request(&h, &out) != EH_EINVAL)
            fail_msg("case %zu is accepted", i);
        assert_int_equal(buf_used(&out), 0);
    }
}

/* ---- the answer ---- */

#define ANSWER "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define BOTH   "Upgrade: websocket\r\nConnection: Upgrade\r\n"

static void checks_the_answer(void **state)
{
    static const struct {
        struct str answer;
        const char *fault; /* NULL: accepted */
    } cases[] = {
        { STR(ANSWER BOTH ACCEPT "\r\n"), NULL },
        { STR(ANSWER "upgrade: WebSocket\r\nConnection: x, UPGRADE\r\n" ACCEPT "\r\n"), NULL },
        { STR("HTTP/1.1 200 OK\r\n" BOTH ACCEPT "\r\n"), "status" },
        { STR("HTTP/1.1 404 Not Found\r\n\r\n"), "status" },
        { STR("HTTP/1.0 101 x\r\n" BOTH ACCEPT "\r\n"), "HTTP/1.1" },
        { STR(ANSWER "Connection: Upgrade\r\n" ACCEPT "\r\n"), "Upgrade" },
        { STR(ANSWER "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT "\r\n"), "Upgrade" },
        { STR(ANSWER "Upgrade: websocket\r\n" ACCEPT "\r\n"), "Connection" },
        { STR(ANSWER "Upgrade: websocket\r\nConnection: close\r\n" ACCEPT "\r\n"), "Connection" },
        { STR(ANSWER BOTH "\r\n"), "Sec-WebSocket-Accept" },
        { STR(ANSWER BOTH "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
          "Sec-WebSocket-Accept" },
        { STR(ANSWER BOTH ACCEPT ACCEPT "\r\n"), "Sec-WebSocket-Accept" },
        { STR(ANSWER BOTH ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
          "Extensions" },
        { STR(ANSWER BOTH ACCEPT "Sec-WebSocket-Protocol: a\r\n\r\n"), "Protocol" },
        { STR(ANSWER BOTH ACCEPT "Sec-WebSocket-Protocol:\r\n\r\n"), "Protocol" },
    };
    static struct http_reply reply;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_reply_parser ps = { 0 };
        const char *fault;

        assert_true(http_reply_parse(&ps, cases[i].answer, 4096, &reply) > 0);
        fault = ws_client_check(&sample, &reply);
        if (!fault != !cases[i].fault || (fault && !strstr(fault, cases[i].fault)))
            fail_msg("case %zu: %s", i, fault ? fault : "accepted");
    }
}

/* ---- frames ---- */

static const uint8_t mask[WS_MASK_LEN] = { 0x37, 0xfa, 0x21, 0x3d };

/* RFC 6455 5.7 */
static void masks_the_example_of_rfc_6455(void **state)
{
    struct buf out = { 0 };

    (void)state;
    buf_add_str(&out, STR("before"));
    ws_client_frame(&out, WS_OP_TEXT, STR("Hello"), mask);
    assert_str(buf_str(&out), "before\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    buf_done(&out);
}

/* Reads one frame as a server; the payload is a view into the frame. */
static struct ws_event read_frame(struct buf *frame)
{
    struct ws_decoder d;
    struct ws_event ev;

    ws_decoder_init(&d);
    assert_int_equal(ws_decode(&d, buf_head(frame), buf_used(frame), 1u << 20, &ev),
                     buf_used(frame));
    return ev;
}

static void encodes_what_a_server_reads(void **state)
{
    static const size_t sizes[] = { 0, 1, 7, 8, 125, 126, 65535, 65536, 1u << 20 };
    static char text[1u << 20];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf out = { 0 };
        struct ws_event ev;

        ws_client_frame(&out, WS_OP_TEXT, str_make(text, sizes[i]), mask);
        ev = read_frame(&out);
        assert_true(ev.op == WS_OP_TEXT && ev.last);
        assert_true(str_eq(ev.payload, str_make(text, sizes[i])));
        buf_done(&out);
    }
}

static void encodes_close_frames(void **state)
{
    struct buf out = { 0 };
    struct ws_event ev;

    (void)state;
    ws_client_close(&out, WS_CLOSE_NORMAL, STR("done"), mask);
    ev = read_frame(&out);
    assert_int_equal(ev.op, WS_OP_CLOSE);
    assert_int_equal(ev.close_code, WS_CLOSE_NORMAL);
    assert_str(ev.payload, "done");
    buf_clear(&out);
    ws_client_close(&out, WS_CLOSE_NONE, STR(""), mask);
    assert_int_equal(read_frame(&out).close_code, WS_CLOSE_NONE);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_handshake),
        cmocka_unit_test(writes_a_request_that_the_parser_accepts),
        cmocka_unit_test(refuses_texts_that_would_add_fields),
        cmocka_unit_test(checks_the_answer),
        cmocka_unit_test(masks_the_example_of_rfc_6455),
        cmocka_unit_test(encodes_what_a_server_reads),
        cmocka_unit_test(encodes_close_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
