/* base64url.h - RFC 4648 5 without padding, as in tokens (RFC 7515, 2).
 * Thread:  any; pure.
 */
#ifndef EH_HUB_BASE64URL_H
#define EH_HUB_BASE64URL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Appends the bytes of the text. Accepts the canonical form only: no lone last digit, no bits left
 * over, no padding. On failure *out holds what it held before. */
bool base64url_decode(struct str text, struct buf *out);

void base64url_encode(struct str bytes, struct buf *out);

#endif
