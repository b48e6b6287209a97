/* stream_tls.c - the transport of a stream that speaks TLS.
 *
 * Writing: queued units leave in records of up to 16 KiB, each filled from as many units as fit.
 * OpenSSL writes to a BIO of ours, which takes every record whole and keeps what the socket did not
 * take (`wire`). So no write is ever pending inside OpenSSL. This is more than a convenience: a
 * read may make OpenSSL write too (an answer to a KeyUpdate), and that fails while another write is
 * pending. Kernel TLS was rejected because it cannot answer a KeyUpdate (docs/operations.md).
 *
 * Reading: OpenSSL reads ahead, with one recv for many small records. epoll does not know about the
 * bytes that OpenSSL holds, so a read that may have left some queues another read for the next
 * turn. OpenSSL reads on through records that bring no data (KeyUpdates, refused renegotiations),
 * so the BIO has a quota: no peer can keep OpenSSL busy for longer than a turn may take.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/outq.h"
#include "net/stream_transport.h"
#include "net/tls.h"
#include "net/tls_hello.h"

#define RECORD_MAX SSL3_RT_MAX_PLAIN_LENGTH
#define WIRE_MAX   (64 * 1024) /* a record, and far more KeyUpdates than an honest peer sends */
#define WHY_MAX    256

/* Bytes that one turn takes from the socket: a full record, or 600 KeyUpdates, which take 10 ms. */
#define READ_QUOTA SSL3_RT_MAX_PACKET_SIZE

struct stream_tls {
    struct stream_transport base;
    struct stream *stream;
    struct loop_task more; /* reads again */
    SSL *ssl;
    struct buf wire; /* encrypted bytes that the socket has not taken */
    struct tls_hello hello;
    size_t quota;        /* bytes that OpenSSL may still read from the socket in this turn */
    bool eof;            /* the socket is at its end */
    bool is_drained;     /* the last read got everything that the socket had */
    bool send_must_read; /* half a handshake message came: sending waits for the rest */
    int err;             /* the errno of its final failure; 0: it works */
};

static struct stream_tls *tls_of(const struct stream *s)
{
    return container_of((uintptr_t)s->transport, struct stream_tls, base);
}

/* ---- the BIO: between OpenSSL and the socket ---- */

static bool is_for_later(int err)
{
    return err == EAGAIN || err == EINTR;
}

/* Reports whether the handshake may go on with these bytes: no ClientHello is too long. */
static bool is_acceptable(struct stream_tls *t, const char *p, size_t n)
{
    OSSL_HANDSHAKE_STATE state = SSL_get_state(t->ssl);
    bool awaits_hello = state == TLS_ST_BEFORE || state == TLS_ST_SR_CLNT_HELLO ||
                        state == TLS_ST_EARLY_DATA; /* maybe a second one */

    if (!SSL_is_server(t->ssl) || !awaits_hello)
        t->hello.is_over = true;
    return tls_hello_fits(&t->hello, (const unsigned char *)p, n);
}

static int wire_read(BIO *bio, char *p, int n)
{
    struct stream_tls *t = BIO_get_data(bio);
    size_t most = (size_t)n < t->quota ? (size_t)n : t->quota;
    ssize_t got = most ? recv(t->stream->io.fd, p, most, 0) : -1;

    BIO_clear_retry_flags(bio);
    t->eof = got == 0;
    t->is_drained = most > 0 && got < (ssize_t)most;
    if (got > 0) {
        t->quota -= (size_t)got;
        if (t->stream->handshaking && !is_acceptable(t, p, (size_t)got)) {
            errno = EMSGSIZE;
            return -1;
        }
    } else if (most == 0 || (got < 0 && is_for_later(errno)))
        BIO_set_retry_read(bio); /* epoll reports the rest again */
    return (int)got;
}

