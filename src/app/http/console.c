#include "app/http/console.h"

#include "app/http/console_files.h"
#include "app/http/http_answer.h"
#include "app/http/routes.h"
#include "proto/http_choice.h"

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

/* Reports whether the path is /console or below it. */
static bool is_console(struct str path)
{
    return str_eq(path, STR("/console")) || str_starts_with(path, STR("/console/"));
}

bool console_handle(struct conn *c, const struct http_request *rq)
{
    struct str name = STR("/console/");
    const struct console_file *file;

    if (!c->worker->context->config->enable_console || !routes_are_served(c) ||
        !is_console(rq->path))
        return false;
    if (!str_eq(rq->method, STR("GET")) && !str_eq(rq->method, STR("HEAD"))) {
        http_send_error(c, rq, 405, "method not allowed", STR("Allow: GET, HEAD\r\n"));
        return true;
    }
    if (rq->path.n < name.n) {
        redirect(c, rq);
        return true;
    }
    file = console_file_find(str_skip(rq->path, name.n));
    if (file)
        send_file(c, rq, file);
    else
        http_send_error(c, rq, 404, "not found", STR(""));
    return true;
}
