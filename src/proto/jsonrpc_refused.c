/* jsonrpc_refused.c - finds the requests in text that jansson refuses.
 *
 * jansson reads a text as a whole or not at all. It refuses valid JSON that its tree cannot hold,
 * even if the reason is one number or half of an emoji, and then nobody knows which request to
 * answer. An error with the id null is of no use: the client waits forever for its own id. So a
 * refused text is read again, token by token (json_reader.h):
 *
 *   1. If it is not JSON at all, or has no object in the place of a request, there is nothing to
 *      find, and one error with the id null is right.
 *   2. A batch is split into its elements. From here on, each of them is a text of its own, so that
 *      one refused request does not take the others with it.
 *   3. The id of each is read by itself, and the request is copied with these changes:
 *        - the id becomes 0, since it may be an unsigned integer of 64 bits;
 *        - half of a surrogate pair in `message` or `value` becomes U+FFFD.
 *      Everything else that the tree cannot hold is left alone and refused: we do not guess what
 *      such a topic, key or number means.
 *   4. jansson reads the copy. It may refuse it again, but by now the id is known.
 *
 *      {"id":18446744073709551615,"method":"publish","params":{"topic":"a","message":"hi \ud83d"}}
 *      {"id":0,"method":"publish","params":{"topic":"a","message":"hi <U+FFFD>"}}
 *
 * A text may be read this way even if jansson accepts it; then both find the same requests, which
 * fuzz_jsonrpc checks.
 */
#include "proto/jsonrpc_refused.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proto/json.h"
#include "proto/json_reader.h"
#include "proto/utf8.h"

#define NUMBER_RULE "an integer must fit 64 bits, any other number a double"

/* What is known of a request while its tokens are read. */
struct reading {
    struct jsonrpc_item *item; /* gets the first fault */
    struct buf copy;
    const char *copied;   /* the text up to here is in the copy */
    struct str parameter; /* the name of the member of params, or {NULL, 0} */
    bool is_id, is_in_params;
    struct json_token id;
    unsigned n_ids;
};

static const char *text_fault(enum json_error_code code)
{
    switch (code) {
    case json_error_numeric_overflow: return "a number is out of range: " NUMBER_RULE;
    case json_error_null_byte_in_key: return "a member name contains U+0000";
    case json_error_duplicate_key: return "an object has two members with the same name";
    case json_error_invalid_utf8: return "the text is not valid UTF-8";
    case json_error_stack_overflow: return "the text is nested too deeply";
    default: return "the text is not valid JSON";
    }
}

/* Answers -32600 in the two cases in which jansson refuses valid JSON that it cannot represent, and
 * -32700 otherwise. */
int jsonrpc_refused_error(const json_error_t *error, const char **ret_why)
{
    enum json_error_code code = json_error_code(error);
    bool is_json = code == json_error_numeric_overflow || code == json_error_null_byte_in_key;

    *ret_why = text_fault(code);
    return is_json ? JSONRPC_INVALID_REQUEST : JSONRPC_PARSE_ERROR;
}

const char *jsonrpc_write_id(const json_t *id, char ret[JSONRPC_ID_MAX], size_t *ret_n)
{
    size_t n;

    if (!json_is_string(id) && !json_is_number(id))
        return "id must be a string or a number";
    n = json_dumpb(id, ret, JSONRPC_ID_MAX, JSONRPC_WRITE_FLAGS);
    if (n == 0 || n > JSONRPC_ID_MAX)
        return "id must not be longer than 256 bytes";
    *ret_n = n;
    return NULL;
}

static void refuse(struct jsonrpc_item *item, int code, const char *fmt, ...) EH_PRINTF(3, 4);

static void refuse(struct jsonrpc_item *item, int code, const char *fmt, ...)
{
    va_list args;

    item->code = code;
    va_start(args, fmt);
    (void)vsnprintf(item->why, sizeof(item->why), fmt, args);
    va_end(args);
}

/* Reports whether a name, with its quotes, is this one. An escape is at most six times as long as
 * the character. */
static bool is_name(struct str name, const char *wanted)
{
    struct buf text = { 0 };
    bool is_it;

    if (name.n > 6 * strlen(wanted) + 2 || json_read_string(name, &text) < 0)
        is_it = false;
    else
        is_it = str_eq(buf_str(&text), str_of(wanted));
    buf_done(&text);
    return is_it;
}

