#include "app/health_check.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>

#include "net/sock.h"
#include "net/unix_socket.h"

#define TIMEOUT_MS 2000 /* for connecting, and for each read and write */

/* Where the server listens. */
struct target {
    const char *path; /* of a Unix socket; NULL: address and port count */
    const char *address;
    uint64_t port;
    bool has_tls;
    bool wants_proxy_header;
};

static const char *first_set(const char *a, const char *b)
{
    if (a[0])
        return a;
    return b[0] ? b : "127.0.0.1";
}

static struct target target_of(const struct config *c)
{
    struct target t = { .address = first_set(c->listen_address, ""),
                        .port = c->listen_port,
                        .wants_proxy_header = c->proxy_protocol };

    if (c->metrics_listen_port)
        return (struct target){ .address = first_set(c->metrics_listen_address, c->listen_address),
                                .port = c->metrics_listen_port };
    if (c->disable_unsecure_listener && c->enable_ssl) {
        t.port = c->ssl_listen_port;
        t.has_tls = true;
    } else if (c->listen_unix[0] && (c->disable_unsecure_listener || t.port == 0)) {
        t.path = c->listen_unix;
    }
    return t;
}

static int dial(const struct target *t, int *ret_fd)
{
    if (t->path)
        return unix_socket_dial(t->path, TIMEOUT_MS, ret_fd);
    return sock_dial(str_of(t->address), (uint16_t)t->port, TIMEOUT_MS, ret_fd);
}

/* Adds TLS. Does not verify the certificate: this is our own port, and nothing secret is sent. */
static BIO *add_tls(BIO *bio)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BIO *tls = ctx ? BIO_new_ssl(ctx, 1) : NULL;

    SSL_CTX_free(ctx);
    return tls ? BIO_push(tls, bio) : bio;
}

/* Sends the request over the fd, prints the first line of the answer, and closes the fd. */
static bool ask(int fd, const struct target *t, const char *path)
{
    BIO *bio = BIO_new_socket(fd, BIO_CLOSE);
    char line[64];
    const int max = (int)sizeof(line) - 1;
    int n = 0, got = 1;

    /* A PROXY header (version 1) that names no client. It comes before TLS, too. */
    if (!t->wants_proxy_header || BIO_puts(bio, "PROXY UNKNOWN\r\n") > 0) {
        if (t->has_tls)
            bio = add_tls(bio);
        (void)BIO_printf(bio, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                         path);
        (void)BIO_flush(bio);
        while (n < max && got > 0) {
            got = BIO_read(bio, line + n, max - n);
            n += got > 0 ? got : 0;
        }
    }
    BIO_free_all(bio);
    line[n] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    printf("%s: %s\n", path, line[0] ? line : "no answer");
    return strncmp(line, "HTTP/1.1 200", strlen("HTTP/1.1 200")) == 0;
}

bool health_check(const struct config *config, const char *path)
{
    const struct target t = target_of(config);
    int fd;

    signal(SIGPIPE, SIG_IGN);
    if (dial(&t, &fd) == EH_OK)
        return ask(fd, &t, path);
    if (t.path) {
        printf("%s: %s: %s\n", path, t.path, strerror(errno));
        return false;
    }
    printf("%s: %s port %u: %s\n", path, t.address, (unsigned)t.port,
           t.port ? strerror(errno) : "0 is any port, which this process cannot know");
    return false;
}
