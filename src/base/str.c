#include "base/str.h"

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    if (str_eq(a, b))
        return true;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

bool str_starts_with_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq_nocase(str_make(s.p, prefix.n), prefix);
}

bool str_consists_of(struct str s, const bool chars[256])
{
    for (size_t i = 0; i < s.n; i++) {
        if (!chars[(uint8_t)s.p[i]])
            return false;
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[0]))
        s = str_skip(s, 1);
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(struct str *s, char sep, struct str *ret_head)
{
    const char *at;

    if (!s->p)
        return false;
    at = s->n ? memchr(s->p, sep, s->n) : NULL;
    if (!at) {
        *ret_head = *s;
        *s = (struct str){ NULL, 0 };
        return true;
    }
    *ret_head = str_make(s->p, (size_t)(at - s->p));
    *s = str_skip(*s, ret_head->n + 1);
    return true;
}

void str_copy_printable(char *to, size_t size, const char *from)
{
    size_t n = 0;

    for (; n < size - 1 && from[n]; n++) {
        to[n] = from[n];
        if (to[n] < ' ' || to[n] > '~')
            to[n] = '?';
    }
    to[n] = '\0';
}

size_t str_format_u64(uint64_t v, char *out)
{
    char digits[STR_U64];
    size_t n = 0;

    do {
        digits[sizeof(digits) - ++n] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    memcpy(out, digits + sizeof(digits) - n, n);
    return n;
}

int str_parse_u64(struct str s, uint64_t *ret)
{
    uint64_t v = 0;
    bool overflow = false;

    if (s.n == 0)
        return EH_EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return EH_EINVAL;
        overflow |= __builtin_mul_overflow(v, 10u, &v);
        overflow |= __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v);
    }
    if (overflow)
        return EH_ELIMIT;
    *ret = v;
    return EH_OK;
}

static uint64_t unit_of(char suffix)
{
    switch (suffix) {
    case 'k':
    case 'K': return UINT64_C(1) << 10;
    case 'm':
    case 'M': return UINT64_C(1) << 20;
    case 'g':
    case 'G': return UINT64_C(1) << 30;
    default: return 1;
    }
}

int str_parse_size(struct str s, uint64_t *ret)
{
    uint64_t unit = s.n ? unit_of(s.p[s.n - 1]) : 1;
    uint64_t v;

    if (unit > 1)
        s.n--;
    EH_TRY(str_parse_u64(s, &v));
    if (__builtin_mul_overflow(v, unit, &v))
        return EH_ELIMIT;
    *ret = v;
    return EH_OK;
}

int str_parse_i64(struct str s, int64_t *ret)
{
    bool negative = s.n && s.p[0] == '-';
    uint64_t v;

    EH_TRY(str_parse_u64(negative ? str_skip(s, 1) : s, &v));
    if (v > (uint64_t)INT64_MAX + negative)
        return EH_ELIMIT;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return EH_OK;
}
