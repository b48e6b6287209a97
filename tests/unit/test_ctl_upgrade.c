/* test_ctl_upgrade.c - answers of servers to the handshake, and the texts for people (upgrade.h,
 * link_end.h, reply_reader.h).
 */
#include "ctl/link/upgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/array.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "proto/ws.h"
#include "support/assert_str.h"

static struct target plain = { .url = (char[]){ "ws://a" },
                               .authority = (char[]){ "a" },
                               .path = (char[]){ "/hub" } };
static struct target with_token = { .url = (char[]){ "ws://a" },
                                    .authority = (char[]){ "a" },
                                    .path = (char[]){ "" },
                                    .token = (char[]){ "abc" } };
static struct target with_tls = { .url = (char[]){ "wss://a" },
                                  .authority = (char[]){ "a" },
                                  .path = (char[]){ "" },
                                  .has_tls = true };

/* Gives the answer in pieces of `step` bytes, then ends the connection. */
static bool is_refused(const struct target *t, struct str answer, size_t step, struct buf *why,
                       struct link_end *end)
{
    struct upgrade u;
    enum upgrade_step result = UPGRADE_MORE;
    bool refused;

    upgrade_init(&u, t);
    while (answer.n && result == UPGRADE_MORE) {
        const size_t n = step < answer.n ? step : answer.n;
        size_t used;

        result = upgrade_take(&u, str_make(answer.p, n), &used, why, end);
        answer = str_skip(answer, n);
    }
    refused =
        result == UPGRADE_REFUSED || (result == UPGRADE_MORE && upgrade_is_refused(&u, why, end));
    upgrade_done(&u);
    return refused;
}

#define JSON(status, error)                                                                        \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"           \
    "{\"error\":\"" error "\"}"

static const struct {
    const struct target *target;
    const char *answer, *why;
    int status;
    bool is_final;
} refusals[] = {
    { &plain, JSON("401 Unauthorized", "there is no token"),
      "ws://a refused the connection: 401 there is no token; set EVENTHUB_TOKEN, or use "
      "--token-file",
      CTL_NOT_PERMITTED, true },
    { &with_token, JSON("401 Unauthorized", "the token has expired\\u001b[2J"),
      "ws://a refused the connection: 401 the token has expired\\x1b[2J; get a new token, or "
      "see what this one says: eventhubctl token inspect",
      CTL_NOT_PERMITTED, true },
    { &plain, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\noops",
      "ws://a is not an Eventhub server: it answered 404 Not Found; check the address and the "
      "path (--url)",
      CTL_NO_CONNECTION, true },
    { &plain, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
      "ws://a is not an Eventhub server: it answered 200 OK; check the address and the path "
      "(--url)",
      CTL_NO_CONNECTION, true },
    { &plain, "HTTP/1.0 301 Moved\r\nLocation: https://b/\x1b[1m\r\nContent-Length: 0\r\n\r\n",
      "ws://a is not an Eventhub server: it sent \"HTTP/1.0 301 Moved\"; check the address "
      "(--url)",
      CTL_NO_CONNECTION, true },
    { &plain, "HTTP/1.1 308 Moved\r\nLocation: https://b/\r\nContent-Length: 0\r\n\r\n",
      "ws://a is not an Eventhub server: it answered 308 Moved; use the address that it names: "
      "https://b/",
      CTL_NO_CONNECTION, true },
    { &plain, JSON("429 Too Many Requests", "too many connections"),
      "ws://a refused the connection: 429 too many connections; try again later", CTL_NO_CONNECTION,
      false },
    { &plain, "HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n",
      "ws://a refused the connection: 503 Service Unavailable; try again later", CTL_NO_CONNECTION,
      false },
    { &plain, "220 mail.example ESMTP\r\n",
      "ws://a is not an Eventhub server: it sent \"220 mail.example ESMTP\"; check the address "
      "(--url)",
      CTL_NO_CONNECTION, true },
    { &plain, "\x15\x03\x03\x02\x02\x0a",
      "ws://a is not an Eventhub server: it expects TLS; with TLS, the URL is wss://",
      CTL_NO_CONNECTION, true },
    { &plain,
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
      NULL, CTL_NO_CONNECTION, true },
};

static void says_why_it_was_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(refusals); i++) {
        const size_t at = i / 2;
        struct buf why = { 0 };
        struct link_end end;

        assert_true(is_refused(refusals[at].target, str_of(refusals[at].answer), i % 2 ? 1000 : 1,
                               &why, &end));
        if (refusals[at].why && (i % 2 || refusals[at].answer[0] == 'H'))
            assert_str(buf_str(&why), refusals[at].why);
        assert_int_equal(end.status, refusals[at].status);
        assert_int_equal(end.is_final, refusals[at].is_final);
        buf_done(&why);
    }
}