static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] | 0x20) < 'a' || (s.p[i] | 0x20) > 'z')
            return false;
    }
    return s.n > 0 && s.n <= 32;
}

/* Returns the name of the parameter as errors give it: `params` if there is none fit to print. */
static struct str parameter_of(const struct reading *rd)
{
    struct str quoted = rd->parameter;
    struct str text = quoted.n > 2 ? str_make(quoted.p + 1, quoted.n - 2) : STR("");

    return is_word(text) ? text : STR("params");
}

static void refuse_half(struct reading *rd)
{
    if (rd->item->code)
        return;
    if (rd->is_in_params)
        refuse(rd->item, JSONRPC_INVALID_PARAMS, "%.*s must not contain half of a surrogate pair",
               STR_ARG(parameter_of(rd)));
    else
        refuse(rd->item, JSONRPC_PARSE_ERROR, "a string contains half of a surrogate pair");
}

static void refuse_number(struct reading *rd)
{
    if (rd->item->code)
        return;
    if (rd->is_in_params)
        refuse(rd->item, JSONRPC_INVALID_PARAMS, "the number in %.*s is out of range: " NUMBER_RULE,
               STR_ARG(parameter_of(rd)));
    else
        refuse(rd->item, JSONRPC_INVALID_REQUEST, "a number is out of range: " NUMBER_RULE);
}

/* Reports whether jansson can represent the number. At most 18 characters without an exponent
 * always fit. */
static bool number_fits(struct str number)
{
    json_t *value;

    if (number.n <= 18 && !memchr(number.p, 'e', number.n) && !memchr(number.p, 'E', number.n))
        return true;
    value = json_loadb(number.p, number.n, JSONRPC_READ_FLAGS, NULL);
    json_decref(value);
    return value != NULL;
}

/* Puts other text in the place of a token. */
static void replace(struct reading *rd, struct str token, struct str by)
{
    buf_add(&rd->copy, rd->copied, (size_t)(token.p - rd->copied));
    buf_add_str(&rd->copy, by);
    rd->copied = token.p + token.n;
}

static void on_name(struct reading *rd, const struct json_token *t)
{
    if (t->depth == 1) {
        rd->parameter = (struct str){ NULL, 0 };
        rd->is_id = is_name(t->text, "id");
        rd->is_in_params = is_name(t->text, "params");
        rd->n_ids += rd->is_id;
    } else if (t->depth == 2 && rd->is_in_params) {
        rd->parameter = t->text;
    }
    if (t->has_half)
        refuse_half(rd);
}

static void on_string(struct reading *rd, const struct json_token *t)
{
    bool is_payload = t->depth == 2 && rd->is_in_params &&
                      (is_name(rd->parameter, "message") || is_name(rd->parameter, "value"));
    struct buf text = { 0 }, quoted = { 0 };
    bool has_half;

    if (!t->has_half)
        return;
    if (!is_payload) {
        refuse_half(rd);
        return;
    }
    if (json_read_string_lossy(t->text, &text, &has_half) > 0)
        json_add_string(&quoted, buf_str(&text));
    replace(rd, t->text, buf_str(&quoted));
    buf_done(&text);
    buf_done(&quoted);
}

static void on_token(struct reading *rd, const struct json_token *t)
{
    if (t->kind == JSON_TOKEN_NAME) {
        on_name(rd, t);
    } else if (rd->is_id && t->depth == 1 && t->kind != JSON_TOKEN_CLOSE) {
        rd->id = *t;
        if (t->kind != JSON_TOKEN_OPEN)
            replace(rd, t->text, STR("0"));
    } else if (t->kind == JSON_TOKEN_STRING) {
        on_string(rd, t);
    } else if (t->kind == JSON_TOKEN_NUMBER && !number_fits(t->text)) {
        refuse_number(rd);
    }
}

/* Writes the id to the item. On failure returns the text for error.data, and the code. */
static const char *read_id(const struct json_token *id, struct jsonrpc_item *item, int *ret_code)
{
    const char *why;
    uint64_t number;
    json_t *value;

    *ret_code = JSONRPC_INVALID_REQUEST;
    if (str_parse_u64(id->text, &number) == EH_OK) {
        memcpy(item->id, id->text.p, id->text.n);
        item->id_n = id->text.n;
        return NULL;
    }
    if (id->has_half) {
        *ret_code = JSONRPC_PARSE_ERROR;
        return "id must not contain half of a surrogate pair";
    }
    if (id->kind == JSON_TOKEN_NUMBER && !number_fits(id->text))
        return "id is out of range: " NUMBER_RULE;
    value = json_loadb(id->text.p, id->text.n, JSONRPC_READ_FLAGS, NULL); /* NULL: a bracket */
    why = jsonrpc_write_id(value, item->id, &item->id_n);
    json_decref(value);
    return why;
}

