#include "app/conn/conn_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "app/conn/worker_state.h"
#include "base/array.h"
#include "net/cidr.h"
#include "proto/http.h"

static const struct {
    const char *trusted, *peer;
    const char *lines[3];
    const char *client;
} cases[] = {
    /* the peer is not trusted */
    { "", "10.0.0.1", { "1.1.1.1" }, "10.0.0.1:0" },
    { "10.0.0.2", "10.0.0.1:5", { "1.1.1.1" }, "10.0.0.1:5" },
    { "10.0.0.0/8", "9.9.9.9:5", { "1.1.1.1, 10.0.0.1" }, "9.9.9.9:5" },
    /* the field is missing or empty */
    { "10.0.0.0/8", "10.0.0.1:5", { NULL }, "10.0.0.1:5" },
    { "10.0.0.0/8", "10.0.0.1:5", { "" }, "10.0.0.1:5" },
    /* the last address that is not trusted; anyone can have written the ones before it */
    { "10.0.0.0/8", "10.0.0.1", { "1.1.1.1" }, "1.1.1.1:0" },
    { "10.0.0.0/8", "10.0.0.1", { "6.6.6.6, 1.1.1.1" }, "1.1.1.1:0" },
    { "10.0.0.0/8", "10.0.0.1", { "6.6.6.6,1.1.1.1 ,\t10.0.0.2" }, "1.1.1.1:0" },
    { "10.0.0.0/8,::1", "::1", { "6.6.6.6, 1.1.1.1, 10.0.0.2" }, "1.1.1.1:0" },
    { "10.0.0.0/8", "10.0.0.1", { "10.0.0.6, 1.1.1.1, 10.0.0.2" }, "1.1.1.1:0" },
    /* all are trusted: the first address */
    { "10.0.0.0/8", "10.0.0.1", { "10.0.0.3, 10.0.0.2" }, "10.0.0.3:0" },
    /* several lines are one list */
    { "10.0.0.0/8", "10.0.0.1", { "6.6.6.6", "1.1.1.1", "10.0.0.2" }, "1.1.1.1:0" },
    { "10.0.0.0/8", "10.0.0.1", { "6.6.6.6, 1.1.1.1", "10.0.0.3, 10.0.0.2" }, "1.1.1.1:0" },
    /* other spellings */
    { "10.0.0.0/8", "10.0.0.1", { "1.1.1.1:4711" }, "1.1.1.1:4711" },
    { "10.0.0.0/8", "10.0.0.1", { "2001:db8::1" }, "[2001:db8::1]:0" },
    { "10.0.0.0/8", "10.0.0.1", { "[2001:db8::1]:4711" }, "[2001:db8::1]:4711" },
    /* a malformed address ends the search at the proxy that sent it */
    { "10.0.0.0/8", "10.0.0.1:5", { "unknown" }, "10.0.0.1:5" },
    { "10.0.0.0/8", "10.0.0.1", { "1.1.1.1, unknown, 10.0.0.2" }, "10.0.0.2:0" },
    { "10.0.0.0/8", "10.0.0.1", { "1.1.1.1", "", "10.0.0.2" }, "10.0.0.2:0" },
    { "10.0.0.0/8", "10.0.0.1", { "1.1.1.1,," }, "10.0.0.1:0" },
    /* the other end of a Unix socket is always trusted */
    { "", "::", { NULL }, "unix" },
    { "", "::", { "" }, "unix" },
    { "", "::", { "unknown" }, "unix" },
    { "", "::", { "6.6.6.6, 1.1.1.1" }, "1.1.1.1:0" },
    { "", "::", { "6.6.6.6", "1.1.1.1:7" }, "1.1.1.1:7" },
    { "10.0.0.0/8", "::", { "6.6.6.6, 1.1.1.1, 10.0.0.2" }, "1.1.1.1:0" },
    /* and nobody can claim to be one */
    { "10.0.0.0/8", "10.0.0.1", { "6.6.6.6, ::" }, "10.0.0.1:0" },
    { "10.0.0.0/8", "10.0.0.1", { "6.6.6.6, [::]:0" }, "10.0.0.1:0" },
    { "", "::", { "6.6.6.6, ::" }, "unix" },
};

static void finds_the_client_behind_trusted_proxies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request rq = { .n_headers = 1 };
        struct cidr_list trusted;
        struct sock_addr peer;
        char shown[SOCK_ADDR_TEXT];

        rq.headers[0] = (struct http_header){ STR("Forwarded"), STR("for=7.7.7.7") };
        for (size_t j = 0; j < 3 && cases[i].lines[j]; j++)
            rq.headers[rq.n_headers++] =
                (struct http_header){ STR("x-forwarded-FOR"), str_of(cases[i].lines[j]) };
        assert_int_equal(sock_addr_parse(str_of(cases[i].peer), &peer), EH_OK);
        assert_int_equal(cidr_list_parse(str_of(cases[i].trusted), &trusted), EH_OK);
        forwarded_find(&trusted, &rq, &peer);
        sock_addr_format(&peer, shown);
        if (!str_eq(str_of(shown), str_of(cases[i].client)))
            fail_msg("case %zu: want %s, got %s", i, cases[i].client, shown);
        cidr_list_done(&trusted);
    }
}

/* Reads a PROXY header from the end of a Unix socket, or from 10.0.0.1:5. */
static void assert_proxy_names(bool is_unix, const char *header, const char *client)
{
    static const struct config config = { .proxy_protocol = true };
    const struct context context = { .config = &config };
    struct worker w = { .context = &context };
    struct conn_client cl = { 0 };
    char shown[SOCK_ADDR_TEXT];

    if (!is_unix)
        assert_int_equal(sock_addr_parse(STR("10.0.0.1:5"), &cl.link), EH_OK);
    cl.addr = cl.link;
    assert_int_equal(conn_client_read_proxy(&cl, &w, str_of(header)), strlen(header));
    sock_addr_format(&cl.addr, shown);
    assert_string_equal(shown, client);
    assert_memory_equal(&cl.addr, &cl.link, sizeof(cl.addr));
}

static void takes_the_client_from_the_proxy_header(void **state)
{
    (void)state;
    assert_proxy_names(true, "PROXY UNKNOWN\r\n", "unix");
    assert_proxy_names(true, "PROXY TCP4 1.1.1.1 2.2.2.2 7 8\r\n", "1.1.1.1:7");
    assert_proxy_names(false, "PROXY TCP4 1.1.1.1 2.2.2.2 7 8\r\n", "1.1.1.1:7");
    assert_proxy_names(false, "PROXY TCP6 :: ::1 7 8\r\n", "10.0.0.1:5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_client_behind_trusted_proxies),
        cmocka_unit_test(takes_the_client_from_the_proxy_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
