/* ws_deflate.h - negotiates permessage-deflate: reads offers, writes our answer (RFC 6455 9.1, RFC
 * 7692 7.1).
 * Thread:  any; pure.
 * Accepts: the first offer that we can honour, without context takeover in either direction. So
 *          each message is independent: it is compressed once for all clients, and no state is kept
 *          between messages. zlib cannot honour a window of 256 bytes (8 bits), so such an offer is
 *          declined.
 */
#ifndef EH_PROTO_WS_DEFLATE_H
#define EH_PROTO_WS_DEFLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define WS_DEFLATE_MIN_BITS 9
#define WS_DEFLATE_MAX_BITS 15

/* The agreed parameters. {0} before the offers are read. */
struct ws_deflate {
    uint8_t window_bits;    /* log2 of the window for what we send; 0: no compression */
    bool is_window_offered; /* the client named it, so the answer must name it too */
};

/* Reads the offers in one Sec-WebSocket-Extensions field; call it for several fields in order.
 * Skips offers of other extensions and unacceptable ones. EH_EINVAL: the field is not a list of
 * extensions. */
int ws_deflate_read(struct str field, struct ws_deflate *d) EH_MUST_USE;

/* Reports whether the browser that this User-Agent names compresses as it agreed to. Safari 15.0 to
 * 15.3, and every browser on iOS 15.0 to 15.3, keeps its window from one message to the next. */
bool ws_deflate_is_safe_for(struct str user_agent);

/* Appends the extension to the answer of the handshake, for a window_bits that is not 0. */
void ws_deflate_add_answer(const struct ws_deflate *d, struct buf *out);

#endif
