#include "proto/ws_client.h"

#include <openssl/evp.h>

#include "proto/http_target.h"

/* ---- handshake ---- */

/* Base64 of the nonce, which is a valid key by its form. */
static void format_key(const uint8_t nonce[WS_NONCE_LEN], char out[WS_KEY_LEN + 1])
{
    (void)EVP_EncodeBlock((unsigned char *)out, nonce, WS_NONCE_LEN);
}

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    }
    return true;
}

static bool is_valid(const struct ws_handshake *h)
{
    if (h->host.n == 0 || !http_authority_is_valid(h->host))
        return false;
    if (!str_starts_with(h->target, STR("/")) || !is_printable(h->target) ||
        memchr(h->target.p, ' ', h->target.n))
        return false;
    return is_printable(h->authorization);
}

static void add_field(struct buf *out, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    buf_addf(out, "%s: ", name);
    buf_add_str(out, value);
    buf_add_str(out, STR("\r\n"));
}

int ws_client_request(const struct ws_handshake *h, struct buf *out)
{
    char key[WS_KEY_LEN + 1];

    if (!is_valid(h))
        return EH_EINVAL;
    format_key(h->nonce, key);
    buf_add_str(out, STR("GET "));
    buf_add_str(out, h->target);
    buf_add_str(out, STR(" HTTP/1.1\r\n"));
    add_field(out, "Host", h->host);
    add_field(out, "Upgrade", STR("websocket"));
    add_field(out, "Connection", STR("Upgrade"));
    add_field(out, "Sec-WebSocket-Version", STR("13"));
    add_field(out, "Sec-WebSocket-Key", str_of(key));
    add_field(out, "Authorization", h->authorization);
    buf_add_str(out, STR("\r\n"));
    return EH_OK;
}

static bool is_accepted(const struct ws_handshake *h, const struct http_reply *r)
{
    struct str name = STR("Sec-WebSocket-Accept");
    char key[WS_KEY_LEN + 1], accept[WS_ACCEPT_LEN + 1];

    format_key(h->nonce, key);
    ws_accept(str_of(key), accept);
    return http_reply_header_count(r, name) == 1 &&
           str_eq(http_reply_header(r, name), str_of(accept));
}

/* RFC 6455 4.1, "If the response lacks ..." */
const char *ws_client_check(const struct ws_handshake *h, const struct http_reply *r)
{
    if (r->status != 101)
        return "the status is not 101 Switching Protocols";
    if (r->minor < 1)
        return "the answer is not HTTP/1.1";
    if (!str_eq_nocase(http_reply_header(r, STR("Upgrade")), STR("websocket")))
        return "Upgrade is not websocket";
    if (!http_reply_has_token(r, STR("Connection"), STR("upgrade")))
        return "Connection does not include upgrade";
    if (!is_accepted(h, r))
        return "Sec-WebSocket-Accept does not belong to the key";
    if (http_reply_header_count(r, STR("Sec-WebSocket-Extensions")) > 0)
        return "Sec-WebSocket-Extensions was not offered";
    if (http_reply_header_count(r, STR("Sec-WebSocket-Protocol")) > 0)
        return "Sec-WebSocket-Protocol was not offered";
    return NULL;
}

/* ---- frames out ---- */

void ws_client_frame(struct buf *out, enum ws_opcode op, struct str payload,
                     const uint8_t mask[WS_MASK_LEN])
{
    char *p = buf_reserve(out, WS_HEAD_MAX + WS_MASK_LEN + payload.n);
    size_t head = ws_encode_head(p, op, payload.n);
    uint8_t turning[WS_MASK_LEN];

    p[1] = (char)(p[1] | WS_MASKED);
    memcpy(p + head, mask, WS_MASK_LEN);
    memcpy(turning, mask, WS_MASK_LEN);
    if (payload.n)
        memcpy(p + head + WS_MASK_LEN, payload.p, payload.n);
    ws_mask(turning, p + head + WS_MASK_LEN, payload.n);
    buf_commit(out, head + WS_MASK_LEN + payload.n);
}

void ws_client_close(struct buf *out, int code, struct str reason, const uint8_t mask[WS_MASK_LEN])
{
    char frame[2 + WS_CONTROL_MAX];
    size_t n = ws_encode_close(frame, code, reason);

    ws_client_frame(out, WS_OP_CLOSE, str_make(frame + 2, n - 2), mask);
}