/* Returns how many bytes of p the socket took; 0 if it is full, -1 with errno. */
static ssize_t push(struct stream_tls *t, const char *p, size_t n)
{
    ssize_t sent = send(t->stream->io.fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent < 0 && is_for_later(errno) ? 0 : sent;
}

static int wire_write(BIO *bio, const char *p, int n)
{
    struct stream_tls *t = BIO_get_data(bio);
    size_t all = (size_t)n;
    ssize_t sent = 0;

    BIO_clear_retry_flags(bio);
    if (buf_used(&t->wire) == 0)
        sent = push(t, p, all);
    if (sent < 0)
        return -1;
    if (buf_used(&t->wire) + all - (size_t)sent > WIRE_MAX) {
        errno = ENOBUFS;
        return -1;
    }
    buf_add(&t->wire, p + sent, all - (size_t)sent);
    return n;
}

static long wire_control(BIO *bio, int command, long number, void *arg)
{
    const struct stream_tls *t = BIO_get_data(bio);

    (void)number;
    (void)arg;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1; /* stream_flush flushes */
    case BIO_CTRL_EOF: return t->eof;
    default: return 0;
    }
}

static BIO_METHOD *wire_method; /* made once, never changed or freed */

static void make_wire_method(void)
{
    wire_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "eventhub stream");
    if (!wire_method || !BIO_meth_set_read(wire_method, wire_read) ||
        !BIO_meth_set_write(wire_method, wire_write) ||
        !BIO_meth_set_ctrl(wire_method, wire_control))
        mem_exhausted("OpenSSL");
}

static BIO *wire_create(struct stream_tls *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *bio;

    pthread_once(&once, make_wire_method);
    bio = BIO_new(wire_method);
    if (!bio)
        mem_exhausted("OpenSSL");
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- failing ---- */

static void note_why(struct stream_tls *t)
{
    long verified = SSL_get_verify_result(t->ssl);
    const char *text = ERR_reason_error_string(ERR_peek_error());
    char *why = mem_alloc(WHY_MAX);

    if (verified != X509_V_OK && SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE)
        (void)snprintf(why, WHY_MAX, "certificate refused: %s",
                       X509_verify_cert_error_string(verified));
    else
        (void)snprintf(why, WHY_MAX, "TLS: %s", text ? text : "protocol error");
    t->base.why = why;
}

static int fail(struct stream_tls *t, int err)
{
    if (err == EPROTO)
        note_why(t);
    ERR_clear_error();
    t->err = err;
    errno = err;
    return TRANSPORT_FAILED;
}

/* Called before each call to OpenSSL, so that the thread's error queue and errno are from that
 * call. */
static void begin(void)
{
    ERR_clear_error();
    errno = 0;
}

static int stopped(struct stream_tls *t, int rc)
{
    int err = errno;

    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ: return TRANSPORT_AGAIN;
    case SSL_ERROR_ZERO_RETURN: return TRANSPORT_END;
    case SSL_ERROR_SYSCALL: return fail(t, err ? err : ECONNRESET);
    default: return fail(t, EPROTO);
    }
}

static int failed_before(const struct stream_tls *t)
{
    errno = t->err;
    return TRANSPORT_FAILED;
}

/* ---- the operations ---- */

static int tls_flush(struct stream *s)
{
    struct stream_tls *t = tls_of(s);
    ssize_t sent;

    if (t->err)
        return failed_before(t);
    if (buf_used(&t->wire) == 0)
        return EH_OK;
    sent = push(t, buf_head(&t->wire), buf_used(&t->wire));
    if (sent < 0)
        return fail(t, errno);
    buf_consume(&t->wire, (size_t)sent);
    if (buf_used(&t->wire))
        return TRANSPORT_FULL;
    buf_done(&t->wire);
    return EH_OK;
}

/* Called after OpenSSL has read. */
static void note_unread(const struct stream_tls *t)
{
    if (!t->is_drained)
        loop_left_unread(t->stream->loop);
}

static int tls_handshake(struct stream *s)
{
    struct stream_tls *t = tls_of(s);
    int rc;

    EH_TRY(tls_flush(s));
    begin();
    t->quota = READ_QUOTA;
    rc = SSL_do_handshake(t->ssl);
    note_unread(t);
    if (rc != 1) {
        rc = stopped(t, rc);
        /* Bytes that the handshake wrote may wait for room. */
        return rc == TRANSPORT_AGAIN && buf_used(&t->wire) ? TRANSPORT_FULL : rc;
    }
    t->base.resumed = SSL_session_reused(t->ssl);
    if (buf_used(&t->wire))
        stream_block(s);
    return EH_OK;
}

