#include "net/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls_tickets.h"

/* For TLS 1.2; all ciphers of TLS 1.3 are good. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls {
    enum tls_role role;
    pthread_mutex_t lock;
    SSL_CTX *ctx;
};

/* ---- failures ---- */

static int refuse(char *why, const char *format, ...) EH_PRINTF(2, 3);

static int refuse(char *why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, TLS_WHY_MAX, format, args);
    va_end(args);
    ERR_clear_error();
    return EH_EINVAL;
}

/* Returns the oldest entry of the error queue, which is the first cause. */
static const char *reason(void)
{
    unsigned long err = ERR_peek_error();
    const char *text;

    if (ERR_GET_LIB(err) == ERR_LIB_PEM && ERR_GET_REASON(err) == PEM_R_NO_START_LINE)
        return "not in PEM form";
    text = ERR_reason_error_string(err);
    return text ? text : "unknown error";
}

/* Checks that the file can be read, since OpenSSL's texts for this are poor. */
static int check_readable(const char *what, const char *path, char *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char byte;

    if (fd < 0)
        return refuse(why, "%s %s: %s", what, path, strerror(errno));
    if (read(fd, &byte, 1) < 0) {
        (void)refuse(why, "%s %s: %s", what, path, strerror(errno));
        close(fd);
        return EH_EINVAL;
    }
    close(fd);
    return EH_OK;
}

/* ---- files into a context ---- */

/* Refuses encrypted keys; otherwise OpenSSL would ask for a password on the terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    bool *asked = arg;

    (void)buf;
    (void)size;
    (void)writing;
    *asked = true;
    return -1;
}

static int read_private_key(const char *path, EVP_PKEY **ret, char *why)
{
    bool asked = false;
    BIO *in;

    EH_TRY(check_readable("private key", path, why));
    in = BIO_new_file(path, "r");
    *ret = in ? PEM_read_bio_PrivateKey(in, NULL, no_password, &asked) : NULL;
    BIO_free(in);
    if (asked)
        return refuse(why, "private key %s: encrypted, which is not supported", path);
    return *ret ? EH_OK : refuse(why, "private key %s: no private key in PEM form", path);
}

static int use_ca(SSL_CTX *ctx, const char *path, char *why)
{
    EH_TRY(check_readable("CA certificate", path, why));
    if (SSL_CTX_load_verify_locations(ctx, path, NULL) != 1)
        return refuse(why, "CA certificate %s: %s", path, reason());
    return EH_OK;
}

static int use_own(SSL_CTX *ctx, const struct tls_files *files, char *why)
{
    const char *certificate = files->certificate;
    EVP_PKEY *key;
    int rc = EH_OK;

    EH_TRY(check_readable("certificate", certificate, why));
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        return refuse(why, "certificate %s: %s", certificate, reason());
    EH_TRY(read_private_key(files->private_key, &key, why));
    if (!X509_check_private_key(SSL_CTX_get0_certificate(ctx), key))
        rc = refuse(why, "private key %s: does not belong to certificate %s", files->private_key,
                    certificate);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        rc = refuse(why, "private key %s: %s", files->private_key, reason());
    EVP_PKEY_free(key);
    return rc;
}

/* ---- contexts ---- */

/* Refuses protocols other than http/1.1 (RFC 7301, 3.2). A client without ALPN is accepted. */
static int select_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                       const unsigned char *offered, unsigned offered_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, ret_n, ours, sizeof(ours) - 1, offered, offered_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Builds the chain from the CA file and the certificates after our own, in order, without the root.
 * Whether it is complete and still valid is for the clients to judge. */
static int complete_chain(SSL_CTX *ctx, const char *path, char *why)
{
    const int flags = SSL_BUILD_CHAIN_FLAG_UNTRUSTED | SSL_BUILD_CHAIN_FLAG_NO_ROOT |
                      SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR | SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR;

    EH_TRY(use_ca(ctx, path, why));
    if (SSL_CTX_build_cert_chain(ctx, flags) < 1)
        return refuse(why, "CA certificate %s: %s", path, reason());
    return EH_OK;
}

static int fill_server(SSL_CTX *ctx, const struct tls_files *files, char *why)
{
    EH_TRY(use_own(ctx, files, why));
    if (files->ca[0])
        EH_TRY(complete_chain(ctx, files->ca, why));
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need no cache */
    tls_tickets_use(ctx);
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    return EH_OK;
}

