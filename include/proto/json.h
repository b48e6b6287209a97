/* json.h - the little JSON that is written and read by hand, where a tree would cost too much
 * (delivered messages, /metrics). Other reading is jansson's. Thread: any; pure.
 */
#ifndef EH_PROTO_JSON_H
#define EH_PROTO_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct json_t; /* jansson's */

/* Appends s as a JSON string with its quotes (RFC 8259 7): `"`, `\` and controls escaped, all else
 * as it is. s must be valid UTF-8 and may hold U+0000. */
void json_add_string(struct buf *out, struct str s);

/* The other way round: appends the text of the JSON string at the start of `in` (out NULL: only
 * looks at it); what stands behind its closing quote is not looked at. Returns the bytes of the string with its quotes, or EH_EINVAL
 * where none is there: bad escape, bare control, half a surrogate pair, no end; what came
 * before the fault stands in out then. That the text is UTF-8 is not checked. */
int json_read_string(struct str in, struct buf *out) EH_MUST_USE;

/* The text of a jansson string: a view into it. {NULL, 0} where the value is NULL or not a string. */
struct str json_text(const struct json_t *value);

/* Reads a whole number; false where the value is NULL or not one. The one place that decides which
 * JSON values are whole numbers in the parameters of a request and in the claims of a token. */
bool json_whole_number(const struct json_t *value, int64_t *ret);

#endif