static void read_again(struct stream_tls *t)
{
    loop_at_end(t->stream->loop, &t->more);
    loop_left_unread(t->stream->loop);
}

static void on_more(struct loop_task *task)
{
    struct stream *s = container_of(task, struct stream_tls, more)->stream;

    if (!s->paused && !s->ended)
        stream_read(s);
}

/* Reports whether a send that waited for input can go on, which it does at the next EPOLLOUT. */
static bool may_send_again(struct stream_tls *t)
{
    bool waited = t->send_must_read;

    if (SSL_in_init(t->ssl))
        return false;
    t->send_must_read = false;
    return waited;
}

static ssize_t tls_read(struct stream *s, char *p, size_t cap)
{
    struct stream_tls *t = tls_of(s);
    size_t total = 0, n;
    int stop = EH_OK;

    if (t->err)
        return failed_before(t);
    t->quota = READ_QUOTA;
    do {
        int rc;

        begin();
        rc = SSL_read_ex(t->ssl, p + total, cap - total, &n);
        if (rc == 1)
            total += n;
        else
            stop = stopped(t, rc);
    } while (!stop && total < cap && SSL_has_pending(t->ssl));
    note_unread(t);
    if (buf_used(&t->wire) || may_send_again(t))
        stream_block(s);
    if (total == 0)
        return stop;
    if (stop ? stop != TRANSPORT_AGAIN : SSL_has_pending(t->ssl))
        read_again(t);
    return (ssize_t)total;
}

static ssize_t tls_send(struct stream *s)
{
    struct stream_tls *t = tls_of(s);
    char record[RECORD_MAX];
    size_t n = outq_copy(s->out, record, sizeof(record));
    size_t taken;
    int rc;

    if (t->err)
        return failed_before(t);
    begin();
    rc = n ? SSL_write_ex(t->ssl, record, n, &taken) : 1;
    if (rc != 1) {
        rc = stopped(t, rc);
        t->send_must_read = rc == TRANSPORT_AGAIN;
        return rc;
    }
    if (buf_used(&t->wire))
        stream_block(s);
    return (ssize_t)n;
}

static void tls_resume(struct stream *s)
{
    read_again(tls_of(s));
}

/* Sends close_notify, once. A failed session can send nothing. */
static void send_close_notify(struct stream *s)
{
    struct stream_tls *t = tls_of(s);

    if (t->err || s->handshaking || (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN))
        return;
    begin();
    (void)SSL_shutdown(t->ssl); /* 0: the peer has not sent its own; we do not wait */
}

static int tls_finish(struct stream *s)
{
    struct stream_tls *t = tls_of(s);

    send_close_notify(s);
    if (buf_used(&t->wire))
        return TRANSPORT_FULL;
    (void)shutdown(s->io.fd, SHUT_WR);
    return EH_OK;
}

static void tls_close(struct stream *s)
{
    struct stream_tls *t = tls_of(s);

    send_close_notify(s); /* if there is room */
    loop_cancel(&t->more);
    SSL_free(t->ssl);
    ERR_clear_error();
    buf_done(&t->wire);
    free((char *)(uintptr_t)t->base.why);
    free(t);
}

static const struct stream_transport_ops tls_ops = {
    .handshake = tls_handshake,
    .read = tls_read,
    .send = tls_send,
    .flush = tls_flush,
    .resume = tls_resume,
    .finish = tls_finish,
    .close = tls_close,
};

void stream_use_tls(struct stream *s, struct tls *tls, const char *host)
{
    struct stream_tls *t = mem_zalloc(sizeof(*t));
    BIO *bio = wire_create(t);

    assert(!s->out && s->transport == &stream_plain);
    t->base.ops = &tls_ops;
    t->stream = s;
    t->more.fn = on_more;
    t->ssl = tls_session(tls, host);
    SSL_set_bio(t->ssl, bio, bio);
    s->transport = &t->base;
    s->handshaking = true;
    if (host && !s->connecting)
        stream_block(s); /* the client sends first */
}