static void a_refusal_needs_no_body(void **state)
{
    struct buf why = { 0 };
    struct link_end end;

    (void)state;
    assert_true(is_refused(&plain, STR("HTTP/1.1 401 Unauthorized\r\nContent-Length: 99\r\n\r\n{"),
                           7, &why, &end));
    assert_str(buf_str(&why), "ws://a refused the connection: 401 Unauthorized; set "
                              "EVENTHUB_TOKEN, or use --token-file");
    buf_clear(&why);
    assert_false(is_refused(&plain, STR("HTTP/1.1 401 Unauth"), 7, &why, &end));
    assert_int_equal(buf_used(&why), 0);
    buf_done(&why);
}

static void a_refusal_may_not_be_endless(void **state)
{
    static char body[100 * 1024];
    struct buf answer = { 0 }, why = { 0 };
    struct link_end end;

    (void)state;
    memset(body, 'x', sizeof(body));
    buf_add_str(&answer, STR("HTTP/1.1 401 Unauthorized\r\n\r\n"));
    buf_add(&answer, body, sizeof(body));
    assert_true(is_refused(&plain, buf_str(&answer), 5000, &why, &end));
    assert_int_equal(end.status, CTL_NOT_PERMITTED);
    buf_clear(&answer);
    buf_clear(&why);
    buf_add_str(&answer, STR("HTTP/1.1 200 OK\r\nX: "));
    buf_add(&answer, body, sizeof(body));
    assert_true(is_refused(&plain, buf_str(&answer), 5000, &why, &end));
    assert_true(buf_used(&why) < 400);
    buf_done(&answer);
    buf_done(&why);
}

static void sends_the_path_and_the_token(void **state)
{
    struct upgrade u;
    struct buf out = { 0 }, why = { 0 };

    (void)state;
    upgrade_init(&u, &plain);
    assert_int_equal(upgrade_request(&u, &out, &why), EH_OK);
    assert_true(str_starts_with(buf_str(&out), STR("GET /hub/ HTTP/1.1\r\nHost: a\r\n")));
    assert_null(memmem(buf_head(&out), buf_used(&out), "Authorization", 13));
    upgrade_done(&u);
    buf_clear(&out);
    upgrade_init(&u, &with_token);
    assert_int_equal(upgrade_request(&u, &out, &why), EH_OK);
    assert_non_null(
        memmem(buf_head(&out), buf_used(&out), "\r\nAuthorization: Bearer abc\r\n", 28));
    upgrade_done(&u);
    buf_done(&out);
}

static void explains_closes(void **state)
{
    static const struct {
        int code;
        const char *reason, *why;
        int status;
        bool is_final;
    } cases[] = {
        { WS_CLOSE_NORMAL, "", "wss://a: the server closed the connection (code 1000)",
          CTL_NO_CONNECTION, false },
        { WS_CLOSE_GOING_AWAY, "server shutdown",
          "wss://a: the server is going away: server shutdown (code 1001)", CTL_NO_CONNECTION,
          false },
        { WS_CLOSE_POLICY, "the token has expired",
          "wss://a: the server ended the connection: the token has expired (code 1008)",
          CTL_NOT_PERMITTED, false },
        { WS_CLOSE_TOO_BIG, "",
          "wss://a: a message is larger than the server accepts (MAX_MESSAGE_SIZE) (code 1009)",
          CTL_NEGATIVE, false },
        { WS_CLOSE_TRY_AGAIN, "\x1b]0;x\a",
          "wss://a: the server closed the connection, because messages were read too slowly: "
          "\\x1b]0;x\\x07 (code 1013)",
          CTL_NO_CONNECTION, false },
        { WS_CLOSE_PROTOCOL, "bad frame",
          "wss://a: the server closed the connection: bad frame (code 1002)", CTL_NO_CONNECTION,
          true },
        { WS_CLOSE_NONE, "", "wss://a: the server closed the connection", CTL_NO_CONNECTION,
          false },
        { 4999, "", "wss://a: the server closed the connection (code 4999)", CTL_NO_CONNECTION,
          false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf why = { 0 };
        struct link_end end;

        link_end_closed(&why, &with_tls, cases[i].code, str_of(cases[i].reason), &end);
        assert_str(buf_str(&why), cases[i].why);
        assert_int_equal(end.status, cases[i].status);
        assert_int_equal(end.is_final, cases[i].is_final);
        buf_done(&why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_why_it_was_refused),
        cmocka_unit_test(a_refusal_needs_no_body),
        cmocka_unit_test(a_refusal_may_not_be_endless),
        cmocka_unit_test(sends_the_path_and_the_token),
        cmocka_unit_test(explains_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
