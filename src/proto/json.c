#include "proto/json.h"

#include <jansson.h>
#include <limits.h>

#define EVERY_BYTE(c) (UINT64_MAX / 0xff * (uint64_t)(c))

/* Reports whether any byte of w is less than `limit` (at most 0x80). The subtraction borrows into
 * the top bit of such a byte; bytes whose top bit was already set are masked out. */
static bool has_less(uint64_t w, uint8_t limit)
{
    return ((w - EVERY_BYTE(limit)) & ~w & EVERY_BYTE(0x80)) != 0;
}

static bool has_byte(uint64_t w, uint8_t c)
{
    return has_less(w ^ EVERY_BYTE(c), 1);
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

/* Returns how many bytes at the start of s need no escape, checking eight at a time. */
static size_t plain_run(struct str s)
{
    size_t n = 0;
    uint64_t w;

    for (; s.n - n >= sizeof(w); n += sizeof(w)) {
        memcpy(&w, s.p + n, sizeof(w));
        if (has_less(w, 0x20) || has_byte(w, '"') || has_byte(w, '\\'))
            break;
    }
    while (n < s.n && is_plain(s.p[n]))
        n++;
    return n;
}

static void add_escape(struct buf *out, char c)
{
    static const char hex[] = "0123456789abcdef";

    switch (c) {
    case '"': buf_add_str(out, STR("\\\"")); return;
    case '\\': buf_add_str(out, STR("\\\\")); return;
    case '\b': buf_add_str(out, STR("\\b")); return;
    case '\f': buf_add_str(out, STR("\\f")); return;
    case '\n': buf_add_str(out, STR("\\n")); return;
    case '\r': buf_add_str(out, STR("\\r")); return;
    case '\t': buf_add_str(out, STR("\\t")); return;
    default:
        buf_add_str(out, STR("\\u00"));
        buf_add_char(out, hex[(unsigned char)c >> 4]);
        buf_add_char(out, hex[c & 0xf]);
    }
}

void json_add_string(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    for (;;) {
        size_t n = plain_run(s);

        buf_add(out, s.p, n);
        if (n == s.n)
            break;
        add_escape(out, s.p[n]);
        s = str_skip(s, n + 1);
    }
    buf_add_char(out, '"');
}

struct str json_text(const struct json_t *value)
{
    return str_make(json_string_value(value), json_string_length(value));
}

#define TWO_TO_63 9223372036854775808.0 /* a power of two, which a double holds exactly */

bool json_cut_number(const struct json_t *value, int64_t *ret)
{
    double real = json_real_value(value); /* 0 if it is not a real */

    if (json_is_real(value)) {
        if (real < -TWO_TO_63 || real >= TWO_TO_63)
            return false;
        *ret = (int64_t)real;
        return true;
    }
    if (!json_is_integer(value))
        return false;
    *ret = json_integer_value(value);
    return true;
}

bool json_whole_number(const struct json_t *value, int64_t *ret)
{
    int64_t n;

    if (!json_cut_number(value, &n) || (json_is_real(value) && (double)n != json_real_value(value)))
        return false;
    *ret = n;
    return true;
}

/* Returns the value of the four hex digits at the start of s, or EH_EINVAL. */
static int read_hex4(struct str s)
{
    int value = 0;

    if (s.n < 4)
        return EH_EINVAL;
    for (size_t i = 0; i < 4; i++) {
        char c = s.p[i];

        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return EH_EINVAL;
    }
    return value;
}

/* out is NULL if the caller only checks the string. */
static void put_char(struct buf *out, char c)
{
    if (out)
        buf_add_char(out, c);
}

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        put_char(out, (char)c);
        return;
    }
    if (c < 0x800) {
        put_char(out, (char)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        put_char(out, (char)(0xe0 | c >> 12));
        put_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
    } else {
        put_char(out, (char)(0xf0 | c >> 18));
        put_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        put_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    put_char(out, (char)(0x80 | (c & 0x3f)));
}

static bool is_half(int c)
{
    return c >= 0xd800 && c < 0xe000;
}

/* Returns the character of the surrogate pair whose second half s should be an escape of, or
 * EH_EINVAL. */
static int read_pair(int high, struct str s)
{
    int low;

    if (high >= 0xdc00 || s.n < 2 || s.p[0] != '\\' || s.p[1] != 'u')
        return EH_EINVAL;
    low = read_hex4(str_skip(s, 2));
    if (low < 0xdc00 || low >= 0xe000)
        return EH_EINVAL;
    return 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00);
}

