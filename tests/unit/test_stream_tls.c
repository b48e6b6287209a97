/* test_stream_tls.c - handshakes, sessions and certificates of a TLS stream, in both roles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "net/tls_tickets.h"
#include "support/send_units.h"
#include "support/tls_pair.h"

/* ---- the handshake, and small messages in both directions ---- */

static void exchange(size_t piece)
{
    fx.piece = piece;
    handshake();
    assert_int_equal(fx.opens, 1);
    assert_false(stream_is_handshaking(&fx.stream));
    peer_write("hello ", 6);
    peer_write("there", 5);
    carry_out();
    assert_got(&fx.got, "hello there");
    send_unit(&fx.stream, "head ", "body ");
    send_unit(&fx.stream, "a head that is longer than what fits into a unit: ", "tail");
    turn();
    while (carry_in(piece))
        (void)read_back();
    assert_got(&fx.back, "head body a head that is longer than what fits into a unit: tail");
    assert_int_equal(stream_queued(&fx.stream), 0);
    assert_null(fx.stream.out);
}

static void reads_records_cut_anywhere(void **state)
{
    const size_t pieces[] = { 1, 2, 5, 7, 100, 1000, ALL };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        disconnect_pair();
        connect_pair();
        fx.opens = 0;
        exchange(pieces[i]);
    }
}

static void speaks_tls_1_2(void **state)
{
    (void)state;
    SSL_set_max_proto_version(fx.ssl, TLS1_2_VERSION);
    exchange(3);
    assert_string_equal(SSL_get_version(fx.ssl), "TLSv1.2");
}

/* The client's Finished and its request come in one packet, so nothing wakes the loop again. */
static void reads_data_that_follows_the_handshake_at_once(void **state)
{
    (void)state;
    assert_int_not_equal(SSL_do_handshake(fx.ssl), 1);
    carry_out();
    while (carry_in(ALL))
        ;
    assert_int_equal(SSL_do_handshake(fx.ssl), 1);
    peer_write("GET /", 5);
    carry_out();
    assert_got(&fx.got, "GET /");
}

static void holds_output_until_the_handshake_is_over(void **state)
{
    (void)state;
    send_unit(&fx.stream, "", "early");
    stream_flush(&fx.stream);
    assert_int_equal(fx.sent, 0);
    handshake();
    assert_int_equal(fx.sent, 5);
    while (carry_in(ALL))
        ;
    (void)read_back();
    assert_got(&fx.back, "early");
}

/* ---- refused peers ---- */

static void assert_refused(int err, const char *why)
{
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, err);
    assert_int_equal(fx.opens, 0);
    if (!strstr(fx.why, why))
        fail_msg("want '%s', got '%s'", why, fx.why);
    assert_int_equal(ERR_peek_error(), 0); /* leaves no error for later calls on this thread */
}

static void refuses_plain_http(void **state)
{
    const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    (void)state;
    assert_int_equal(write(fx.fd, request, sizeof(request) - 1), sizeof(request) - 1);
    turn();
    assert_refused(EPROTO, "TLS: http request");
}

