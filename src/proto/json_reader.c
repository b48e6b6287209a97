#include "proto/json_reader.h"

#include "base/array.h"
#include "proto/json.h"

/* The tokens that may come next. */
enum expects {
    A_VALUE,
    A_VALUE_OR_CLOSE, /* after `[` */
    A_NAME,
    A_NAME_OR_CLOSE, /* after `{` */
    A_COMMA_OR_CLOSE,
    THE_END,
};

void json_reader_init(struct json_reader *r, struct str text)
{
    *r = (struct json_reader){ .rest = text, .expects = A_VALUE };
}

void json_reader_done(struct json_reader *r)
{
    buf_done(&r->open);
}

static bool is_white_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_white_space(struct json_reader *r)
{
    size_t n = 0;

    while (n < r->rest.n && is_white_space(r->rest.p[n]))
        n++;
    r->rest = str_skip(r->rest, n);
}

static bool is_in_object(const struct json_reader *r)
{
    return buf_head(&r->open)[r->depth - 1] == '{';
}

/* Takes n bytes of the text as a token. */
static int take(struct json_reader *r, enum json_token_kind kind, size_t n, struct json_token *ret)
{
    *ret = (struct json_token){
        .kind = kind,
        .text = str_make(r->rest.p, n),
        .depth = r->depth,
    };
    r->rest = str_skip(r->rest, n);
    return EH_OK;
}

static void expect_what_follows_a_value(struct json_reader *r)
{
    r->expects = r->depth ? A_COMMA_OR_CLOSE : THE_END;
}

static int open_container(struct json_reader *r, struct json_token *ret)
{
    char bracket = r->rest.p[0];

    (void)take(r, JSON_TOKEN_OPEN, 1, ret);
    if (r->depth == buf_used(&r->open))
        buf_add_char(&r->open, bracket);
    else
        buf_head(&r->open)[r->depth] = bracket;
    r->depth++;
    r->expects = bracket == '{' ? A_NAME_OR_CLOSE : A_VALUE_OR_CLOSE;
    return EH_OK;
}

static int close_container(struct json_reader *r, struct json_token *ret)
{
    if (r->rest.p[0] != (is_in_object(r) ? '}' : ']'))
        return EH_EINVAL;
    r->depth--;
    expect_what_follows_a_value(r);
    return take(r, JSON_TOKEN_CLOSE, 1, ret);
}

static int read_string(struct json_reader *r, enum json_token_kind kind, struct json_token *ret)
{
    bool has_half = false;
    int n = json_read_string_lossy(r->rest, NULL, &has_half);

    if (n < 0)
        return n;
    (void)take(r, kind, (size_t)n, ret);
    ret->has_half = has_half;
    return EH_OK;
}

static int read_name(struct json_reader *r, struct json_token *ret)
{
    EH_TRY(read_string(r, JSON_TOKEN_NAME, ret));
    skip_white_space(r);
    if (r->rest.n == 0 || r->rest.p[0] != ':')
        return EH_EINVAL;
    r->rest = str_skip(r->rest, 1);
    r->expects = A_VALUE;
    return EH_OK;
}

static int read_value(struct json_reader *r, struct json_token *ret)
{
    static const struct str words[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };
    char c = r->rest.p[0];
    int n;

    if (c == '{' || c == '[')
        return open_container(r, ret);
    expect_what_follows_a_value(r);
    if (c == '"')
        return read_string(r, JSON_TOKEN_STRING, ret);
    n = json_read_number(r->rest);
    if (n > 0)
        return take(r, JSON_TOKEN_NUMBER, (size_t)n, ret);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_starts_with(r->rest, words[i]))
            return take(r, JSON_TOKEN_WORD, words[i].n, ret);
    }
    return EH_EINVAL;
}

int json_reader_next(struct json_reader *r, struct json_token *ret)
{
    skip_white_space(r);
    if (r->expects == A_COMMA_OR_CLOSE && r->rest.n && r->rest.p[0] == ',') {
        r->rest = str_skip(r->rest, 1);
        r->expects = is_in_object(r) ? A_NAME : A_VALUE;
        skip_white_space(r);
    }
    if (r->rest.n == 0)
        return r->expects == THE_END ? take(r, JSON_TOKEN_END, 0, ret) : EH_EINVAL;
    switch (r->expects) {
    case A_VALUE: return read_value(r, ret);
    case A_VALUE_OR_CLOSE:
        return r->rest.p[0] == ']' ? close_container(r, ret) : read_value(r, ret);
    case A_NAME: return read_name(r, ret);
    case A_NAME_OR_CLOSE: return r->rest.p[0] == '}' ? close_container(r, ret) : read_name(r, ret);
    case A_COMMA_OR_CLOSE: return close_container(r, ret);
    default: return EH_EINVAL;
    }
}
