/* jsonrpc_refused.h - finds the requests in text that jansson refuses.
 * Why:     an error helps a client only if it carries the id of the request, and jansson returns no
 *          part of a text that it refuses.
 * Thread:  any; pure.
 * Bounds:  a few passes over the text, and a copy of it.
 */
#ifndef EH_PROTO_JSONRPC_REFUSED_H
#define EH_PROTO_JSONRPC_REFUSED_H

#include "proto/jsonrpc.h"

/* DECODE_ANY: a lone scalar is valid JSON, though not a request. ALLOW_NUL: a string may hold
 * U+0000. */
#define JSONRPC_READ_FLAGS  (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY)
#define JSONRPC_WRITE_FLAGS (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)

/* One request of such a text. */
struct jsonrpc_item {
    json_t *value; /* without its own id; NULL: refused with code and why */
    int code;
    char why[160];
    size_t id_n; /* 0: the request has no id, or none that could be read */
    char id[JSONRPC_ID_MAX];
};

/* Reads a text, which jansson has refused or (in tests) accepted: fills in items, n and is_batch.
 * EH_EINVAL: the text is not JSON, or is neither an object nor an array that contains one. A batch
 * of more than JSONRPC_BATCH_MAX has no items. */
int jsonrpc_refused_read(struct str text, struct jsonrpc_message *ret) EH_MUST_USE;
void jsonrpc_refused_free(struct jsonrpc_item *items, size_t n);

/* Returns the code to answer with when jansson refuses a text, and the text for error.data. */
int jsonrpc_refused_error(const json_error_t *error, const char **ret_why);

/* Writes an id as JSON text. Returns NULL, or the text for error.data. */
const char *jsonrpc_write_id(const json_t *id, char ret[JSONRPC_ID_MAX], size_t *ret_n);

#endif