static void load_copy(struct reading *rd)
{
    struct jsonrpc_item *item = rd->item;
    struct str text = buf_str(&rd->copy);
    json_error_t error;
    const char *why;

    item->value = json_loadb(text.p, text.n, JSONRPC_READ_FLAGS, &error);
    if (item->value)
        return;
    item->code = jsonrpc_refused_error(&error, &why);
    refuse(item, item->code, "%s", why);
}

/* Reads one request, which is known to be JSON. */
static void read_item(struct str text, struct jsonrpc_item *item)
{
    struct reading rd = { .item = item, .copied = text.p };
    struct json_reader reader;
    struct json_token t;
    const char *why = NULL;
    int code = EH_OK;

    json_reader_init(&reader, text);
    while (json_reader_next(&reader, &t) == EH_OK && t.kind != JSON_TOKEN_END)
        on_token(&rd, &t);
    json_reader_done(&reader);
    replace(&rd, str_make(text.p + text.n, 0), STR(""));
    /* Two members named id are like none: jansson reports the second. An id that cannot be read
     * takes precedence over other faults, since the answer cannot carry it. */
    if (rd.n_ids == 1)
        why = read_id(&rd.id, item, &code);
    if (why)
        refuse(item, code, "%s", why);
    else if (item->code == EH_OK || rd.n_ids > 1)
        load_copy(&rd);
    buf_done(&rd.copy);
}

/* Where the requests of a text are. */
struct spans {
    struct str text[JSONRPC_BATCH_MAX];
    size_t n; /* may be greater than JSONRPC_BATCH_MAX */
    bool is_batch;
};

/* Adds the element that begins with the token, or extends it to its closing bracket. */
static void add_span(struct spans *s, const struct json_token *t)
{
    if (t->kind != JSON_TOKEN_CLOSE)
        s->n++;
    if (s->n > JSONRPC_BATCH_MAX)
        return;
    if (t->kind == JSON_TOKEN_CLOSE)
        s->text[s->n - 1].n = (size_t)(t->text.p + 1 - s->text[s->n - 1].p);
    else
        s->text[s->n - 1] = t->text;
}

static int split(struct str text, struct spans *ret)
{
    struct json_reader reader;
    struct json_token t = { .kind = JSON_TOKEN_OPEN };
    bool is_first = true;
    int rc = EH_OK;

    json_reader_init(&reader, text);
    while (t.kind != JSON_TOKEN_END && (rc = json_reader_next(&reader, &t)) == EH_OK) {
        if (is_first)
            ret->is_batch = t.text.p[0] == '[';
        is_first = false;
        if (t.kind != JSON_TOKEN_NAME && t.kind != JSON_TOKEN_END && t.depth == ret->is_batch)
            add_span(ret, &t);
    }
    json_reader_done(&reader);
    return rc;
}

static bool has_object(const struct spans *s)
{
    for (size_t i = 0; i < s->n && i < JSONRPC_BATCH_MAX; i++) {
        if (s->text[i].p[0] == '{')
            return true;
    }
    return false;
}

int jsonrpc_refused_read(struct str text, struct jsonrpc_message *ret)
{
    struct spans spans = { .n = 0 };

    if (!utf8_is_valid(text))
        return EH_EINVAL;
    EH_TRY(split(text, &spans));
    if (!has_object(&spans))
        return EH_EINVAL;
    ret->n = spans.n;
    ret->is_batch = spans.is_batch;
    if (spans.n > JSONRPC_BATCH_MAX)
        return EH_OK;
    ret->items = mem_zalloc(spans.n * sizeof(ret->items[0]));
    for (size_t i = 0; i < spans.n; i++)
        read_item(spans.text[i], &ret->items[i]);
    return EH_OK;
}

void jsonrpc_refused_free(struct jsonrpc_item *items, size_t n)
{
    for (size_t i = 0; items && i < n; i++)
        json_decref(items[i].value);
    free(items);
}
