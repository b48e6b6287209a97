#include "support/tls_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct tls_pair fx;
struct certs certs;
struct tls *server;

static void on_open(struct stream *s)
{
    (void)s;
    fx.opens++;
}

static void on_data(struct stream *s, char *p, size_t n)
{
    buf_add(&fx.got, p, n);
    if (n > fx.largest)
        fx.largest = n;
    if (fx.pauses)
        stream_pause(s);
}

static void on_end(struct stream *s, int err)
{
    fx.ends++;
    fx.end_err = err;
    (void)snprintf(fx.why, sizeof(fx.why), "%s", err ? stream_why(s, err) : "");
    stream_flush(s);
    stream_close(s);
}

static void on_sent(struct stream *s, size_t sent)
{
    (void)s;
    fx.sent += sent;
}

static const struct stream_events events = {
    .on_open = on_open,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
};

static void on_stop(struct loop_task *task)
{
    (void)task;
    loop_stop(fx.loop);
}

void turn(void)
{
    loop_at_end(fx.loop, &fx.stop);
    loop_run(fx.loop);
}

void connect_pair(void)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    fx.fd = fds[1];
    assert_int_equal(stream_open(&fx.stream, fx.loop, fds[0], &events), EH_OK);
    stream_use_tls(&fx.stream, server, NULL);
    fx.ssl = SSL_new(fx.ctx);
    fx.in = BIO_new(BIO_s_mem());
    fx.out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(fx.in, -1);
    SSL_set_bio(fx.ssl, fx.in, fx.out);
    SSL_set_connect_state(fx.ssl);
}

void disconnect_pair(void)
{
    stream_close(&fx.stream);
    if (fx.fd >= 0)
        close(fx.fd);
    fx.fd = -1;
    if (fx.ssl) /* otherwise OpenSSL forgets its session */
        SSL_set_shutdown(fx.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(fx.ssl);
    fx.ssl = NULL;
}

int tls_pair_set_up(void **state)
{
    (void)state;
    fx = (struct tls_pair){ .piece = ALL };
    fx.stop.fn = on_stop;
    fx.ctx = SSL_CTX_new(TLS_client_method());
    if (loop_create(&fx.loop) < 0)
        return -1;
    connect_pair();
    return 0;
}

int tls_pair_tear_down(void **state)
{
    (void)state;
    disconnect_pair();
    if (*loop_waiting(fx.loop) != 0)
        return -1; /* queued output was not released */
    loop_free(fx.loop);
    SSL_CTX_free(fx.ctx);
    buf_done(&fx.got);
    buf_done(&fx.back);
    return 0;
}

void carry_out(void)
{
    char p[200000];
    int n;

    do {
        n = BIO_read(fx.out, p, fx.piece < sizeof(p) ? (int)fx.piece : (int)sizeof(p));
        if (n > 0)
            assert_int_equal(send(fx.fd, p, (size_t)n, MSG_NOSIGNAL), n);
        turn();
    } while (n > 0);
}

bool carry_in(size_t most)
{
    char p[65536];
    ssize_t n = recv(fx.fd, p, most < sizeof(p) ? most : sizeof(p), 0);

    if (n <= 0)
        return false;
    assert_int_equal(BIO_write(fx.in, p, (int)n), n);
    return true;
}

void handshake(void)
{
    for (int i = 0; i < 10 && SSL_do_handshake(fx.ssl) != 1; i++) {
        carry_out();
        while (carry_in(ALL))
            ;
    }
    assert_true(SSL_is_init_finished(fx.ssl));
    carry_out();
}

int read_back(void)
{
    char p[4096];
    int n;

    ERR_clear_error();
    while ((n = SSL_read(fx.ssl, p, sizeof(p))) > 0)
        buf_add(&fx.back, p, (size_t)n);
    return SSL_get_error(fx.ssl, n);
}

void peer_write(const void *p, size_t n)
{
    assert_int_equal(SSL_write(fx.ssl, p, (int)n), (int)n);
}

void assert_got(struct buf *b, const char *text)
{
    assert_int_equal(buf_used(b), strlen(text));
    assert_memory_equal(buf_head(b), text, strlen(text));
    buf_clear(b);
}

int tls_pair_set_up_all(void **state)
{
    char why[TLS_WHY_MAX];

    (void)state;
    certs_make(&certs);
    return tls_create(TLS_SERVER, &(struct tls_files){ certs.cert, certs.key, "" }, &server, why);
}

int tls_pair_tear_down_all(void **state)
{
    (void)state;
    tls_free(server);
    certs_remove(&certs);
    return 0;
}
