#include "app/http/console.h"

#include "app/conn/authorize.h"
#include "app/http/console_files.h"
#include "app/http/http_answer.h"
#include "app/http/routes.h"
#include "app/http/upgrade.h"
#include "net/cidr.h"
#include "proto/http_choice.h"
#include "proto/origin.h"

#define BELOW  "/console/"
#define SOCKET "socket"

/* The page loads and runs its own files only, and makes no markup out of strings. A browser asks
 * each time whether they have changed: the page must fit the server that it talks to. */
#define FILE_HEADERS                                                                               \
    "Cache-Control: no-cache\r\n"                                                                  \
    "Vary: Accept-Encoding\r\n"                                                                    \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "                    \
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n"         \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                                                \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "X-Content-Type-Options: nosniff\r\n"

static void send_file(struct conn *c, const struct http_request *rq,
                      const struct console_file *file)
{
    bool is_gzip = file->gzip.bytes.n && http_accepts_coding(rq, STR("gzip"));
    const struct console_bytes *body = is_gzip ? &file->gzip : &file->plain;
    bool is_known = http_has_tag(rq, str_of(body->tag));
    struct buf extra = { 0 };

    buf_addf(&extra, FILE_HEADERS "ETag: %s\r\n", body->tag);
    if (is_gzip && !is_known)
        buf_add_str(&extra, STR("Content-Encoding: gzip\r\n"));
    http_send(c, rq,
              &(struct http_answer){ .status = is_known ? 304 : 200,
                                     .type = is_known ? NULL : file->type,
                                     .body = is_known ? STR("") : body->bytes,
                                     .extra = buf_str(&extra) });
    buf_done(&extra);
}

/* The location is relative, because a proxy may have removed the beginning of the path. */
static void redirect(struct conn *c, const struct http_request *rq)
{
    http_send(c, rq,
              &(struct http_answer){ .status = 301,
                                     .extra = STR("Location: console/\r\n"
                                                  "Cache-Control: no-cache\r\n") });
}

/* Reports whether the path is /console or below it, and the console is served here. */
static bool is_console(const struct conn *c, struct str path)
{
    return c->worker->context->config->enable_console && routes_are_served(c) &&
           (str_eq(path, STR("/console")) || str_starts_with(path, STR(BELOW)));
}

bool console_handle(struct conn *c, const struct http_request *rq)
{
    const struct console_file *file;

    if (!is_console(c, rq->path) || console_is_socket(c, rq))
        return false;
    if (!http_reads(rq)) {
        http_send_error(c, rq, 405, "method not allowed", STR("Allow: GET, HEAD\r\n"));
        return true;
    }
    if (str_eq(rq->path, STR("/console"))) {
        redirect(c, rq);
        return true;
    }
    file = console_file_find(str_skip(rq->path, strlen(BELOW)));
    if (file)
        send_file(c, rq, file);
    else
        http_send_error(c, rq, 404, "not found", STR(""));
    return true;
}

/* ---- the socket ---- */

bool console_is_socket(const struct conn *c, const struct http_request *rq)
{
    return is_console(c, rq->path) && str_eq(rq->path, STR(BELOW SOCKET)) &&
           (http_reads(rq) || upgrade_is_wanted(rq));
}

void console_explain(struct conn *c, const struct http_request *rq)
{
    const char *why;
    int rc = authorize_request(c, rq, (struct str){ NULL, 0 }, &c->auth, &why);

    if (rc < 0)
        http_send_unauthorized(c, rq, rc, why);
    else
        http_send_error(c, rq, 426, "only WebSocket handshakes are accepted here",
                        STR("Upgrade: websocket\r\nConnection: Upgrade\r\n"));
    conn_forget_auth(c);
}

/* Returns the scheme of the page for what X-Forwarded-Proto says, which some proxies write as the
 * scheme of the WebSocket. Empty: not known. */
static struct str scheme_of(struct str forwarded)
{
    if (str_eq_nocase(forwarded, STR("https")) || str_eq_nocase(forwarded, STR("wss")))
        return STR("https");
    if (str_eq_nocase(forwarded, STR("http")) || str_eq_nocase(forwarded, STR("ws")))
        return STR("http");
    return STR("");
}

/* Returns the first entry of a list field: what the proxy next to the client wrote. */
static struct str first_of(const struct http_request *rq, struct str name)
{
    struct str list = http_header(rq, name), first = STR("");

    (void)str_cut(&list, ',', &first);
    return str_trim(first);
}

/* Without TLS here, the scheme is not known: a proxy in front may terminate TLS. Only a
 * trusted proxy may say which scheme and host the page sees. */
bool console_is_own_page(const struct conn *c, const struct http_request *rq)
{
    const struct config *config = c->worker->context->config;
    struct str scheme = c->client.has_tls ? STR("https") : STR("");
    struct str host = http_header(rq, STR("Host")), forwarded;

    if (conn_client_is_proxy(&config->trusted_proxies, &c->client.link)) {
        scheme = scheme_of(first_of(rq, STR("X-Forwarded-Proto")));
        forwarded = first_of(rq, STR("X-Forwarded-Host"));
        host = forwarded.n ? forwarded : host;
    }
    return origin_is_own(rq, scheme, host);
}
