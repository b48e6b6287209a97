#include "proto/json.h"

#define EVERY_BYTE(c) (UINT64_MAX / 0xff * (uint64_t)(c))

/* Is any byte of w less than `limit` (at most 0x80)? The subtraction borrows into the top bit of
 * such a byte; bytes that have their top bit already are masked out. */
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

/* How many bytes at the start of s need no escape: eight at a time while they are all plain. */
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
