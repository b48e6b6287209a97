/* Properties: whatever the input, each answer is valid JSON with the id of its request. Text that
 * jansson accepts gives the same requests if it is read in the way that is meant for text that
 * jansson refuses. jansson refuses no JSON for reasons that we do not know. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/jsonrpc.h"
#include "proto/jsonrpc_refused.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* An unsigned id of 64 bits does not fit a tree; it is then read as a real. */
static json_t *load(struct str text)
{
    json_t *tree = json_loadb(text.p, text.n, JSONRPC_READ_FLAGS, NULL);

    if (tree)
        return tree;
    return json_loadb(text.p, text.n, JSONRPC_READ_FLAGS | JSON_DECODE_INT_AS_REAL, NULL);
}

/* Checks that the reply has the id (null if there is none) and the member, and frees it. */
static void check_reply(struct bytes *reply, struct str id, const char *member)
{
    json_t *tree = load(bytes_str(reply));
    json_t *want = id.p ? load(id) : json_null();

    if (!json_is_object(tree) || json_object_size(tree) != 3 || !json_object_get(tree, member))
        abort();
    if (!want || !json_equal(json_object_get(tree, "id"), want))
        abort();
    json_decref(want);
    json_decref(tree);
    shared_unref(&reply->shared);
}

static void check_id(const struct jsonrpc_request *rq, const json_t *value)
{
    json_t *id = rq->id.p ? load(rq->id) : NULL;
    json_t *want = json_object_get(value, "id");

    if (id ? !json_equal(id, want) : want != NULL)
        abort();
    json_decref(id);
}

/* value: the request itself; NULL: jansson refused the message. */
static void check_request(const struct jsonrpc_request *rq, json_t *value)
{
    if (!rq->method.p || rq->id.n > JSONRPC_ID_MAX)
        abort();
    if (rq->params && !json_is_object(rq->params) && !json_is_array(rq->params))
        abort();
    if (value)
        check_id(rq, value);
    if (value && rq->id.p)
        check_reply(jsonrpc_result_tree(rq->id, json_incref(value)), rq->id, "result");
    check_reply(jsonrpc_result(rq->id, STR("[]")), rq->id, "result");
    check_reply(jsonrpc_error(rq->id, JSONRPC_METHOD_NOT_FOUND, rq->method), rq->id, "error");
}

/* Only text that jansson refused has other faults than that it is not a request. */
static void check_code(const struct jsonrpc_message *m, int rc)
{
    if (rc == JSONRPC_INVALID_REQUEST)
        return;
    if (!m->items || (rc != JSONRPC_INVALID_PARAMS && rc != JSONRPC_PARSE_ERROR))
        abort();
}

static void check_each(const struct jsonrpc_message *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct jsonrpc_request rq;
        const char *why = NULL;
        int rc = jsonrpc_read(m, i, &rq, &why);

        if (rc == EH_OK) {
            check_request(&rq, m->is_batch ? json_array_get(m->root, i) : m->root);
            continue;
        }
        if (!why)
            abort();
        check_code(m, rc);
        check_reply(jsonrpc_error(rq.id, (enum jsonrpc_error)rc, str_of(why)), rq.id, "error");
    }
}

static void check_same(const struct jsonrpc_message *a, const struct jsonrpc_message *b)
{
    if (a->n != b->n || a->is_batch != b->is_batch)
        abort();
    for (size_t i = 0; i < a->n; i++) {
        struct jsonrpc_request x, y;
        const char *why = NULL;
        int rc = jsonrpc_read(a, i, &x, &why);

        if (jsonrpc_read(b, i, &y, &why) != rc || !str_eq(x.id, y.id) || !x.id.p != !y.id.p)
            abort();
        if (!str_eq(x.method, y.method) || !x.params != !y.params)
            abort();
        if (x.params && !json_equal(x.params, y.params))
            abort();
    }
}

static bool has_object(const struct jsonrpc_message *m)
{
    for (size_t i = 0; m->is_batch && i < m->n; i++) {
        if (json_is_object(json_array_get(m->root, i)))
            return true;
    }
    return json_is_object(m->root);
}

/* Text that jansson accepted, read in the other way. jansson ignores a NUL after a number, and takes
 * one after the value for the end of the text, so text with a NUL is not compared. */
static void check_accepted(struct str text, const struct jsonrpc_message *m)
{
    struct jsonrpc_message other = { 0 };

    if (memchr(text.p, '\0', text.n))
        return;
    if ((jsonrpc_refused_read(text, &other) == EH_OK) != has_object(m))
        abort();
    if (other.items)
        check_same(m, &other);
    jsonrpc_free(&other);
}

/* Text that jansson refused, although it is JSON: because of a number, a name, the nesting, or half
 * of a surrogate pair, which is always escaped. */
static void check_refused(struct str text)
{
    json_error_t error;
    json_t *tree = json_loadb(text.p, text.n, JSONRPC_READ_FLAGS, &error);

    if (tree)
        abort();
    switch (json_error_code(&error)) {
    case json_error_numeric_overflow:
    case json_error_null_byte_in_key:
    case json_error_duplicate_key:
    case json_error_stack_overflow: return;
    case json_error_invalid_syntax:
        if (memmem(text.p, text.n, "\\ud", 3) || memmem(text.p, text.n, "\\uD", 3))
            return;
        abort();
    default: abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct str text = { (const char *)p, n };
    struct jsonrpc_message m = { 0 };
    const char *why = NULL;
    int rc = jsonrpc_parse(text, &m, &why);

    if (rc < 0) {
        if (m.root || m.items || !why ||
            (rc != JSONRPC_PARSE_ERROR && rc != JSONRPC_INVALID_REQUEST))
            abort();
        return 0;
    }
    check_each(&m);
    if (str_starts_with(text, STR("\xef\xbb\xbf")))
        text = str_skip(text, 3);
    if (m.root)
        check_accepted(text, &m);
    else
        check_refused(text);
    jsonrpc_free(&m);
    return 0;
}
