#include "app/http/conn_http.h"

#include "app/http/api.h"
#include "app/http/conn_sse.h"
#include "app/http/console.h"
#include "app/http/http_answer.h"
#include "app/http/http_post.h"
#include "app/http/routes.h"
#include "app/http/upgrade.h"
#include "base/log.h"
#include "proto/origin.h"

/* ---- one request ---- */

static void refuse_origin(struct conn *c, const struct http_request *rq, const char *why)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->client.addr, peer);
    log_info("origin_refused", LOG_Z("peer", peer),
             LOG_S("origin", http_header(rq, STR("Origin"))));
    metrics_inc(c->worker->metrics, METRIC_REFUSED_ORIGIN);
    http_send_error(c, upgrade_is_wanted(rq) ? NULL : rq, 403, why, STR(""));
}

/* Refuses a client whose address has too many connections. */
static void refuse_client(struct conn *c, const struct http_request *rq)
{
    static const char why[] = "too many connections from this address";

    if (upgrade_is_wanted(rq))
        http_send_error(c, NULL, 429, why, STR(""));
    else if (http_reads(rq) && conn_sse_is_wanted(rq) && c->worker->context->config->enable_sse)
        conn_sse_refuse(c, rq, 429, why);
    else
        http_send_error(c, rq, 429, why, STR(""));
}

/* Handles a request of a client, whose origin is allowed. */
static void handle_client(struct conn *c, const struct http_request *rq)
{
    if (!conn_client_enter(&c->client, c->worker)) {
        refuse_client(c, rq);
    } else if (upgrade_is_wanted(rq)) {
        http_forget_cors(c); /* browsers ignore them in the answer to a handshake */
        upgrade_handle(c, rq);
    } else if (str_eq(rq->method, STR("POST"))) {
        http_post_handle(c, rq);
    } else if (!http_reads(rq)) {
        http_send_error(c, rq, 405, "method not allowed",
                        STR("Allow: GET, HEAD, POST, OPTIONS\r\n"));
    } else if (conn_sse_is_wanted(rq)) {
        conn_sse_handle(c, rq);
    } else {
        http_send_error(c, rq, 404, "not found", STR(""));
    }
}

static void handle_console_socket(struct conn *c, const struct http_request *rq)
{
    bool is_handshake = upgrade_is_wanted(rq);

    if (is_handshake && !console_is_own_page(c, rq))
        refuse_origin(c, rq, "Origin must be the origin of the console, as Host names it");
    else if (!conn_client_enter(&c->client, c->worker))
        refuse_client(c, rq);
    else if (is_handshake)
        upgrade_handle(c, rq);
    else
        console_explain(c, rq);
}

static void handle(struct conn *c, const struct http_request *rq)
{
    struct str allowed_origins = str_of(c->worker->context->config->allowed_origins);
    struct buf cors = { 0 };

    if (console_handle(c, rq) || api_handle(c, rq))
        return;
    if (console_is_socket(c, rq)) {
        handle_console_socket(c, rq);
        return;
    }
    origin_add_cors(allowed_origins, rq, &cors);
    c->cors = bytes_copy(buf_str(&cors)); /* the request may be gone when it is answered */
    buf_done(&cors);
    if (routes_handle(c, rq))
        return;
    if (c->client.is_internal)
        http_send_error(c, rq, 404, "not found", STR(""));
    else if (!origin_is_allowed(allowed_origins, rq))
        refuse_origin(c, rq, "pages from this origin may not use the server");
    else
        handle_client(c, rq);
}

static void refuse(struct conn *c, int status)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->client.addr, peer);
    log_debug("http_refused", LOG_Z("peer", peer), LOG_N("status", status));
    metrics_inc(c->worker->metrics, METRIC_REFUSED_HTTP);
    c->closed_as = METRIC_CLOSED_PROTOCOL;
    http_send_error(c, NULL, status, http_reason(status), STR(""));
}

static size_t step(struct conn *c, char *p, size_t n)
{
    struct http_request rq;
    int used =
        http_parse(&c->http, str_make(p, n), c->worker->context->config->max_header_size, &rq);

    if (used == 0) {
        /* The next request has as much time as the first one had. It does not begin with an empty
         * line, which some clients send after a body. */
        if (c->is_kept && (c->http.has_start_line || n > c->http.line)) {
            c->is_kept = false;
            conn_await_request(c);
        }
        return 0;
    }
    if (used < 0) {
        refuse(c, -used);
        return n;
    }
    c->http = (struct http_parser){ 0 };
    c->is_kept = false;
    stream_ungate(&c->stream); /* no longer a newcomer */
    conn_await_request(c);
    conn_client_of_request(&c->client, c->worker, &rq);
    handle(c, &rq);
    if (c->protocol == &conn_http && c->state == CONN_OPEN)
        conn_client_is_idle(&c->client, c->worker);
    return (size_t)used;
}

/* ---- a request that does not come ---- */

/* Answers a client that has begun a request and waits for an answer. */
static void on_timeout(struct conn *c)
{
    if (c->is_kept)
        conn_linger(c, METRIC_CLOSED_SERVER);
    else if (c->http.scanned > 0)
        http_send_timeout(c, "head");
    else
        conn_close(c, METRIC_CLOSED_HANDSHAKE);
}

/* ---- draining ---- */

/* Allows the end between two requests, when nothing is lost. But a new connection is about to send
 * its first request. */
static bool may_end(const struct conn *c)
{
    return c->last_heard_ms != 0 && buf_used(&c->in) == 0;
}

/* Asks the current protocol, because the client may have begun a POST meanwhile. */
static void on_late(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    c->protocol->on_drain(c, true);
}

/* Gives a client that has not sent its request a moment to do so; the answer then ends the
 * connection. */
static void on_drain(struct conn *c, bool is_late)
{
    if (!is_late)
        conn_set_timer(c, on_late, CONN_LINGER_MS);
    else if (stream_is_handshaking(&c->stream))
        conn_close(c, METRIC_CLOSED_DRAIN); /* nothing can be sent yet */
    else
        conn_linger(c, METRIC_CLOSED_DRAIN);
}

const struct conn_protocol conn_http = {
    .step = step,
    .on_timeout = on_timeout,
    .may_end = may_end,
    .on_drain = on_drain,
    .on_close = http_forget_cors,
};
