/* upgrade.c - the opening handshake (RFC 6455 4.2) and who may pass it. */
#include "app/authorize.h"
#include "app/routes.h"
#include "proto/ws_deflate.h"

#define VERSION "Sec-WebSocket-Version: 13\r\n"

bool upgrade_is_wanted(const struct http_request *rq)
{
    return http_header_has_token(rq, STR("Upgrade"), STR("websocket")) ||
           http_header(rq, STR("Sec-WebSocket-Key")).p;
}

/* Several fields are one list (RFC 9110 5.3). */
static bool has_good_extensions(const struct http_request *rq, struct ws_deflate *ret)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        const struct http_header *h = &rq->headers[i];

        if (str_eq_nocase(h->name, STR("Sec-WebSocket-Extensions")) &&
            ws_deflate_read(h->value, ret) < 0)
            return false;
    }
    return true;
}

/* What is wrong with the handshake, or NULL. */
static const char *find_fault(const struct http_request *rq, struct ws_deflate *ret_deflate)
{
    if (rq->minor < 1)
        return "a WebSocket handshake needs HTTP/1.1";
    if (!http_header_has_token(rq, STR("Upgrade"), STR("websocket")))
        return "Upgrade must be websocket";
    if (!http_header_has_token(rq, STR("Connection"), STR("upgrade")))
        return "Connection must name upgrade";
    if (http_header_count(rq, STR("Sec-WebSocket-Key")) != 1 ||
        !ws_key_is_valid(http_header(rq, STR("Sec-WebSocket-Key"))))
        return "Sec-WebSocket-Key must be 16 bytes in base64";
    if (rq->content_length || rq->chunked)
        return "a WebSocket handshake has no body";
    if (!has_good_extensions(rq, ret_deflate))
        return "Sec-WebSocket-Extensions must be a list of extensions";
    return NULL;
}

static bool has_version_13(const struct http_request *rq)
{
    return http_header_count(rq, STR("Sec-WebSocket-Version")) == 1 &&
           str_eq(http_header(rq, STR("Sec-WebSocket-Version")), STR("13"));
}

/* Browsers insist on an answer to a subprotocol: the first one offered. */
static struct str first_subprotocol(const struct http_request *rq)
{
    struct str list = http_header(rq, STR("Sec-WebSocket-Protocol"));
    struct str first = { NULL, 0 };

    while (str_cut(&list, ',', &first)) {
        first = str_trim(first);
        if (first.n)
            return first;
    }
    return (struct str){ NULL, 0 };
}

/* The protocol's fields of the answer. */
static void add_fields(const struct http_request *rq, const struct ws_deflate *deflate,
                       struct buf *out)
{
    struct str subprotocol = first_subprotocol(rq);
    char accept[WS_ACCEPT_LEN + 1];

    ws_accept(http_header(rq, STR("Sec-WebSocket-Key")), accept);
    buf_addf(out, "Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n", accept);
    if (subprotocol.n)
        buf_addf(out, "Sec-WebSocket-Protocol: %.*s\r\n", STR_ARG(subprotocol));
    if (!deflate->window_bits)
        return;
    buf_add_str(out, STR("Sec-WebSocket-Extensions: "));
    ws_deflate_add_answer(deflate, out);
    buf_add_str(out, STR("\r\n"));
}

static void accept_handshake(struct conn *c, const struct http_request *rq, struct auth *auth,
                             struct ws_deflate deflate)
{
    struct buf extra = { 0 };

    if (!c->worker->compression)
        deflate.window_bits = 0;
    add_fields(rq, &deflate, &extra);
    http_send_unit(c, &(struct http_response){ .status = 101, .extra = buf_str(&extra) }, STR(""));
    buf_done(&extra);
    conn_ws_begin(c, auth, deflate.window_bits);
}

/* A refusal closes the connection (rq NULL): what follows may be frames. */
void upgrade_handle(struct conn *c, const struct http_request *rq)
{
    struct worker *w = c->worker;
    struct ws_deflate deflate = { 0 };
    const char *why = find_fault(rq, &deflate);
    struct auth *auth;

    if (!str_eq(rq->method, STR("GET"))) {
        http_send_error(c, NULL, 405, "a WebSocket handshake is a GET", STR("Allow: GET\r\n"));
        return;
    }
    if (!why && !has_version_13(rq)) {
        metrics_inc(w->metrics, METRIC_REFUSED_HTTP);
        http_send_error(c, NULL, 426, "WebSocket version 13 is spoken here",
                        STR(VERSION "Upgrade: websocket\r\nConnection: Upgrade\r\n"));
        return;
    }
    if (why) {
        metrics_inc(w->metrics, METRIC_REFUSED_HTTP);
        http_send_error(c, NULL, 400, why, STR(""));
        return;
    }
    if (authorize_request(c, rq, &auth, &why) < 0) {
        http_send_error(c, NULL, 401, why, STR("WWW-Authenticate: Bearer\r\n"));
        return;
    }
    accept_handshake(c, rq, auth, deflate);
}
