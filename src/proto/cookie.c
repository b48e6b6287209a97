#include "proto/cookie.h"

/* Only a pair of quotes belongs to the syntax; a semicolon between quotes still ends the value. */
static struct str unquote(struct str value)
{
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        return str_make(value.p + 1, value.n - 2);
    return value;
}

/* Counts the pairs of one field that have this name, and returns the value of the last one. Text
 * without '=' is a cookie without a name. White space before '=' belongs to the name, so that no
 * reader of the field can mistake one cookie for another. */
static size_t find_in_field(struct str field, struct str name, struct str *ret)
{
    struct str pair;
    size_t n = 0;

    while (str_cut(&field, ';', &pair)) {
        struct str value = str_trim(pair), given;

        (void)str_cut(&value, '=', &given);
        if (value.p && str_eq(given, name)) {
            *ret = unquote(str_trim(value));
            n++;
        }
    }
    return n;
}

int cookie_find(const struct http_request *rq, struct str name, struct str *ret)
{
    struct str value = { NULL, 0 };
    size_t n = 0;

    for (size_t i = 0; i < rq->n_headers; i++) {
        if (str_eq_nocase(rq->headers[i].name, STR("Cookie")))
            n += find_in_field(rq->headers[i].value, name, &value);
    }
    if (n > 1)
        return EH_EINVAL;
    *ret = value;
    return EH_OK;
}
