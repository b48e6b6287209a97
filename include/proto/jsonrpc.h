/* jsonrpc.h - JSON-RPC 2.0 requests in, replies out (jansson).
 * Thread:  any; pure.
 * Borrows: a request's method and params are views into the tree that it was read from.
 * Ids:     strings, integers within int64, other numbers; echoed as they came (integers digit for
 *          digit). As JSON text at most JSONRPC_ID_MAX bytes, since a subscription keeps its id.
 */
#ifndef EH_PROTO_JSONRPC_H
#define EH_PROTO_JSONRPC_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/shared.h"
#include "base/str.h"

#define JSONRPC_ID_MAX    256
#define JSONRPC_BATCH_MAX 100 /* requests in one batch */

/* The codes that go out, but for the last. */
enum jsonrpc_error {
    JSONRPC_PARSE_ERROR = -32700,
    JSONRPC_INVALID_REQUEST = -32600,
    JSONRPC_METHOD_NOT_FOUND = -32601,
    JSONRPC_INVALID_PARAMS = -32602,
    JSONRPC_BROKER = -32603,
    JSONRPC_NOT_ALLOWED = -32001, /* goes out as -32602 with a message of its own, as upstream */
};

/* Reads one message (strict RFC 8259: duplicate keys, bad UTF-8 and deep nesting are refused; NUL
 * in strings is fine): any value, which jsonrpc_read then looks at, or an array of 1 to
 * JSONRPC_BATCH_MAX of them, which is a batch. On failure a jsonrpc_error code (< 0), and *ret_why
 * is one sentence for error.data. */
int jsonrpc_parse(struct str text, json_t **ret_root, const char **ret_why) EH_MUST_USE;

struct jsonrpc_request {
    struct str id; /* JSON text in id_text; {NULL, 0}: a notification, never answered */
    struct str method;
    json_t *params; /* object, array, or NULL */
    char id_text[JSONRPC_ID_MAX];
};

/* One request. JSONRPC_INVALID_REQUEST when it is none: *ret then still has the id if one could be
 * read (else {NULL, 0}), and *ret_why is one sentence for error.data. */
int jsonrpc_read(const json_t *value, struct jsonrpc_request *ret,
                 const char **ret_why) EH_MUST_USE;

/* A whole reply as bytes to send, count 1. `result` is JSON text. */
struct bytes *jsonrpc_result(struct str id, struct str result);
/* The same from a tree, whose reference is taken. */
struct bytes *jsonrpc_result_tree(struct str id, json_t *result);
/* id {NULL, 0} goes out as null. why is plain text, one sentence that names what was wrong. */
struct bytes *jsonrpc_error(struct str id, enum jsonrpc_error code, struct str why);

#endif
