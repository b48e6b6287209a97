#include "proto/jsonrpc.h"

#include <assert.h>
#include <stdlib.h>

#include "base/array.h"
#include "proto/json.h"

/* DECODE_ANY: a lone scalar is valid JSON, though not a request. ALLOW_NUL: a string may hold
 * U+0000. */
#define READ_FLAGS  (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY)
#define WRITE_FLAGS (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)

static const char *text_fault(enum json_error_code code)
{
    switch (code) {
    case json_error_numeric_overflow: return "a number is out of range";
    case json_error_null_byte_in_key: return "a member name contains U+0000";
    case json_error_duplicate_key: return "an object has two members with the same name";
    case json_error_invalid_utf8: return "the text is not valid UTF-8";
    case json_error_stack_overflow: return "the text is nested too deeply";
    default: return "the text is not valid JSON";
    }
}

/* In two cases jansson refuses valid JSON because it cannot represent it. */
static int text_error(enum json_error_code code)
{
    bool is_json = code == json_error_numeric_overflow || code == json_error_null_byte_in_key;

    return is_json ? JSONRPC_INVALID_REQUEST : JSONRPC_PARSE_ERROR;
}

static const char *batch_fault(const json_t *root)
{
    if (json_array_size(root) == 0)
        return "the batch is empty";
    if (json_array_size(root) > JSONRPC_BATCH_MAX)
        return "the batch has more than 100 requests";
    return NULL;
}

_Static_assert(JSONRPC_BATCH_MAX == 100 && JSONRPC_ID_MAX == 256, "as the texts say");

int jsonrpc_parse(struct str text, json_t **ret_root, const char **ret_why)
{
    json_error_t error;
    json_t *root = json_loadb(text.p, text.n, READ_FLAGS, &error);
    const char *why;

    if (!root) {
        *ret_why = text_fault(json_error_code(&error));
        return text_error(json_error_code(&error));
    }
    why = json_is_array(root) ? batch_fault(root) : NULL;
    if (why) {
        json_decref(root);
        *ret_why = why;
        return JSONRPC_INVALID_REQUEST;
    }
    *ret_root = root;
    return EH_OK;
}

static const char *read_id(const json_t *value, struct jsonrpc_request *rq)
{
    const json_t *id = json_object_get(value, "id");
    size_t n;

    if (!id)
        return NULL;
    if (!json_is_string(id) && !json_is_number(id))
        return "id must be a string or a number";
    n = json_dumpb(id, rq->id_text, sizeof(rq->id_text), WRITE_FLAGS);
    if (n == 0 || n > sizeof(rq->id_text))
        return "id must not be longer than 256 bytes";
    rq->id = str_make(rq->id_text, n);
    return NULL;
}

static const char *read_version(const json_t *value, struct jsonrpc_request *rq)
{
    const json_t *version = json_object_get(value, "jsonrpc");
    struct str text = json_text(version);

    (void)rq;
    return str_eq(text, STR("2.0")) ? NULL : "jsonrpc must be \"2.0\"";
}

static const char *read_method(const json_t *value, struct jsonrpc_request *rq)
{
    const json_t *method = json_object_get(value, "method");

    rq->method = json_text(method);
    return json_is_string(method) ? NULL : "method must be a string";
}

static const char *read_params(const json_t *value, struct jsonrpc_request *rq)
{
    json_t *params = json_object_get(value, "params");

    if (!params || json_is_null(params))
        return NULL;
    if (!json_is_object(params) && !json_is_array(params))
        return "params must be an object or an array";
    rq->params = params;
    return NULL;
}

/* Reads the id first, so that any later error can be sent with it. */
int jsonrpc_read(const json_t *value, struct jsonrpc_request *ret, const char **ret_why)
{
    static const char *(*const steps[])(const json_t *,
                                        struct jsonrpc_request *) = { read_id, read_version,
                                                                      read_method, read_params };
    const char *why = json_is_object(value) ? NULL : "a request must be an object";

    *ret = (struct jsonrpc_request){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(steps) && !why; i++)
        why = steps[i](value, ret);
    if (!why)
        return EH_OK;
    *ret_why = why;
    return JSONRPC_INVALID_REQUEST;
}

static struct str id_or_null(struct str id)
{
    return id.p ? id : STR("null");
}

struct bytes *jsonrpc_result(struct str id, struct str result)
{
    const struct str parts[] = {
        STR("{\"id\":"), id_or_null(id), STR(",\"jsonrpc\":\"2.0\",\"result\":"), result, STR("}"),
    };
    size_t n = 0;
    struct bytes *reply;
    char *end;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        n += parts[i].n;
    reply = bytes_alloc(n);
    end = reply->p;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        end = mempcpy(end, parts[i].p, parts[i].n);
    return reply;
}

struct bytes *jsonrpc_result_tree(struct str id, json_t *result)
{
    char *text = json_dumps(result, WRITE_FLAGS);
    struct bytes *reply;

    assert(text);
    reply = jsonrpc_result(id, str_of(text));
    free(text);
    json_decref(result);
    return reply;
}

static const char *phrase(enum jsonrpc_error code)
{
    switch (code) {
    case JSONRPC_PARSE_ERROR: return "Parse error";
    case JSONRPC_INVALID_REQUEST: return "Invalid Request";
    case JSONRPC_METHOD_NOT_FOUND: return "Method not found";
    case JSONRPC_INVALID_PARAMS: return "Invalid params";
    case JSONRPC_BROKER: return "Broker unavailable";
    case JSONRPC_NOT_ALLOWED: break;
    }
    return "Not allowed";
}

struct bytes *jsonrpc_error(struct str id, enum jsonrpc_error code, struct str why)
{
    int code_out = code == JSONRPC_NOT_ALLOWED ? JSONRPC_INVALID_PARAMS : (int)code;
    struct buf out = { 0 };
    struct bytes *reply;

    buf_addf(&out, "{\"error\":{\"code\":%d,\"data\":", code_out);
    json_add_string(&out, why);
    buf_addf(&out, ",\"message\":\"%s\"},\"id\":", phrase(code));
    buf_add_str(&out, id_or_null(id));
    buf_add_str(&out, STR(",\"jsonrpc\":\"2.0\"}"));
    reply = bytes_copy(buf_str(&out));
    buf_done(&out);
    return reply;
}
