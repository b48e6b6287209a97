#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"
#include "proto/http.h"
#include "support/assert_str.h"

static void writes_response_heads(void **state)
{
    static const struct {
        struct http_response response;
        const char *want;
    } responses[] = {
        { { 200, "text/plain", 5, true, 0, { NULL, 0 } },
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
          "Connection: keep-alive\r\n\r\n" },
        { { 200, "text/plain", 5, true, 75, STR("Allow: GET\r\n") },
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
          "Connection: keep-alive\r\nKeep-Alive: timeout=75\r\nAllow: GET\r\n\r\n" },
        { { 405, NULL, 0, false, 75, STR("Allow: GET\r\n") },
          "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n"
          "Allow: GET\r\n\r\n" },
        { { 200, "text/event-stream", HTTP_NO_LENGTH, false, 0, { NULL, 0 } },
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" },
        { { 204, NULL, 0, true, 0, { NULL, 0 } },
          "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n" },
        { { 304, NULL, 0, true, 0, STR("ETag: \"1\"\r\n") },
          "HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\nETag: \"1\"\r\n\r\n" },
        { { 101, NULL, 0, true, 0, STR("Upgrade: websocket\r\n") },
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" },
    };
    struct buf out = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        buf_clear(&out);
        http_response_head(&out, &responses[i].response);
        assert_str(buf_str(&out), responses[i].want);
    }
    buf_done(&out);
}

static void has_a_reason_for_every_parser_status(void **state)
{
    static const int statuses[] = { 400, 414, 431, 501, 505 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        assert_string_not_equal(http_reason(statuses[i]), http_reason(999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_response_heads),
        cmocka_unit_test(has_a_reason_for_every_parser_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
