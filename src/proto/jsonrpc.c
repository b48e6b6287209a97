#include "proto/jsonrpc.h"

#include <assert.h>
#include <stdlib.h>

#include "base/array.h"
#include "proto/json.h"
#include "proto/jsonrpc_refused.h"

_Static_assert(JSONRPC_BATCH_MAX == 100 && JSONRPC_ID_MAX == 256, "as the texts say");

int jsonrpc_parse(struct str text, struct jsonrpc_message *ret, const char **ret_why)
{
    static const struct str mark = { "\xef\xbb\xbf", 3 };
    struct jsonrpc_message m = { 0 };
    json_error_t error;

    /* Some editors and libraries begin a text with a byte order mark, which RFC 8259 8.1 lets us
     * ignore. */
    if (str_starts_with(text, mark))
        text = str_skip(text, mark.n);
    m.root = json_loadb(text.p, text.n, JSONRPC_READ_FLAGS, &error);
    if (m.root) {
        m.is_batch = json_is_array(m.root);
        m.n = m.is_batch ? json_array_size(m.root) : 1;
    } else if (jsonrpc_refused_read(text, &m) < 0) {
        return jsonrpc_refused_error(&error, ret_why);
    }
    if (m.is_batch && (m.n == 0 || m.n > JSONRPC_BATCH_MAX)) {
        *ret_why = m.n == 0 ? "the batch is empty" : "the batch has more than 100 requests";
        jsonrpc_free(&m);
        return JSONRPC_INVALID_REQUEST;
    }
    *ret = m;
    return EH_OK;
}

void jsonrpc_free(struct jsonrpc_message *m)
{
    json_decref(m->root);
    jsonrpc_refused_free(m->items, m->n);
    *m = (struct jsonrpc_message){ 0 };
}

static const char *read_members(const json_t *value, struct jsonrpc_request *rq)
{
    const json_t *version = json_object_get(value, "jsonrpc");
    const json_t *method = json_object_get(value, "method");
    json_t *params = json_object_get(value, "params");

    if (!str_eq(json_text(version), STR("2.0")))
        return "jsonrpc must be \"2.0\"";
    if (!json_is_string(method))
        return "method must be a string";
    rq->method = json_text(method);
    if (!params || json_is_null(params))
        return NULL;
    if (!json_is_object(params) && !json_is_array(params))
        return "params must be an object or an array";
    rq->params = params;
    return NULL;
}

/* Reads the id first, so that any later error can be sent with it. */
static const char *read_value(const json_t *value, struct jsonrpc_request *rq)
{
    const json_t *id = json_object_get(value, "id");

    if (!json_is_object(value))
        return "a request must be an object";
    if (id) {
        size_t n;
        const char *why = jsonrpc_write_id(id, rq->id_text, &n);

        if (why)
            return why;
        rq->id = str_make(rq->id_text, n);
    }
    return read_members(value, rq);
}

/* The same for text that jansson refused: the item has the id already. */
static const char *read_item(const struct jsonrpc_item *item, struct jsonrpc_request *rq)
{
    if (item->id_n)
        rq->id = str_make(memcpy(rq->id_text, item->id, item->id_n), item->id_n);
    if (item->code)
        return item->why;
    return json_is_object(item->value) ? read_members(item->value, rq)
                                       : "a request must be an object";
}

int jsonrpc_read(const struct jsonrpc_message *m, size_t i, struct jsonrpc_request *ret,
                 const char **ret_why)
{
    const struct jsonrpc_item *item = m->items ? &m->items[i] : NULL;
    const char *why;

    assert(i < m->n);
    *ret = (struct jsonrpc_request){ 0 };
    if (item)
        why = read_item(item, ret);
    else
        why = read_value(m->is_batch ? json_array_get(m->root, i) : m->root, ret);
    if (!why)
        return EH_OK;
    *ret_why = why;
    return item && item->code ? item->code : JSONRPC_INVALID_REQUEST;
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
    char *text = json_dumps(result, JSONRPC_WRITE_FLAGS);
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
