#include "proto/ws_deflate.h"

#include "base/array.h"
#include "proto/http.h"

/* A parameter's value, unquoted. A value longer than any number we look for is truncated. */
struct value {
    char text[4];
    size_t n; /* 0: no value */
};

struct offer {
    bool is_deflate;
    bool is_acceptable; /* so far */
    unsigned seen;      /* one bit for each of params */
    uint8_t server_bits;
};

/* ---- words (RFC 6455 9.1, RFC 9110 5.6) ---- */

static void skip_space(struct str *s)
{
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = str_skip(*s, 1);
}

static bool take_char(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_skip(*s, 1);
    skip_space(s);
    return true;
}

static bool take_token(struct str *s, struct str *ret)
{
    size_t n = 0;

    while (n < s->n && http_is_token(str_make(s->p + n, 1)))
        n++;
    *ret = str_make(s->p, n);
    *s = str_skip(*s, n);
    skip_space(s);
    return n > 0;
}

static void value_add(struct value *v, char c)
{
    if (v->n < sizeof(v->text))
        v->text[v->n++] = c;
}

/* Takes a value in quotes, which must be a token, too. */
static bool take_quoted(struct str *s, struct value *ret)
{
    size_t i = 1;

    for (; i < s->n && s->p[i] != '"'; i++) {
        if (s->p[i] == '\\')
            i++;
        if (i == s->n || !http_is_token(str_make(s->p + i, 1)))
            return false;
        value_add(ret, s->p[i]);
    }
    if (i >= s->n || ret->n == 0)
        return false;
    *s = str_skip(*s, i + 1);
    skip_space(s);
    return true;
}

static bool take_value(struct str *s, struct value *ret)
{
    struct str token;

    if (s->n && s->p[0] == '"')
        return take_quoted(s, ret);
    if (!take_token(s, &token))
        return false;
    for (size_t i = 0; i < token.n; i++)
        value_add(ret, token.p[i]);
    return true;
}

/* ---- parameters (RFC 7692 7.1) ---- */

typedef bool param_fn(struct value v, struct offer *o);

static bool has_no_value(struct value v, struct offer *o)
{
    (void)o;
    return v.n == 0;
}

/* Returns 8 to 15, written without leading zeros; otherwise 0. */
static uint8_t read_bits(struct value v)
{
    if (v.n == 1 && (v.text[0] == '8' || v.text[0] == '9'))
        return (uint8_t)(v.text[0] - '0');
    if (v.n == 2 && v.text[0] == '1' && v.text[1] >= '0' && v.text[1] <= '5')
        return (uint8_t)(10 + v.text[1] - '0');
    return 0;
}

static bool take_server_bits(struct value v, struct offer *o)
{
    o->server_bits = read_bits(v);
    return o->server_bits >= WS_DEFLATE_MIN_BITS;
}

/* Accepts client_max_window_bits: the client allows us to ask for a smaller window, which we do not
 * need. */
static bool is_client_bits(struct value v, struct offer *o)
{
    (void)o;
    return v.n == 0 || read_bits(v);
}

static const struct {
    struct str name;
    param_fn *take; /* false: the offer is declined */
} params[] = {
    { { "server_no_context_takeover", 26 }, has_no_value },
    { { "client_no_context_takeover", 26 }, has_no_value },
    { { "server_max_window_bits", 22 }, take_server_bits },
    { { "client_max_window_bits", 22 }, is_client_bits },
};

static bool is_known_param(struct str name, struct value v, struct offer *o)
{
    for (unsigned i = 0; i < ARRAY_LEN(params); i++) {
        bool again = o->seen & 1u << i;

        if (!str_eq(name, params[i].name))
            continue;
        o->seen |= 1u << i;
        return !again && params[i].take(v, o);
    }
    return false;
}

/* ---- offers ---- */

static bool take_param(struct str *s, struct offer *o)
{
    struct value v = { .n = 0 };
    struct str name;

    if (!take_token(s, &name))
        return false;
    if (take_char(s, '=') && !take_value(s, &v))
        return false;
    o->is_acceptable = o->is_acceptable && is_known_param(name, v, o);
    return true;
}

static bool take_offer(struct str *s, struct offer *ret)
{
    struct str name;

    *ret = (struct offer){ .is_acceptable = true };
    if (!take_token(s, &name))
        return false;
    ret->is_deflate = str_eq(name, STR("permessage-deflate"));
    while (take_char(s, ';')) {
        if (!take_param(s, ret))
            return false;
    }
    return s->n == 0 || s->p[0] == ',';
}

/* Skips empty elements, which a list may have (RFC 9110 5.6.1). */
int ws_deflate_read(struct str field, struct ws_deflate *d)
{
    struct offer o;

    skip_space(&field);
    while (field.n) {
        if (take_char(&field, ','))
            continue;
        if (!take_offer(&field, &o))
            return EH_EINVAL;
        if (d->window_bits || !o.is_deflate || !o.is_acceptable)
            continue; /* the first acceptable offer is taken */
        d->is_window_offered = o.server_bits > 0;
        d->window_bits = o.server_bits ? o.server_bits : WS_DEFLATE_MAX_BITS;
    }
    return EH_OK;
}

void ws_deflate_add_answer(const struct ws_deflate *d, struct buf *out)
{
    buf_add_str(out,
                STR("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    if (d->is_window_offered)
        buf_addf(out, "; server_max_window_bits=%u", (unsigned)d->window_bits);
}

/* ---- browsers that do not keep to the agreement ---- */

/* Finds `before` followed by a minor version up to 3. */
static bool has_minor_to_3(struct str s, struct str before)
{
    for (; s.n > before.n; s = str_skip(s, 1)) {
        struct str rest = str_skip(s, before.n);

        if (str_starts_with(s, before) && rest.p[0] >= '0' && rest.p[0] <= '3' &&
            (rest.n == 1 || rest.p[1] < '0' || rest.p[1] > '9'))
            return true;
    }
    return false;
}

bool ws_deflate_is_safe_for(struct str user_agent)
{
    return !has_minor_to_3(user_agent, STR(" Version/15.")) && /* Safari */
           !has_minor_to_3(user_agent, STR(" OS 15_"));        /* "CPU iPhone OS 15_2_1 like" */
}
