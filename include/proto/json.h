/* json.h - writes and reads JSON by hand where a tree would cost too much (delivered messages,
 * /metrics), and reads and writes values of jansson, which does the rest.
 * Thread:  any; pure.
 */
#ifndef EH_PROTO_JSON_H
#define EH_PROTO_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct json_t; /* jansson's */

/* Appends s as a JSON string with its quotes (RFC 8259 7). Escapes `"`, `\` and controls, nothing
 * else. s must be valid UTF-8 and may hold U+0000. */
void json_add_string(struct buf *out, struct str s);

/* Appends a value of jansson, with the flags of its json_dumps. */
void json_add_value(struct buf *out, const struct json_t *value, size_t flags);

/* Decodes the JSON string at the start of `in` and appends its text to out (NULL: only checks it).
 * Ignores what follows the closing quote. Returns the length of the string with its quotes, or
 * EH_EINVAL: no string, a bad escape, a bare control, half a surrogate pair, or no end; out then
 * has the text before the fault. Does not check that the text is UTF-8. */
int json_read_string(struct str in, struct buf *out) EH_MUST_USE;

/* The same, but half of a surrogate pair is read as U+FFFD and reported. JavaScript sends such a
 * half for an emoji that was cut in two. */
int json_read_string_lossy(struct str in, struct buf *out, bool *ret_has_half) EH_MUST_USE;

/* Returns the length of the JSON number at the start of `in`. EH_EINVAL: there is none, or it has
 * leading zeros, or lacks a digit where one must be. */
int json_read_number(struct str in) EH_MUST_USE;

/* Returns a view of a jansson string; {NULL, 0} if value is NULL or not a string. */
struct str json_text(const struct json_t *value);

/* Reads a whole number within int64_t, however it is spelled: 60, 60.0 and 6e1 are the same, since
 * JSON has one kind of number (RFC 8259 6) and some encoders write every number with a fraction.
 * False: value is NULL or not a whole number. All parameters of requests and claims of tokens are
 * read with it, so they agree on which JSON values are whole numbers. */
bool json_whole_number(const struct json_t *value, int64_t *ret);
/* The same, but a fraction is cut off: for times, which clients compute. */
bool json_cut_number(const struct json_t *value, int64_t *ret);

#endif
