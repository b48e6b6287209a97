/* ws_client.h - the client's side of WebSocket (RFC 6455): writes the handshake, checks the answer,
 * and encodes masked frames. To read a server's frames, set `is_client` in a ws_decoder (ws.h).
 * Thread:  any; pure. The caller brings the random bytes.
 * Offers:  no extension and no subprotocol, so that an answer that accepts one is refused.
 * Fails:   EH_EINVAL, or a text that says what is wrong with the answer.
 */
#ifndef EH_PROTO_WS_CLIENT_H
#define EH_PROTO_WS_CLIENT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "proto/http_reply.h"
#include "proto/ws.h"

#define WS_NONCE_LEN 16 /* random bytes of a handshake */

/* The fields of a handshake request. Empty ones are not sent. */
struct ws_handshake {
    struct str host;          /* host [":" port], with brackets around an IPv6 address; required */
    struct str target;        /* begins with '/'; required */
    struct str authorization; /* e.g. "Bearer TOKEN" */
    uint8_t nonce[WS_NONCE_LEN];
};

/* Appends the request. EH_EINVAL: a text does not have its form, so that no text can add a field of
 * its own; nothing is appended then. */
int ws_client_request(const struct ws_handshake *h, struct buf *out) EH_MUST_USE;

/* Checks the answer. Returns NULL, or what is wrong with it; with a status other than 101, the
 * caller may know better what the answer means. */
const char *ws_client_check(const struct ws_handshake *h, const struct http_reply *r) EH_MUST_USE;

/* Appends a whole, unfragmented frame with its payload masked. The mask must not be predictable for
 * whoever chose the payload (RFC 6455 10.3). */
void ws_client_frame(struct buf *out, enum ws_opcode op, struct str payload,
                     const uint8_t mask[WS_MASK_LEN]);

/* Appends a Close frame, with the reason truncated to fit. WS_CLOSE_NONE: it is empty. */
void ws_client_close(struct buf *out, int code, struct str reason, const uint8_t mask[WS_MASK_LEN]);

#endif
