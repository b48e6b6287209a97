#include "app/health_check.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>

#include "net/sock.h"

#define TIMEOUT_MS 2000 /* for connecting, and for each read and write */

/* Where the server listens. */
struct target {
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
    if (c->disable_unsecure_listener) {
        t.port = c->ssl_listen_port;
        t.has_tls = true;
    }
    return t;
}

/* Sends a PROXY header (version 1) that names no client. It comes before TLS, too. */
static bool send_proxy_header(BIO *bio)
{
    return BIO_puts(bio, "PROXY UNKNOWN\r\n") > 0;
}

/* Adds TLS. Does not verify the certificate: this is our own port, and nothing secret is sent. */
static BIO *add_tls(BIO *bio)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BIO *tls = ctx ? BIO_new_ssl(ctx, 1) : NULL;

    SSL_CTX_free(ctx);
    return tls ? BIO_push(tls, bio) : bio;
}

/* Reads the first line of the answer without its line end, or "". */
static void ask(BIO *bio, const char *path, char *line, int cap)
{
    int n = 0, got = 1;

    (void)BIO_printf(bio, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    (void)BIO_flush(bio);
    while (n < cap - 1 && got > 0) {
        got = BIO_read(bio, line + n, cap - 1 - n);
        n += got > 0 ? got : 0;
    }
    line[n] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
}

static bool is_ok(const char *line)
{
    return strncmp(line, "HTTP/1.1 200", strlen("HTTP/1.1 200")) == 0;
}

/* Sends the request over the fd and closes it. */
static bool ask_on(int fd, const struct target *t, const char *path)
{
    char line[64] = "";
    BIO *bio = BIO_new_socket(fd, BIO_CLOSE);

    if (!t->wants_proxy_header || send_proxy_header(bio)) {
        if (t->has_tls)
            bio = add_tls(bio);
        ask(bio, path, line, sizeof(line));
    }
    BIO_free_all(bio);
    printf("%s: %s\n", path, line[0] ? line : "no answer");
    return is_ok(line);
}

bool health_check(const struct config *config, const char *path)
{
    const struct target t = target_of(config);
    int fd;

    signal(SIGPIPE, SIG_IGN);
    if (sock_dial(str_of(t.address), (uint16_t)t.port, TIMEOUT_MS, &fd) == EH_OK)
        return ask_on(fd, &t, path);
    printf("%s: %s port %u: %s\n", path, t.address, (unsigned)t.port,
           t.port ? strerror(errno) : "0 is any port, which this process cannot know");
    return false;
}
