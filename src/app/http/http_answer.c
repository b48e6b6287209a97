#include "app/http/http_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "app/conn/conn_output.h"
#include "base/clock.h"
#include "proto/json.h"

#define HEAD_ROOM 256 /* bytes that most heads fit in */

/* Returns the Date line, which a server with a clock must send (RFC 9110 6.6.1). It is made once a
 * second. */
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
    (void)conn_send(c, STR(""), &unit->shared, bytes_str(unit)); /* overflow ends the connection */
    shared_unref(&unit->shared);
    buf_done(&extra);
    buf_done(&out);
}

void http_forget_cors(struct conn *c)
{
    if (c->cors)
        shared_unref(&c->cors->shared);
    c->cors = NULL;
}

void http_send_continue(struct conn *c)
{
    /* overflow ends the connection */
    (void)conn_send(c, STR("HTTP/1.1 100 Continue\r\n\r\n"), NULL, STR(""));
}

void http_send_later(struct conn *c, bool keep_alive, const struct http_answer *a)
{
    struct http_response head = {
        .status = a->status,
        .content_type = a->type,
        .content_length = a->body.n,
        .keep_alive = keep_alive && !atomic_load(&c->worker->context->draining),
        .keep_alive_s = c->worker->context->config->http_keepalive_timeout,
        .extra = a->extra,
    };

    http_send_unit(c, &head, a->is_head ? STR("") : a->body);
    http_forget_cors(c);
    c->is_kept = head.keep_alive;
    if (head.keep_alive)
        conn_await_next(c);
    else
        conn_linger(c, METRIC_CLOSED_SERVER);
}

void http_send(struct conn *c, const struct http_request *rq, const struct http_answer *a)
{
    struct http_answer answer = *a;
    /* a body that is not read would be taken for the next request */
    bool has_body = rq && (rq->content_length || rq->chunked);

    answer.is_head = rq && str_eq(rq->method, STR("HEAD"));
    http_send_later(c, rq && rq->keep_alive && !has_body, &answer);
}

void http_add_error(struct buf *out, const char *why)
{
    buf_add_str(out, STR("{\"error\":"));
    json_add_string(out, str_of(why));
    buf_add_char(out, '}');
}

void http_send_timeout(struct conn *c, const char *what)
{
    char why[100];

    (void)snprintf(why, sizeof(why), "the %s must arrive within %" PRIu64 " s", what,
                   c->worker->context->config->websocket_handshake_timeout);
    c->closed_as = METRIC_CLOSED_HANDSHAKE;
    http_send_error(c, NULL, 408, why, STR(""));
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

void http_send_unauthorized(struct conn *c, const struct http_request *rq, int rc, const char *why)
{
    if (rc == EH_ENOENT)
        http_send_error(c, rq, 503, why,
                        STR("Access-Control-Expose-Headers: Retry-After\r\n"
                            "Retry-After: 2\r\n"));
    else
        http_send_error(c, rq, 401, why, STR(HTTP_CHALLENGE));
}
