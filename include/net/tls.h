/* tls.h - what the TLS connections of one kind have in common: certificate, key, whom to trust.
 * Thread:  shared. Reading files (create, reload) is for the thread that may block: main. New
 *          sessions come from any thread; the context behind them is swapped under a mutex, and a
 *          session keeps the one that it began with.
 * Serves:  TLS 1.2 and 1.3, forward-secret ciphers with authenticated encryption. Servers speak
 *          http/1.1 (ALPN) and resume sessions by tickets (net/tls_tickets.h), whose keys live and
 *          die with a context: for all threads the same, new after each reload.
 * Fails:   with a text that names the file and what is wrong with it. Nothing changes then.
 */
#ifndef EH_NET_TLS_H
#define EH_NET_TLS_H

#include <stdint.h>

#include "base/err.h"

#define TLS_WHY_MAX 512

struct ssl_st; /* OpenSSL's SSL */
struct tls;

enum tls_role { TLS_SERVER, TLS_CLIENT };

/* Paths of PEM files. "": none. */
struct tls_files {
    const char *certificate; /* with the chain behind it; a client needs none */
    const char *private_key;
    /* A server: completes the chain that is sent. A client: whom it trusts, instead of the
     * system's list. */
    const char *ca;
};

/* What is presented to peers. */
struct tls_certificate {
    char name[128];       /* the subject's common name, or else the first of its DNS names */
    int64_t not_before_s; /* since the epoch */
    int64_t not_after_s;
};

/* EH_EINVAL: why. */
int tls_create(enum tls_role role, const struct tls_files *files, struct tls **ret_tls,
               char why[TLS_WHY_MAX]) EH_MUST_USE;
/* For connections to come; those that are there go on as they are. */
int tls_reload(struct tls *t, const struct tls_files *files, char why[TLS_WHY_MAX]) EH_MUST_USE;
void tls_free(struct tls *t); /* sessions may still be alive */

/* EH_ENOENT: a client without one. */
int tls_certificate(struct tls *t, struct tls_certificate *ret) EH_MUST_USE;

/* One connection's session; for stream_tls.c, which frees it. A client's `host` is the name or
 * numeric address that the server's certificate must have; a server's is NULL. */
struct ssl_st *tls_session(struct tls *t, const char *host);

#endif
