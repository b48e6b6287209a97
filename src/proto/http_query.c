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

int http_percent_decode(struct str in, bool plus_is_space, struct buf *out)
{
    /* Checks all escapes first, so that a bad one leaves out unchanged. */
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '%' &&
            (in.n - i < 3 || hex_value(in.p[i + 1]) < 0 || hex_value(in.p[i + 2]) < 0))
            return EH_EINVAL;
    }
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
