#include "proto/http.h"

bool http_query_cut(struct str *query, struct str *ret_name, struct str *ret_value)
{
    struct str pair;

    if (!str_cut(query, '&', &pair))
        return false;
    (void)str_cut(&pair, '=', ret_name);
    *ret_value = pair.p ? pair : str_skip(*ret_name, ret_name->n);
    return true;
}

bool http_query_param(struct str query, struct str name, struct str *ret)
{
    struct str key, value;

    while (http_query_cut(&query, &key, &value)) {
        if (str_eq(key, name)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool is_escape(struct str s)
{
    return s.n >= 3 && hex_value(s.p[1]) >= 0 && hex_value(s.p[2]) >= 0;
}

/* Checks all escapes first, so that a bad one leaves out unchanged. */
static bool escapes_are_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && !is_escape(str_skip(s, i)))
            return false;
    }
    return true;
}

int http_percent_decode(struct str in, bool plus_is_space, struct buf *out)
{
    if (!escapes_are_valid(in))
        return EH_EINVAL;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];

        if (c == '%') {
            c = (char)(hex_value(in.p[i + 1]) * 16 + hex_value(in.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        buf_add_char(out, c);
    }
    return EH_OK;
}
