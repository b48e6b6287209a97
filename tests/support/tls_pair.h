/* tls_pair.h - a TLS stream as the server on one end of a socket pair, and a peer on the other.
 * The peer is OpenSSL on memory buffers: the test carries its bytes to and from the socket, in
 * pieces of any size. cmocka runs the set-up functions before the group and before each test.
 */
#ifndef EH_TESTS_TLS_PAIR_H
#define EH_TESTS_TLS_PAIR_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/buf.h"
#include "net/stream.h"
#include "net/tls.h"
#include "support/certs.h"

#define ALL SIZE_MAX

struct tls_pair {
    struct loop *loop;
    struct loop_task stop;
    struct stream stream;
    struct buf got; /* received by the stream */
    size_t largest; /* piece passed to on_data */
    size_t sent;
    int opens, ends, end_err;
    bool pauses; /* pause at the next data */
    char why[256];
    int fd; /* the peer's end, non-blocking; -1: closed */
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;   /* of ssl */
    size_t piece;    /* bytes that carry_out carries in a turn */
    struct buf back; /* received by the peer */
};

extern struct tls_pair fx;
extern struct certs certs;
extern struct tls *server; /* shared by all streams, as by all workers */

/* For the group (_all) and for each test. */
int tls_pair_set_up_all(void **state);
int tls_pair_tear_down_all(void **state);
int tls_pair_set_up(void **state);
int tls_pair_tear_down(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, tls_pair_set_up, tls_pair_tear_down)

void connect_pair(void); /* tls_pair_set_up calls it; needed again after disconnect_pair */
void disconnect_pair(void);
void turn(void); /* runs one turn of the stream's loop */

void carry_out(void);       /* carries the peer's output to the stream, a piece a turn */
bool carry_in(size_t most); /* carries up to `most` bytes to the peer; false: there were none */
void handshake(void);       /* completes the handshake */
int read_back(void);        /* lets the peer read into fx.back; returns SSL_get_error */
void peer_write(const void *p, size_t n); /* carry_out sends it */

void assert_got(struct buf *b, const char *text); /* compares the whole buffer and empties it */

#endif
