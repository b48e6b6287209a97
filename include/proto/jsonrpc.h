/* jsonrpc.h - reads JSON-RPC 2.0 requests and writes replies (with jansson).
 * Thread:  any; pure.
 * Borrows: a request's method and params are views into the message that it was read from.
 * Ids:     strings, integers of 64 bits, with or without sign, and other numbers; replies echo them
 *          (integers digit for digit). As JSON text they have at most JSONRPC_ID_MAX bytes, since a
 *          subscription keeps its id.
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

/* The codes of error replies; all but the last are sent as they are. */
enum jsonrpc_error {
    JSONRPC_PARSE_ERROR = -32700,
    JSONRPC_INVALID_REQUEST = -32600,
    JSONRPC_METHOD_NOT_FOUND = -32601,
    JSONRPC_INVALID_PARAMS = -32602,
    JSONRPC_BROKER = -32603,
    JSONRPC_NOT_ALLOWED = -32001, /* sent as -32602 with its own message, as in the C++ Eventhub */
};

/* One message: a request, or a batch of 1 to JSONRPC_BATCH_MAX. */
struct jsonrpc_message {
    json_t *root;               /* NULL: jansson refused the text, see items */
    struct jsonrpc_item *items; /* the requests that were found in it (jsonrpc_refused.h) */
    size_t n;                   /* requests, or what is in their place */
    bool is_batch;
};

/* Parses one message by RFC 8259, after a byte order mark if there is one. Refuses duplicate names,
 * bad UTF-8 and deep nesting, but allows U+0000 in strings. Valid JSON that jansson refuses is a
 * message, too: jsonrpc_read then refuses its requests one by one, under their own ids. On success
 * the caller frees *ret. On failure returns a jsonrpc_error code (< 0), and *ret_why is a text for
 * error.data. */
int jsonrpc_parse(struct str text, struct jsonrpc_message *ret, const char **ret_why) EH_MUST_USE;
void jsonrpc_free(struct jsonrpc_message *m); /* {0} is fine, and what is left */

struct jsonrpc_request {
    struct str id; /* JSON text in id_text; {NULL, 0}: a notification, which gets no reply */
    struct str method;
    json_t *params; /* object, array, or NULL */
    char id_text[JSONRPC_ID_MAX];
};

/* Reads request i of the message. On failure returns a jsonrpc_error code; *ret then has the id if
 * one could be read (otherwise {NULL, 0}), and *ret_why is a text for error.data, which ends with
 * the message. JSONRPC_INVALID_REQUEST: it is not a request. Other codes: jansson refused it. */
int jsonrpc_read(const struct jsonrpc_message *m, size_t i, struct jsonrpc_request *ret,
                 const char **ret_why) EH_MUST_USE;

/* Builds a reply, with one reference. `result` is JSON text. */
struct bytes *jsonrpc_result(struct str id, struct str result);
/* The same from a tree, whose reference it takes. */
struct bytes *jsonrpc_result_tree(struct str id, json_t *result);
/* Builds an error reply. An id of {NULL, 0} is sent as null. why is plain text for error.data. */
struct bytes *jsonrpc_error(struct str id, enum jsonrpc_error code, struct str why);

#endif
