/* conn_http.c - the HTTP state of a connection: one request after the other, until an upgrade. */
#include <stdio.h>
#include <time.h>

#include "app/conn/conn.h"
#include "proto/origin.h"
#include "app/http/routes.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/json.h"

void conn_http_wait(struct conn *c)
{
    loop_timer(c->worker->loop, &c->timer,
               c->worker->context->config->websocket_handshake_timeout * 1000);
}

#define HEAD_ROOM 256 /* bytes that most heads fit in */

/* RFC 9110 6.6.1: a server with a clock says when it answered. Written once a second. */
static struct str date_line(struct worker *w)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;

    if (w->date_s != now) {
        w->date_s = now;
        (void)strftime(w->date, sizeof(w->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
                       gmtime_r(&now, &tm));
    }
    return str_of(w->date);
}

void http_send_unit(struct conn *c, const struct http_response *head, struct str body)
{
    struct http_response dated = *head;
    struct buf extra = { 0 };
    struct buf out = { 0 };
    struct bytes *unit;

    (void)buf_reserve(&extra, HEAD_ROOM);
    (void)buf_reserve(&out, HEAD_ROOM);
    buf_add_str(&extra, date_line(c->worker));
    if (c->cors)
        buf_add_str(&extra, bytes_str(c->cors));
    buf_add_str(&extra, head->extra);
    dated.extra = buf_str(&extra);
    http_response_head(&out, &dated);
    buf_add_str(&out, body);
    unit = bytes_copy(buf_str(&out));
    (void)conn_send(c, STR(""), &unit->shared, bytes_str(unit)); /* an overflow closes by itself */
    shared_unref(&unit->shared);
    buf_done(&extra);
    buf_done(&out);
}

void http_send_continue(struct conn *c)
{
    /* an overflow closes by itself */
    (void)conn_send(c, STR("HTTP/1.1 100 Continue\r\n\r\n"), NULL, STR(""));
}

static void send_answer(struct conn *c, const struct http_answer *a, bool keep_alive,
                        struct str body)
{
    struct http_response head = {
        .status = a->status,
        .content_type = a->type,
        .content_length = a->body.n,
        .keep_alive = keep_alive && !atomic_load(&c->worker->context->draining),
        .extra = a->extra,
    };

    http_send_unit(c, &head, body);
    if (!head.keep_alive)
        conn_linger(c, METRIC_CLOSED_SERVER);
}

void http_send(struct conn *c, const struct http_request *rq, const struct http_answer *a)
{
    bool has_body = rq && (rq->content_length || rq->chunked);
    bool is_head = rq && str_eq(rq->method, STR("HEAD"));
    /* a body that nobody reads would be taken for the next request */
    bool keep_alive = rq && rq->keep_alive && !has_body;

    send_answer(c, a, keep_alive, is_head ? STR("") : a->body);
}

void http_send_later(struct conn *c, bool keep_alive, const struct http_answer *a)
{
    send_answer(c, a, keep_alive, a->body);
}

void http_add_error(struct buf *out, const char *why)
{
    buf_add_str(out, STR("{\"error\":"));
    json_add_string(out, str_of(why));
    buf_add_char(out, '}');
}

void http_send_error(struct conn *c, const struct http_request *rq, int status, const char *why,
                     struct str extra)
{
    struct buf body = { 0 };

    http_add_error(&body, why);
    http_send(
        c, rq,
        &(struct http_answer){
            .status = status, .type = "application/json", .body = buf_str(&body), .extra = extra });
    buf_done(&body);
}

/* Kept for all answers to the request: some come when it is not there any more. */
static void set_cors(struct conn *c, const struct http_request *rq)
{
    struct buf lines = { 0 };

    origin_add_cors(str_of(c->worker->context->config->allowed_origins), rq, &lines);
    c->cors = bytes_copy(buf_str(&lines));
    buf_done(&lines);
}

static void refuse_origin(struct conn *c, const struct http_request *rq)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->peer, peer);
    log_info("origin_refused", LOG_Z("peer", peer),
             LOG_S("origin", http_header(rq, STR("Origin"))));
    metrics_inc(c->worker->metrics, METRIC_REFUSED_ORIGIN);
    http_send_error(c, upgrade_is_wanted(rq) ? NULL : rq, 403,
                    "pages of this origin may not use the server", STR(""));
}

static void handle(struct conn *c, const struct http_request *rq)
{
    if (routes_handle(c, rq))
        return;
    if (c->listener->is_internal) {
        http_send_error(c, rq, 404, "not found", STR(""));
        return;
    }
    set_cors(c, rq);
    if (!origin_is_allowed(str_of(c->worker->context->config->allowed_origins), rq)) {
        refuse_origin(c, rq);
    } else if (!conn_client_enter(c)) {
        http_send_error(c, upgrade_is_wanted(rq) ? NULL : rq, 429,
                        "too many connections of this address", STR(""));
    } else if (upgrade_is_wanted(rq)) {
        conn_forget_cors(c); /* browsers do not look for it there */
        upgrade_handle(c, rq);
    } else {
        http_topic_handle(c, rq);
    }
}

static void refuse(struct conn *c, int status)
{
    char peer[SOCK_ADDR_TEXT];

    sock_addr_format(&c->peer, peer);
    log_debug("http_refused", LOG_Z("peer", peer), LOG_N("status", status));
    metrics_inc(c->worker->metrics, METRIC_REFUSED_HTTP);
    c->closed_as = METRIC_CLOSED_PROTOCOL;
    http_send_error(c, NULL, status, http_reason(status), STR(""));
}

size_t conn_http_step(struct conn *c, char *p, size_t n)
{
    struct http_request rq;
    int used =
        http_parse(&c->http, str_make(p, n), c->worker->context->config->max_header_size, &rq);

    if (used == 0)
        return 0;
    conn_forget_cors(c); /* of the request before */
    if (used < 0) {
        refuse(c, -used);
        return n;
    }
    c->http = (struct http_parser){ 0 };
    conn_http_wait(c);
    conn_client_of_request(c, &rq);
    handle(c, &rq);
    if (c->state == CONN_HTTP)
        conn_client_is_idle(c);
    return (size_t)used;
}
