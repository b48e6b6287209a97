/* ws_deflate.h - the negotiation of permessage-deflate: offers in, our answer out (RFC 6455 9.1,
 * RFC 7692 7.1).
 * Thread:  any; pure.
 * Ours:    the first offer that we can keep. In both directions no context is taken over, so that a
 *          message stands alone: it is deflated once for all, and nothing is kept between messages.
 *          A window of 256 bytes (8 bits) is one that zlib cannot keep to: such an offer is
 * declined.
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

/* What was agreed on. {0} before the offers are read. */
struct ws_deflate {
    uint8_t window_bits;    /* log2 of the window that we may use to send; 0: no compression */
    bool is_window_offered; /* the client named it, so that the answer must */
};

/* Reads the offers of one Sec-WebSocket-Extensions field; of several fields the first one's count
 * first. Offers of other extensions, and those that are not acceptable, are passed over.
 * EH_EINVAL: it is not a list of extensions at all. */
int ws_deflate_read(struct str field, struct ws_deflate *d) EH_MUST_USE;

/* The extension as our handshake names it, for a window_bits that is not 0. */
void ws_deflate_add_answer(const struct ws_deflate *d, struct buf *out);

#endif