static void refuses_garbage(void **state)
{
    (void)state;
    assert_int_equal(write(fx.fd, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b", 11), 11);
    turn();
    assert_refused(EPROTO, "TLS: ");
}

static void refuses_old_versions(void **state)
{
    (void)state;
    SSL_set_security_level(fx.ssl, 0);
    SSL_set_min_proto_version(fx.ssl, TLS1_VERSION);
    SSL_set_max_proto_version(fx.ssl, TLS1_1_VERSION);
    SSL_set_cipher_list(fx.ssl, "ALL:@SECLEVEL=0");
    (void)SSL_do_handshake(fx.ssl);
    carry_out();
    assert_refused(EPROTO, "TLS: unsupported protocol");
}

static void offer_alpn(const char *list)
{
    assert_int_equal(
        SSL_set_alpn_protos(fx.ssl, (const unsigned char *)list, (unsigned)strlen(list)), 0);
}

static void selects_http_1_1_by_alpn(void **state)
{
    const unsigned char *chosen;
    unsigned n;

    (void)state;
    offer_alpn("\x02h2\x08http/1.1");
    handshake();
    SSL_get0_alpn_selected(fx.ssl, &chosen, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
}

static void refuses_alpn_without_http_1_1(void **state)
{
    (void)state;
    offer_alpn("\x02h2");
    (void)SSL_do_handshake(fx.ssl);
    carry_out();
    assert_refused(EPROTO, "TLS: ");
    while (carry_in(ALL))
        ;
    (void)SSL_do_handshake(fx.ssl);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    ERR_clear_error();
}

static void reports_an_end_within_the_handshake(void **state)
{
    (void)state;
    (void)SSL_do_handshake(fx.ssl);
    fx.piece = 10;
    carry_out();
    shutdown(fx.fd, SHUT_WR);
    turn();
    assert_refused(0, "");
}

static void refuses_a_changed_record(void **state)
{
    char p[256];
    int n;

    (void)state;
    handshake();
    peer_write("hello", 5);
    n = BIO_read(fx.out, p, sizeof(p));
    assert_true(n > 10);
    p[n - 1] ^= 1;
    assert_int_equal(write(fx.fd, p, (size_t)n), n);
    turn();
    assert_int_equal(fx.end_err, EPROTO);
    assert_int_equal(buf_used(&fx.got), 0);
}

/* ---- sessions and reloading ---- */

static SSL_SESSION *session_now(void)
{
    while (carry_in(ALL))
        ;
    (void)read_back(); /* the tickets of TLS 1.3 come after the handshake */
    return SSL_get1_session(fx.ssl);
}

static SSL_SESSION *session_of_first(void)
{
    handshake();
    assert_false(stream_was_resumed(&fx.stream));
    return session_now();
}

static bool resumes(SSL_SESSION *session)
{
    disconnect_pair();
    connect_pair();
    SSL_set_session(fx.ssl, session);
    handshake();
    assert_int_equal(SSL_session_reused(fx.ssl), stream_was_resumed(&fx.stream));
    return stream_was_resumed(&fx.stream);
}

static void resumes_sessions(void **state)
{
    const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session, *next;

        SSL_CTX_set_max_proto_version(fx.ctx, versions[i]);
        disconnect_pair();
        connect_pair();
        session = session_of_first();
        assert_true(resumes(session));
        next = session_now();
        assert_int_equal(next != session,
                         versions[i] == TLS1_3_VERSION); /* TLS 1.3: a new ticket for each use */
        assert_true(resumes(next));
        assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(next), TLS_TICKET_S);
        SSL_SESSION_free(session);
        SSL_SESSION_free(next);
    }
}

static void expect_subject(const char *cn)
{
    X509 *x = SSL_get1_peer_certificate(fx.ssl);
    char text[64];

    assert_non_null(x);
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, text, sizeof(text));
    assert_string_equal(text, cn);
    X509_free(x);
}

static void reload(const char *certificate)
{
    const struct tls_files files = { certificate, certs.key, "" };
    char why[TLS_WHY_MAX];

    assert_int_equal(tls_reload(server, &files, why), EH_OK);
}

static void uses_a_reloaded_certificate_for_new_connections(void **state)
{
    SSL_SESSION *session = session_of_first();

    (void)state;
    expect_subject("first");
    reload(certs.second);
    peer_write("still here", 10);
    carry_out();
    assert_got(&fx.got, "still here");
    assert_false(resumes(session)); /* so the client sees the new certificate */
    expect_subject("second");
    reload(certs.cert);
    SSL_SESSION_free(session);
}

/* ---- a stream as the client ---- */

struct client {
    struct stream stream;
    int opens, ends;
    char got[64];
    char why[256];
};

static struct client client;

static void client_on_open(struct stream *s)
{
    client.opens++;
    stream_write(s, STR("question"));
}

static void client_on_data(struct stream *s, char *p, size_t n)
{
    (void)s;
    (void)snprintf(client.got, sizeof(client.got), "%.*s", (int)n, p);
}

static void client_on_end(struct stream *s, int err)
{
    client.ends++;
    (void)snprintf(client.why, sizeof(client.why), "%s", stream_why(s, err));
    stream_close(s);
}

static const struct stream_events client_events = {
    .on_open = client_on_open,
    .on_data = client_on_data,
    .on_end = client_on_end,
};

