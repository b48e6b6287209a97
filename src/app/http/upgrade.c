#include "app/http/upgrade.h"

#include "app/conn/authorize.h"
#include "app/conn/conn_ws.h"
#include "app/http/http_answer.h"
#include "proto/ws_deflate.h"

/* Begins an offered subprotocol that is not one: the token follows, because browsers give pages no
 * other place for it but the URL. */
#define TOKEN_PREFIX "bearer."

/* The offers of the client that the server accepts. */
struct choice {
    struct str subprotocol; /* empty: none */
    struct str token;       /* without its prefix; NULL: none */
    bool has_two_tokens;
    struct ws_deflate deflate;
};

/* Reports whether the request is a handshake. A HEAD never upgrades: its answer ends with the head,
 * so no frames can follow. */
bool upgrade_is_wanted(const struct http_request *rq)
{
    if (str_eq(rq->method, STR("HEAD")))
        return false;
    return http_header_has_token(rq, STR("Upgrade"), STR("websocket")) ||
           http_header(rq, STR("Sec-WebSocket-Key")).p;
}

/* Reads an offer that is a token; the case of its prefix does not matter. The server must never
 * select a token, because the answer names the selected subprotocol. */
static bool read_token(struct str offered, struct choice *ret)
{
    struct str prefix = STR(TOKEN_PREFIX);

    if (!str_starts_with_nocase(offered, prefix))
        return false;
    ret->has_two_tokens = ret->token.p != NULL;
    ret->token = str_skip(offered, prefix.n);
    return true;
}

/* Chooses the first subprotocol, since browsers insist on an answer to their offer. EH_EINVAL: one
 * of the offers is not a token. */
static int read_subprotocols(struct str list, struct choice *ret)
{
    struct str offered;

    while (str_cut(&list, ',', &offered)) {
        offered = str_trim(offered);
        if (offered.n && !http_is_token(offered))
            return EH_EINVAL;
        if (!read_token(offered, ret) && ret->subprotocol.n == 0)
            ret->subprotocol = offered;
    }
    return EH_OK;
}

static int read_extensions(struct str list, struct choice *ret)
{
    return ws_deflate_read(list, &ret->deflate);
}

/* Reads every field of that name; several fields are one list (RFC 9110 5.3). */
static bool choose(const struct http_request *rq, struct str name,
                   int (*read)(struct str list, struct choice *ret), struct choice *ret)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        if (str_eq_nocase(rq->headers[i].name, name) && read(rq->headers[i].value, ret) < 0)
            return false;
    }
    return true;
}

/* Returns what is wrong with the handshake, or NULL. */
static const char *find_fault(const struct http_request *rq, struct choice *ret)
{
    if (rq->minor < 1)
        return "a WebSocket handshake requires HTTP/1.1";
    if (!http_header_has_token(rq, STR("Upgrade"), STR("websocket")))
        return "Upgrade must be websocket";
    if (!http_header_has_token(rq, STR("Connection"), STR("upgrade")))
        return "Connection must include upgrade";
    if (http_header_count(rq, STR("Sec-WebSocket-Key")) != 1 ||
        !ws_key_is_valid(http_header(rq, STR("Sec-WebSocket-Key"))))
        return "Sec-WebSocket-Key must be 16 bytes in base64";
    if (rq->content_length || rq->chunked)
        return "a WebSocket handshake must not have a body";
    if (!choose(rq, STR("Sec-WebSocket-Protocol"), read_subprotocols, ret))
        return "Sec-WebSocket-Protocol must be a list of tokens";
    if (ret->has_two_tokens)
        return "Sec-WebSocket-Protocol must not have more than one bearer.TOKEN";
    if (ret->token.p && ret->subprotocol.n == 0)
        return "Sec-WebSocket-Protocol must offer eventhub beside bearer.TOKEN";
    if (!choose(rq, STR("Sec-WebSocket-Extensions"), read_extensions, ret))
        return "Sec-WebSocket-Extensions must be a list of extensions";
    return NULL;
}

static void accept_handshake(struct conn *c, const struct http_request *rq, struct auth *auth,
                             struct choice *choice)
{
    char accept[WS_ACCEPT_LEN + 1];
    struct buf extra = { 0 };

    if (!c->worker->compression || !ws_deflate_is_safe_for(http_header(rq, STR("User-Agent"))))
        choice->deflate.window_bits = 0;
    ws_accept(http_header(rq, STR("Sec-WebSocket-Key")), accept);
    buf_addf(&extra, "Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n", accept);
    if (choice->subprotocol.n)
        buf_addf(&extra, "Sec-WebSocket-Protocol: %.*s\r\n", STR_ARG(choice->subprotocol));
    if (choice->deflate.window_bits) {
        buf_add_str(&extra, STR("Sec-WebSocket-Extensions: "));
        ws_deflate_add_answer(&choice->deflate, &extra);
        buf_add_str(&extra, STR("\r\n"));
    }
    if (rq->expect_continue)
        http_send_continue(c); /* RFC 9110 7.8, though there is no body */
    http_send_unit(c, &(struct http_response){ .status = 101, .extra = buf_str(&extra) }, STR(""));
    buf_done(&extra);
    conn_ws_begin(c, auth, choice->deflate.window_bits);
}

/* Refuses the handshake and ends the connection, since the bytes that follow may be frames. */
static void refuse(struct conn *c, int status, const char *why, struct str extra)
{
    metrics_inc(c->worker->metrics, METRIC_REFUSED_HTTP);
    http_send_error(c, NULL, status, why, extra);
}

static void authorize_handshake(struct conn *c, const struct http_request *rq,
                                struct choice *choice)
{
    struct auth *auth;
    const char *why;
    int rc = authorize_request(c, rq, choice->token, &auth, &why);

    if (rc < 0)
        http_send_unauthorized(c, NULL, rc, why);
    else
        accept_handshake(c, rq, auth, choice);
}

void upgrade_handle(struct conn *c, const struct http_request *rq)
{
    struct choice choice = { 0 };
    const char *why = find_fault(rq, &choice);
    struct str version = STR("Sec-WebSocket-Version");

    if (!str_eq(rq->method, STR("GET"))) {
        refuse(c, 405, "a WebSocket handshake must be a GET request", STR("Allow: GET\r\n"));
    } else if (why) {
        refuse(c, 400, why, STR(""));
    } else if (http_header_count(rq, version) != 1 ||
               !str_eq(http_header(rq, version), STR("13"))) {
        refuse(c, 426, "only WebSocket version 13 is supported",
               STR("Sec-WebSocket-Version: 13\r\n"
                   "Upgrade: websocket\r\n"
                   "Connection: Upgrade\r\n"));
    } else {
        authorize_handshake(c, rq, &choice);
    }
}
