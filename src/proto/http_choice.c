#include "proto/http_choice.h"

/* Reports whether a parameter is q=0, q=0.0 and so on: the client refuses the coding.
 * {NULL, 0}: there is none. */
static bool is_refusal(struct str parameter)
{
    struct str name;

    if (!str_cut(&parameter, '=', &name))
        return false;
    parameter = str_trim(parameter);
    if (!str_eq_nocase(str_trim(name), STR("q")) || parameter.n == 0)
        return false;
    for (size_t i = 0; i < parameter.n; i++) {
        if (parameter.p[i] != '0' && parameter.p[i] != '.')
            return false;
    }
    return true;
}

enum verdict { SILENT, ACCEPTS, REFUSES };

/* Looks for the coding in all lines of Accept-Encoding. */
static enum verdict look_up(const struct http_request *rq, struct str coding)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        struct str list = rq->headers[i].value, entry, name;

        if (!str_eq_nocase(rq->headers[i].name, STR("Accept-Encoding")))
            continue;
        while (str_cut(&list, ',', &entry)) {
            (void)str_cut(&entry, ';', &name);
            if (str_eq_nocase(str_trim(name), coding))
                return is_refusal(entry) ? REFUSES : ACCEPTS;
        }
    }
    return SILENT;
}

bool http_accepts_coding(const struct http_request *rq, struct str coding)
{
    enum verdict verdict = look_up(rq, coding);

    return (verdict == SILENT ? look_up(rq, STR("*")) : verdict) == ACCEPTS;
}

/* Reports whether the entry of a list names the tag, which is the same with and without W/. */
static bool names(struct str entry, struct str tag)
{
    entry = str_trim(entry);
    if (str_eq(entry, STR("*")))
        return true;
    if (str_starts_with(entry, STR("W/")))
        entry = str_skip(entry, 2);
    return str_eq(entry, tag);
}

bool http_has_tag(const struct http_request *rq, struct str tag)
{
    for (size_t i = 0; i < rq->n_headers; i++) {
        struct str list = rq->headers[i].value, entry;

        if (!str_eq_nocase(rq->headers[i].name, STR("If-None-Match")))
            continue;
        while (str_cut(&list, ',', &entry)) {
            if (names(entry, tag))
                return true;
        }
    }
    return false;
}
