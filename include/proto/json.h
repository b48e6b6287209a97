/* json.h - the little JSON that is written by hand, where a tree would cost too much (delivered
 * messages, /metrics). Reading is jansson's. Thread: any; pure.
 */
#ifndef EH_PROTO_JSON_H
#define EH_PROTO_JSON_H

#include "base/buf.h"
#include "base/str.h"

/* Appends s as a JSON string with its quotes (RFC 8259 7): `"`, `\` and controls escaped, all else
 * as it is. s must be valid UTF-8 and may hold U+0000. */
void json_add_string(struct buf *out, struct str s);

#endif