/* Decodes s, which follows `\u`. Returns the bytes used: 4, or 10 for a surrogate pair. Half of a
 * pair is an error, or, if ret_has_half is not NULL, U+FFFD. */
static int read_unicode(struct str s, struct buf *out, bool *ret_has_half)
{
    int c = read_hex4(s);
    int pair;

    if (c < 0)
        return c;
    if (!is_half(c)) {
        add_utf8(out, (uint32_t)c);
        return 4;
    }
    pair = read_pair(c, str_skip(s, 4));
    if (pair >= 0) {
        add_utf8(out, (uint32_t)pair);
        return 10;
    }
    if (!ret_has_half)
        return EH_EINVAL;
    *ret_has_half = true;
    add_utf8(out, 0xfffd);
    return 4;
}

/* Decodes s, which follows the backslash. Returns the bytes used. */
static int read_escape(struct str s, struct buf *out, bool *ret_has_half)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const char *at;
    int used;

    if (s.n == 0)
        return EH_EINVAL;
    if (s.p[0] == 'u') {
        used = read_unicode(str_skip(s, 1), out, ret_has_half);
        return used < 0 ? used : used + 1;
    }
    at = memchr(names, s.p[0], sizeof(names) - 1);
    if (!at)
        return EH_EINVAL;
    put_char(out, values[at - names]);
    return 1;
}

static int read_string(struct str in, struct buf *out, bool *ret_has_half)
{
    size_t at = 1;

    if (in.n > INT_MAX)
        in.n = INT_MAX;
    if (in.n == 0 || in.p[0] != '"')
        return EH_EINVAL;
    for (;;) {
        size_t n = plain_run(str_skip(in, at));
        int used;

        if (out)
            buf_add(out, in.p + at, n);
        at += n;
        if (at == in.n)
            return EH_EINVAL;
        if (in.p[at] == '"')
            return (int)at + 1;
        if (in.p[at] != '\\')
            return EH_EINVAL;
        used = read_escape(str_skip(in, at + 1), out, ret_has_half);
        if (used < 0)
            return used;
        at += 1 + (size_t)used;
    }
}

int json_read_string(struct str in, struct buf *out)
{
    return read_string(in, out, NULL);
}

int json_read_string_lossy(struct str in, struct buf *out, bool *ret_has_half)
{
    *ret_has_half = false;
    return read_string(in, out, ret_has_half);
}

static int add_piece(const char *p, size_t n, void *out)
{
    buf_add(out, p, n);
    return 0;
}

void json_add_value(struct buf *out, const json_t *value, size_t flags)
{
    (void)json_dump_callback(value, add_piece, out, flags);
}

/* Adds the digits after s[*n], of which there must be one. */
static bool skip_digits(struct str s, size_t *n)
{
    size_t begin = *n;

    while (*n < s.n && s.p[*n] >= '0' && s.p[*n] <= '9')
        ++*n;
    return *n > begin;
}

int json_read_number(struct str in)
{
    size_t n = 0, first;

    if (in.n > INT_MAX)
        in.n = INT_MAX;
    if (in.n && in.p[0] == '-')
        n = 1;
    first = n;
    if (!skip_digits(in, &n) || (in.p[first] == '0' && n > first + 1))
        return EH_EINVAL;
    if (n < in.n && in.p[n] == '.') {
        n++;
        if (!skip_digits(in, &n))
            return EH_EINVAL;
    }
    if (n < in.n && (in.p[n] == 'e' || in.p[n] == 'E')) {
        n++;
        if (n < in.n && (in.p[n] == '-' || in.p[n] == '+'))
            n++;
        if (!skip_digits(in, &n))
            return EH_EINVAL;
    }
    return (int)n;
}
