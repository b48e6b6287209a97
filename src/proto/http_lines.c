#include "proto/http_lines.h"

/* RFC 9110 5.6.2 */
static const bool token_chars[256] = {
    ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,
    ['-'] = true,         ['.'] = true,          ['0' ... '9'] = true, ['A' ... 'Z'] = true,
    ['^' ... 'z'] = true, ['|'] = true,          ['~'] = true,
};

bool http_is_token(struct str s)
{
    return s.n > 0 && str_consists_of(s, token_chars);
}

/* ---- lines ---- */

static bool may_stand_in_line(char c, bool is_text)
{
    return (c >= ' ' && c <= '~') || (is_text && (c == '\t' || (c & 0x80)));
}

int http_next_line(struct http_parser *ps, struct str in, bool is_text, struct str *ret)
{
    size_t end = ps->scanned;

    while (end < in.n && may_stand_in_line(in.p[end], is_text))
        end++;
    ps->scanned = end;
    if (end == in.n)
        return 0;
    if (in.p[end] != '\r')
        return -400;
    if (end + 1 == in.n)
        return 0;
    if (in.p[end + 1] != '\n')
        return -400;
    *ret = str_make(in.p + ps->line, end - ps->line);
    ps->line = ps->scanned = end + 2;
    return 1;
}

struct str http_cut_line(struct str *head)
{
    struct str line;

    (void)str_cut(head, '\r', &line);
    *head = str_skip(*head, 1);
    return line;
}

int http_parse_version(struct str s, int *ret_minor)
{
    if (s.n != 8 || !str_starts_with(s, STR("HTTP/")) || s.p[6] != '.')
        return -400;
    if (s.p[5] < '0' || s.p[5] > '9' || s.p[7] < '0' || s.p[7] > '9')
        return -400;
    if (s.p[5] != '1')
        return -505;
    *ret_minor = s.p[7] > '0';
    return EH_OK;
}

int http_parse_field(struct str line, struct http_header *ret)
{
    struct str rest = line;

    if (!str_cut(&rest, ':', &ret->name) || !rest.p || !http_is_token(ret->name))
        return -400;
    ret->value = str_trim(rest);
    return EH_OK;
}

int http_parse_fields(struct str head, struct http_header fields[HTTP_HEADERS_MAX], size_t *ret_n)
{
    size_t n = 0;

    for (struct str line = http_cut_line(&head); line.n; line = http_cut_line(&head)) {
        if (n == HTTP_HEADERS_MAX)
            return -431;
        EH_TRY(http_parse_field(line, &fields[n++]));
    }
    *ret_n = n;
    return EH_OK;
}

/* ---- looking at fields ---- */

struct str http_find(const struct http_header *fields, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(fields[i].name, name))
            return fields[i].value;
    }
    return (struct str){ NULL, 0 };
}

size_t http_count(const struct http_header *fields, size_t n, struct str name)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += str_eq_nocase(fields[i].name, name);
    return count;
}

static bool list_has_token(struct str list, struct str token)
{
    struct str element;

    while (str_cut(&list, ',', &element)) {
        if (str_eq_nocase(str_trim(element), token))
            return true;
    }
    return false;
}

bool http_has_token(const struct http_header *fields, size_t n, struct str name, struct str token)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(fields[i].name, name) && list_has_token(fields[i].value, token))
            return true;
    }
    return false;
}
