/* test_stream_tls_abuse.c - peers that use rare or expensive parts of TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/send_units.h"
#include "support/tls_pair.h"

/* ---- the size of a ClientHello ---- */

static const char huge_hello[] = "\x16\x03\x01\x00\x04\x01\x01\xff\x00"; /* only its announcement */

static void refuses_a_huge_client_hello_at_once(void **state)
{
    (void)state;
    assert_int_equal(write(fx.fd, huge_hello, 9), 9);
    turn();
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, EMSGSIZE);
}

/* Replaces X448, the last group of the client, and its key share by an unknown group. The server
 * then asks for a second ClientHello. */
static void spoil_key_share(char *hello, size_t n)
{
    char *groups = memmem(hello, n, "\x00\x1d\x00\x17\x00\x1e", 6);
    char *share = memmem(hello, n, "\x00\x1d\x00\x20", 4); /* X25519, 32 bytes */

    assert_true(groups && share);
    memcpy(groups + 4, "\x6a\x6a", 2);
    memcpy(share, "\x6a\x6a", 2);
}

static void refuses_a_huge_second_client_hello(void **state)
{
    char p[2000];
    int n;

    (void)state;
    assert_int_equal(SSL_set1_groups_list(fx.ssl, "X25519:P-256:X448"), 1); /* one key share */
    assert_int_equal(SSL_do_handshake(fx.ssl), -1);
    n = BIO_read(fx.out, p, sizeof(p));
    spoil_key_share(p, (size_t)n);
    assert_int_equal(write(fx.fd, p, (size_t)n), n);
    turn();
    assert_int_equal(fx.ends, 0);
    assert_true(read(fx.fd, p, sizeof(p)) > 6);
    assert_int_equal(p[5], 2); /* a HelloRetryRequest is a ServerHello */
    assert_int_equal(write(fx.fd, huge_hello, 9), 9);
    turn();
    assert_int_equal(fx.ends, 1);
    assert_int_equal(fx.end_err, EMSGSIZE);
}

/* ---- keys (RFC 8446 4.6.3) ---- */

static int unread(void)
{
    int n = 0;

    assert_int_equal(ioctl(fx.stream.io.fd, FIONREAD, &n), 0);
    return n;
}

/* Key updates bring no data, and OpenSSL would read one after the other without returning. */
static void returns_to_the_loop_between_key_updates(void **state)
{
    char p[200000];
    int n;

    (void)state;
    handshake();
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(SSL_key_update(fx.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(fx.ssl), 1);
    }
    peer_write("ping", 4);
    n = BIO_read(fx.out, p, sizeof(p));
    assert_true(n > 4 * SSL3_RT_MAX_PACKET_SIZE && n < (int)sizeof(p));
    assert_int_equal(send(fx.fd, p, (size_t)n, MSG_NOSIGNAL), n);
    for (int left = n; left > 0; left = unread()) {
        turn();
        assert_true(unread() < left);
        assert_true(left - unread() <= SSL3_RT_MAX_PACKET_SIZE);
    }
    turn();
    assert_got(&fx.got, "ping");
}

/* ---- records that OpenSSL does not write ---- */

#define SECRET_BYTES 32

static unsigned char secret[SECRET_BYTES]; /* encrypts the peer's records */

/* Reads the line `label client_random secret`, in hex. */
static void on_key(const SSL *ssl, const char *line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    const char *hex = strrchr(line, ' ') + 1;

    (void)ssl;
    if (strncmp(line, label, sizeof(label) - 1) != 0)
        return;
    for (size_t i = 0; i < SECRET_BYTES; i++) {
        char byte[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

        secret[i] = (unsigned char)strtoul(byte, NULL, 16);
    }
}

static void derive(const char *label, unsigned char *ret, size_t n)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, sizeof(secret)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (char[]){ "tls13 " }, 6),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (char *)(uintptr_t)label,
                                          strlen(label)),
        OSSL_PARAM_construct_end(),
    };

    assert_int_equal(EVP_KDF_derive(ctx, ret, n, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

/* Sends part of a handshake message as its own record, with this sequence number. */
static void send_handshake_record(unsigned char number, const char *text, int n)
{
    unsigned char key[16], iv[12], record[64] = { 23, 3, 3, 0, (unsigned char)(n + 1 + 16) };
    const unsigned char type = 22;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *to = record + 5;
    int got;

    derive("key", key, sizeof(key));
    derive("iv", iv, sizeof(iv));
    iv[11] ^= number;
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &got, record, 5), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, to, &got, (const unsigned char *)text, n), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, to + n, &got, &type, 1), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, to + n + 1, &got), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, to + n + 1), 1);
    EVP_CIPHER_CTX_free(ctx);
    assert_int_equal(send(fx.fd, record, (size_t)n + 22, MSG_NOSIGNAL), n + 22);
    turn();
}

/* OpenSSL does not write while it has half a key update. The other half must release the output. */
static void accepts_a_key_update_in_two_records(void **state)
{
    (void)state;
    SSL_CTX_set_keylog_callback(fx.ctx, on_key);
    assert_int_equal(SSL_set_ciphersuites(fx.ssl, "TLS_AES_128_GCM_SHA256"), 1);
    handshake();
    while (carry_in(ALL))
        assert_int_equal(read_back(), SSL_ERROR_WANT_READ); /* tickets */
    send_handshake_record(0, "\x18\x00\x00\x01", 4);
    send_unit(&fx.stream, "", "waits");
    turn();
    turn();
    assert_int_equal(fx.ends, 0);
    assert_false(carry_in(ALL));
    send_handshake_record(1, "\x00", 1);
    turn();
    assert_int_equal(fx.ends, 0);
    assert_true(carry_in(ALL));
    assert_int_equal(read_back(), SSL_ERROR_WANT_READ);
    assert_got(&fx.back, "waits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_a_huge_client_hello_at_once),
        TEST(refuses_a_huge_second_client_hello),
        TEST(returns_to_the_loop_between_key_updates),
        TEST(accepts_a_key_update_in_two_records),
    };

    return cmocka_run_group_tests(tests, tls_pair_set_up_all, tls_pair_tear_down_all);
}
