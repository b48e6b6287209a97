/* Property: whatever the input, each answer is valid JSON with the id of its request. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/jsonrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static json_t *load(struct str text)
{
    return json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY,
                      NULL);
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

static void check_request(const struct jsonrpc_request *rq, json_t *value)
{
    if (!rq->method.p || rq->id.n > JSONRPC_ID_MAX)
        abort();
    if (rq->params && !json_is_object(rq->params) && !json_is_array(rq->params))
        abort();
    check_id(rq, value);
    check_reply(jsonrpc_result(rq->id, STR("[]")), rq->id, "result");
    check_reply(jsonrpc_result_tree(rq->id, json_incref(value)), rq->id, "result");
    check_reply(jsonrpc_error(rq->id, JSONRPC_METHOD_NOT_FOUND, rq->method), rq->id, "error");
}

static void check_value(json_t *value)
{
    struct jsonrpc_request rq;
    const char *why = NULL;
    int rc = jsonrpc_read(value, &rq, &why);

    if (rc == EH_OK) {
        check_request(&rq, value);
        return;
    }
    if (!why || rc != JSONRPC_INVALID_REQUEST)
        abort();
    check_reply(jsonrpc_error(rq.id, (enum jsonrpc_error)rc, str_of(why)), rq.id, "error");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    json_t *root = NULL, *value;
    const char *why = NULL;
    int rc = jsonrpc_parse(str_make((const char *)p, n), &root, &why);
    size_t i;

    if (rc < 0) {
        if (root || !why || (rc != JSONRPC_PARSE_ERROR && rc != JSONRPC_INVALID_REQUEST))
            abort();
        return 0;
    }
    if (!json_is_array(root))
        check_value(root);
    json_array_foreach(root, i, value) check_value(value);
    json_decref(root);
    return 0;
}
