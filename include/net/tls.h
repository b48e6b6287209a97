/* tls.h - the TLS configuration that several connections share: certificate, key, trusted CAs.
 * Thread:  shared. create and reload read files, so they run on the thread that may block: main.
 *          Any thread may start a session. The context behind the sessions is swapped under a
 *          mutex, and a session keeps the context that it began with.
 * Serves:  TLS 1.2 and 1.3, with forward-secret ciphers and authenticated encryption. Servers speak
 *          http/1.1 (ALPN) and resume sessions by tickets (net/tls_tickets.h). The ticket keys
 *          belong to the context: all threads share them, and a reload replaces them.
 * Fails:   with a text that names the file and what is wrong with it. Nothing has changed then.
 */
#ifndef EH_NET_TLS_H
#define EH_NET_TLS_H

#include <stdint.h>

#include "base/err.h"

#define TLS_WHY_MAX 512

struct ssl_st; /* OpenSSL's SSL */
struct tls;

enum tls_role {
    TLS_SERVER,
    TLS_CLIENT,
    TLS_CLIENT_INSECURE, /* accepts any certificate: anyone who answers can read and change all */
};

/* Paths of PEM files; "": none. */
struct tls_files {
    const char *certificate; /* followed by its chain; a client needs none */
    const char *private_key;
    /* Server: completes the chain that it sends. Client: the CAs that it trusts, instead of the
     * system's list. */
    const char *ca;
};

/* The certificate presented to peers. */
struct tls_certificate {
    char name[128];       /* the subject's common name, otherwise its first DNS name */
    int64_t not_before_s; /* since the epoch */
    int64_t not_after_s;
};

/* EH_EINVAL: why holds the reason. */
int tls_create(enum tls_role role, const struct tls_files *files, struct tls **ret_tls,
               char why[TLS_WHY_MAX]) EH_MUST_USE;
/* Replaces the files for new connections; existing ones are not affected. */
int tls_reload(struct tls *t, const struct tls_files *files, char why[TLS_WHY_MAX]) EH_MUST_USE;
void tls_free(struct tls *t); /* sessions may outlive it */

/* EH_ENOENT: a client that has none. */
int tls_certificate(struct tls *t, struct tls_certificate *ret) EH_MUST_USE;

/* Starts the session of one connection; for stream_tls.c, which frees it. A client passes as `host`
 * the name or numeric address that the server's certificate must have; a server passes NULL. */
struct ssl_st *tls_session(struct tls *t, const char *host);

#endif