static int fill_client(SSL_CTX *ctx, const struct tls_files *files, bool verifies, char *why)
{
    if (files->certificate[0])
        EH_TRY(use_own(ctx, files, why));
    SSL_CTX_set_verify(ctx, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (files->ca[0])
        EH_TRY(use_ca(ctx, files->ca, why));
    else if (SSL_CTX_set_default_verify_paths(ctx) != 1)
        return refuse(why, "the system's CA certificates: %s", reason());
    return EH_OK;
}

static void set_options(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_cipher_list(ctx, CIPHERS);
    /* The end of a conversation is a WebSocket Close or a body of known length, not the end of the
     * connection. So a peer that just closes the socket, as many do, truncates nothing
     * unnoticed. */
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Idle connections release their buffers. Only complete_chain builds a chain. */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ctx, 1); /* one recv for many small records */
    ERR_clear_error();
}

static int make_context(enum tls_role role, const struct tls_files *files, SSL_CTX **ret, char *why)
{
    SSL_CTX *ctx = SSL_CTX_new(role == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    int rc;

    if (!ctx)
        return refuse(why, "OpenSSL: %s", reason());
    set_options(ctx);
    rc = role == TLS_SERVER ? fill_server(ctx, files, why)
                            : fill_client(ctx, files, role == TLS_CLIENT, why);
    if (rc < 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *ret = ctx;
    return EH_OK;
}

int tls_create(enum tls_role role, const struct tls_files *files, struct tls **ret_tls,
               char why[TLS_WHY_MAX])
{
    struct tls *t;
    SSL_CTX *ctx;

    EH_TRY(make_context(role, files, &ctx, why));
    t = mem_zalloc(sizeof(*t));
    t->role = role;
    t->ctx = ctx;
    pthread_mutex_init(&t->lock, NULL);
    *ret_tls = t;
    return EH_OK;
}

/* Returns a new reference to the context. */
static SSL_CTX *take(struct tls *t)
{
    SSL_CTX *ctx;

    pthread_mutex_lock(&t->lock);
    ctx = t->ctx;
    SSL_CTX_up_ref(ctx);
    pthread_mutex_unlock(&t->lock);
    return ctx;
}

int tls_reload(struct tls *t, const struct tls_files *files, char why[TLS_WHY_MAX])
{
    SSL_CTX *ctx, *old;

    EH_TRY(make_context(t->role, files, &ctx, why));
    pthread_mutex_lock(&t->lock);
    old = t->ctx;
    t->ctx = ctx;
    pthread_mutex_unlock(&t->lock);
    SSL_CTX_free(old);
    return EH_OK;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* ---- the certificate ---- */

static int64_t seconds_of(const ASN1_TIME *when)
{
    struct tm tm;

    return ASN1_TIME_to_tm(when, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void copy_dns_name(X509 *x, char *to, size_t cap)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !to[0]; i++) {
        int kind;
        const ASN1_STRING *name = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);

        if (kind == GEN_DNS)
            (void)snprintf(to, cap, "%.*s", ASN1_STRING_length(name),
                           (const char *)ASN1_STRING_get0_data(name));
    }
    GENERAL_NAMES_free(names);
}

int tls_certificate(struct tls *t, struct tls_certificate *ret)
{
    SSL_CTX *ctx = take(t);
    X509 *x = SSL_CTX_get0_certificate(ctx);

    if (x) {
        ret->name[0] = '\0';
        if (X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, ret->name,
                                      sizeof(ret->name)) <= 0)
            copy_dns_name(x, ret->name, sizeof(ret->name));
        ret->not_before_s = seconds_of(X509_get0_notBefore(x));
        ret->not_after_s = seconds_of(X509_get0_notAfter(x));
    }
    SSL_CTX_free(ctx);
    return x ? EH_OK : EH_ENOENT;
}

/* ---- sessions ---- */

static bool is_address(const char *host)
{
    struct in6_addr ip;

    return inet_pton(AF_INET, host, &ip) == 1 || inet_pton(AF_INET6, host, &ip) == 1;
}

/* Expects a name or an address in the certificate. Only a name is sent to the server. */
static bool expect_host(SSL *ssl, const char *host)
{
    size_t n = strlen(host);
    char *name;
    bool taken;

    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    /* A final dot only tells the resolver that the name is complete; certificates and the name
     * sent to the server omit it (RFC 6066, section 3). An empty name would disable the check, so
     * a lone dot is kept. */
    name = mem_dup(host, n > 1 && host[n - 1] == '.' ? n - 1 : n);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    taken = SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
    free(name);
    return taken;
}

struct ssl_st *tls_session(struct tls *t, const char *host)
{
    SSL_CTX *ctx = take(t);
    SSL *ssl = SSL_new(ctx);

    assert((t->role != TLS_SERVER) == (host != NULL));
    SSL_CTX_free(ctx);
    if (!ssl || (host && !expect_host(ssl, host)))
        mem_exhausted("OpenSSL");
    if (host)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    return ssl;
}
