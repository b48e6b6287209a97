#include "app/rpc/params.h"

#include <stdarg.h>
#include <stdio.h>

#include "hub/topic.h"
#include "proto/http.h"
#include "proto/json.h"

int params_fail(struct params *p, int code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(p->why, sizeof(p->why), fmt, args);
    va_end(args);
    return code;
}

int params_string(struct params *p, const char *name, struct str *ret)
{
    const json_t *v = json_object_get(p->json, name);

    if (!json_is_string(v))
        return params_fail(p, JSONRPC_INVALID_PARAMS, "%s must be a string", name);
    *ret = json_text(v);
    return EH_OK;
}

int params_integer(struct params *p, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const json_t *v = json_object_get(p->json, name);
    int64_t n;

    if (!v || json_is_null(v))
        return EH_OK;
    if (!json_whole_number(v, &n) || n < min || n > max)
        return params_fail(p, JSONRPC_INVALID_PARAMS, "%s must be an integer from %lld to %lld",
                           name, (long long)min, (long long)max);
    *ret = n;
    return EH_OK;
}

int params_time(struct params *p, const char *name, int64_t *ret)
{
    const json_t *v = json_object_get(p->json, name);

    if (!v || json_is_null(v) || json_cut_number(v, ret))
        return EH_OK;
    return params_fail(p, JSONRPC_INVALID_PARAMS,
                       "%s must be a number of milliseconds that fits 64 bits", name);
}

int params_bool(struct params *p, const char *name, bool *ret)
{
    const json_t *v = json_object_get(p->json, name);

    if (!v || json_is_null(v))
        return EH_OK;
    if (!json_is_boolean(v))
        return params_fail(p, JSONRPC_INVALID_PARAMS, "%s must be true or false", name);
    *ret = json_is_true(v);
    return EH_OK;
}

int params_eventlog(struct params *p, uint64_t max_limit, struct eventlog_request *ret)
{
    const char *why;

    if (eventlog_request_read(p->json, (uint32_t)max_limit, ret, &why) < 0)
        return params_fail(p, JSONRPC_INVALID_PARAMS, "%s", why);
    return EH_OK;
}

int params_history(struct params *p, uint64_t max_limit, struct eventlog_request *ret)
{
    const char *why;

    if (eventlog_subscription_read(p->json, (uint32_t)max_limit, ret, &why) < 0)
        return params_fail(p, JSONRPC_INVALID_PARAMS, "%s", why);
    return EH_OK;
}

int params_check_right(struct params *p, const struct auth *auth, enum auth_right right,
                       struct str name)
{
    if (auth_allows(auth, right, name))
        return EH_OK;
    return params_fail(p, JSONRPC_NOT_ALLOWED, "the token does not permit %s \"%.*s\"",
                       right == AUTH_READ ? "reading" : "writing to", STR_ARG(name));
}

int params_check_topic(struct params *p, struct str topic, bool pattern_allowed)
{
    const bool is_pattern = pattern_is_valid(topic);

    if (topic_is_valid(topic) || (is_pattern && pattern_allowed))
        return EH_OK;
    if (is_pattern)
        return params_fail(p, JSONRPC_INVALID_PARAMS, "topic must be one topic, not a pattern");
    return params_fail(p, JSONRPC_INVALID_PARAMS, "topic must be a valid topic%s",
                       pattern_allowed ? " or pattern" : "");
}

int params_topic(struct params *p, const struct auth *auth, enum auth_right right,
                 bool pattern_allowed, struct str *ret)
{
    struct str topic = { NULL, 0 };

    EH_TRY(params_string(p, "topic", &topic));
    EH_TRY(params_check_topic(p, topic, pattern_allowed));
    EH_TRY(params_check_right(p, auth, right, topic));
    *ret = topic;
    return EH_OK;
}

int params_key(struct params *p, const struct auth *auth, enum auth_right right, struct str *ret)
{
    struct str key = { NULL, 0 };

    EH_TRY(params_string(p, "key", &key));
    if (!topic_is_valid(key))
        return params_fail(p, JSONRPC_INVALID_PARAMS, "key must be spelled like a topic");
    EH_TRY(params_check_right(p, auth, right, key));
    *ret = key;
    return EH_OK;
}

/* Reads a number that is spelled as in JSON. NULL: the text is not one, or it is out of range. */
static json_t *number_of(struct str text)
{
    if (text.n == 0 || json_read_number(text) != (int)text.n)
        return NULL;
    return json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
}

static json_t *whole_number_of(struct str text)
{
    json_auto_t *number = NULL;
    int64_t n;

    if (str_parse_i64(text, &n) == EH_OK) /* with zeros in front, too */
        return json_integer(n);
    number = number_of(text);
    return json_whole_number(number, &n) ? json_integer(n) : NULL;
}

static json_t *bool_of(struct str text)
{
    bool is_true = str_eq(text, STR("true"));

    return is_true || str_eq(text, STR("false")) ? json_boolean(is_true) : NULL;
}

static json_t *flag_of(struct str text)
{
    bool is_one = str_eq(text, STR("1"));

    return is_one || str_eq(text, STR("0")) ? json_boolean(is_one) : bool_of(text);
}

static json_t *value_of(struct str text, const struct query_param *param)
{
    json_t *value = NULL;

    switch (param->type) {
    case QUERY_STRING: break;
    case QUERY_INTEGER: value = whole_number_of(text); break;
    case QUERY_NUMBER: value = number_of(text); break;
    case QUERY_BOOL: value = bool_of(text); break;
    case QUERY_FLAG: value = flag_of(text); break;
    }
    if (value)
        return value;
    return json_stringn(text.n ? text.p : "", text.n); /* NULL if it is not UTF-8 */
}

json_t *params_of_query(struct str query, const struct query_param *known)
{
    json_t *params = json_object();
    struct buf text = { 0 };
    struct str raw;

    for (; known->name; known++) {
        if (!http_query_param(query, str_of(known->name), &raw))
            continue;
        buf_clear(&text);
        if (http_percent_decode(raw, false, &text) < 0 ||
            json_object_set_new(params, known->name, value_of(buf_str(&text), known)) < 0) {
            json_decref(params);
            params = NULL;
            break;
        }
    }
    buf_done(&text);
    return params;
}

static bool is_known(struct str name, const struct query_param *known)
{
    for (; known->name; known++) {
        if (str_eq(name, str_of(known->name)))
            return true;
    }
    return str_eq(name, STR("auth"));
}

bool params_cut_unknown(struct str *query, const struct query_param *known, struct str *ret_name)
{
    struct str value;

    while (http_query_cut(query, ret_name, &value)) {
        if (ret_name->n && !is_known(*ret_name, known))
            return true;
    }
    return false;
}