/* Connects a client stream to the server stream, in place of the fixture's peer. */
static void talk_to(enum tls_role role, const struct tls_files *files, const char *host)
{
    char why[TLS_WHY_MAX];
    struct tls *t;

    disconnect_pair();
    connect_pair();
    fx.opens = fx.ends = 0;
    client = (struct client){ .opens = 0 };
    assert_int_equal(tls_create(role, files, &t, why), EH_OK);
    assert_int_equal(stream_open(&client.stream, fx.loop, fx.fd, &client_events), EH_OK);
    fx.fd = -1;
    stream_use_tls(&client.stream, t, host);
    for (int i = 0; i < 20; i++)
        turn();
    tls_free(t); /* the session lives on */
}

static void connects_to_a_verified_server(void **state)
{
    const struct tls_files cases[] = { { "", "", certs.ca }, { certs.cert, certs.key, certs.ca } };
    const char *const hosts[] = { "localhost", "localhost.", "127.0.0.1", "::1" };

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        talk_to(TLS_CLIENT, &cases[i / 4], hosts[i % 4]);
        assert_int_equal(client.opens, 1);
        assert_int_equal(fx.opens, 1);
        assert_got(&fx.got, "question");
        send_unit(&fx.stream, "", "answer");
        turn();
        turn();
        assert_string_equal(client.got, "answer");
        stream_close(&client.stream);
        turn();
        assert_int_equal(fx.ends, 1);
        assert_int_equal(fx.end_err, 0);
    }
}

static void assert_client_refuses(const char *ca, const char *host, const char *why)
{
    talk_to(TLS_CLIENT, &(struct tls_files){ "", "", ca }, host);
    assert_int_equal(client.opens, 0);
    assert_int_equal(client.ends, 1);
    if (!strstr(client.why, why))
        fail_msg("want '%s', got '%s'", why, client.why);
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, EPROTO); /* the client sent an alert */
    assert_int_equal(buf_used(&fx.got), 0);
}

static void refuses_other_servers_and_reports_why(void **state)
{
    (void)state;
    assert_client_refuses(certs.ca, "example.com", "certificate refused: hostname mismatch");
    assert_client_refuses(certs.ca, "127.0.0.2", "certificate refused: IP address mismatch");
    assert_client_refuses(certs.ca, "::2", "certificate refused: IP address mismatch");
    assert_client_refuses(certs.ca, ".", "certificate refused: hostname mismatch");
    assert_client_refuses(certs.other_ca, "localhost", "certificate refused: unable to get");
    reload(certs.expired);
    assert_client_refuses(certs.ca, "localhost", "certificate refused: certificate has expired");
    reload(certs.cert);
}

/* Neither the CA nor the name nor the time is checked. */
static void connects_to_any_server_if_insecure(void **state)
{
    const struct tls_files files = { "", "", certs.other_ca };
    const char *const hosts[] = { "localhost", "example.com", "127.0.0.2" };

    (void)state;
    reload(certs.expired);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        talk_to(TLS_CLIENT_INSECURE, &files, hosts[i]);
        assert_int_equal(client.opens, 1);
        assert_got(&fx.got, "question");
        send_unit(&fx.stream, "", "\x81");
        turn();
        turn();
        assert_string_equal(client.got, "\x81");
        stream_close(&client.stream);
        turn();
    }
    reload(certs.cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_records_cut_anywhere),
        TEST(speaks_tls_1_2),
        TEST(reads_data_that_follows_the_handshake_at_once),
        TEST(holds_output_until_the_handshake_is_over),
        TEST(refuses_plain_http),
        TEST(refuses_garbage),
        TEST(refuses_old_versions),
        TEST(selects_http_1_1_by_alpn),
        TEST(refuses_alpn_without_http_1_1),
        TEST(reports_an_end_within_the_handshake),
        TEST(refuses_a_changed_record),
        TEST(resumes_sessions),
        TEST(uses_a_reloaded_certificate_for_new_connections),
        TEST(connects_to_a_verified_server),
        TEST(refuses_other_servers_and_reports_why),
        TEST(connects_to_any_server_if_insecure),
    };

    return cmocka_run_group_tests(tests, tls_pair_set_up_all, tls_pair_tear_down_all);
}
