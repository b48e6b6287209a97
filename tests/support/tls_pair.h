/* tls_pair.h - a TLS stream as a server on one end of a socket pair, OpenSSL on the other.
 * The peer's OpenSSL works on memory: the test carries its bytes to and from the socket, in pieces
 * of any size.
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
    struct buf got; /* by the stream */
    size_t largest; /* piece of it */
    size_t sent;
    int opens, ends, end_err;
    bool pauses; /* at the next data */
    char why[256];
    int fd; /* the peer's, non-blocking; -1: closed */
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;   /* of ssl */
    size_t piece;    /* how many bytes are carried to the stream at a time */
    struct buf back; /* what the peer read */
};

extern struct tls_pair fx;
extern struct certs certs;
extern struct tls *server; /* one for all, as for all workers */

/* For cmocka: of the group, and of each test. */
int tls_pair_set_up_all(void **state);
int tls_pair_tear_down_all(void **state);
int tls_pair_set_up(void **state);
int tls_pair_tear_down(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, tls_pair_set_up, tls_pair_tear_down)

void connect_pair(void); /* done by tls_pair_set_up; again after disconnect_pair */
void disconnect_pair(void);
void turn(void); /* of the stream's loop */

void carry_out(void);       /* what the peer has to say, a piece a turn */
bool carry_in(size_t most); /* some of what the stream sent; false when there was nothing */
void handshake(void);       /* the whole handshake */
int read_back(void); /* what the peer can read now goes to fx.back; SSL_get_error's verdict */
void peer_write(const void *p, size_t n); /* for carry_out */

void assert_got(struct buf *b, const char *text); /* all that it holds; empties it */

#endif
