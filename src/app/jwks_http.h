/* jwks_http.h - one HTTP GET with libcurl, for the key set of a provider.
 * Thread:  that of key_provider.c, which may block. jwks_http_create runs before other threads.
 * Loads:   libcurl, only when it is needed. It brings many libraries, which would double the memory
 *          of a server without JWT_JWKS_URL, and the time in which a health check starts.
 * Checks:  the certificate of the server, by the authorities in `ca` or those of the system, and
 *          TLS 1.2 or later; status 200. Redirects are refused, since they would let the provider,
 *          or anyone who can inject one, choose where this machine connects.
 * Bounds:  JWKS_MAX bytes of body, 64 KiB of head, JWKS_HTTP_TIMEOUT_S altogether, 5 s to connect.
 *          Nothing is decompressed.
 */
#ifndef EH_APP_JWKS_HTTP_H
#define EH_APP_JWKS_HTTP_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define JWKS_HTTP_TIMEOUT_S 10
#define JWKS_HTTP_WHY_MAX   320

struct jwks_request {
    const char *url;                /* jwks_url_fault finds nothing */
    const char *ca;                 /* path; "": the system's authorities */
    const atomic_bool *is_stopping; /* ends the request within a second once it is true */
};

struct jwks_answer {
    struct buf body;
    uint64_t max_age_s; /* of Cache-Control; 0: none */
};

struct jwks_http;

/* EH_EIO: *why is one line. */
int jwks_http_create(struct jwks_http **ret, struct buf *why) EH_MUST_USE;
void jwks_http_free(struct jwks_http *http); /* NULL is fine */

/* EH_EIO: the provider cannot be reached, or its certificate is not accepted. EH_EINVAL: it answers
 * with something else. Then why is one line for the log: it may name hosts, but holds no password.
 * The caller frees the body. */
int jwks_http_get(const struct jwks_http *http, const struct jwks_request *rq,
                  struct jwks_answer *ret, char why[JWKS_HTTP_WHY_MAX]) EH_MUST_USE;

#endif
