#include "ctl/term/clean.h"

#include "proto/utf8.h"

#define FIRST_WIDE 0x1100 /* no character before it takes two columns */

/* Returns the length of the character at the start of s, which is not empty, and its code. 0: its
 * first byte is not the beginning of one. */
static size_t character(struct str s, uint32_t *ret_code)
{
    const unsigned char first = (unsigned char)s.p[0];
    const size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    static const unsigned char payload[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };

    if (n > s.n || !utf8_is_valid(str_make(s.p, n)))
        return 0;
    *ret_code = first & payload[n];
    for (size_t i = 1; i < n; i++)
        *ret_code = *ret_code << 6 | ((unsigned char)s.p[i] & 0x3f);
    return n;
}

/* Reports whether the character acts on the text around it instead of being seen: Unicode's
 * bidirectional formatting characters, and the separators of lines and paragraphs. */
static bool acts(uint32_t code)
{
    return code == 0x061c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

static void add_character(struct buf *out, struct str bytes, uint32_t code, bool one_line)
{
    if (code == '\n' || code == '\t') {
        if (one_line)
            buf_add_str(out, code == '\n' ? STR("\\n") : STR("\\t"));
        else
            buf_add_str(out, bytes);
    } else if (is_control(code)) {
        buf_addf(out, "\\x%02x", (unsigned)code);
    } else if (acts(code)) {
        buf_addf(out, "\\u%04x", (unsigned)code);
    } else {
        buf_add_str(out, bytes);
    }
}

void clean_add(struct buf *out, struct str text, bool one_line)
{
    while (text.n) {
        uint32_t code;
        size_t n = character(text, &code);

        if (n) {
            add_character(out, str_make(text.p, n), code, one_line);
        } else {
            buf_addf(out, "\\x%02x", (unsigned)(unsigned char)text.p[0]);
            n = 1;
        }
        text = str_skip(text, n);
    }
}

void clean_add_json(struct buf *out, struct str text)
{
    while (text.n) {
        uint32_t code = 0;
        size_t n = character(text, &code);

        if (code >= 0x20 && (is_control(code) || acts(code)))
            buf_addf(out, "\\u%04x", (unsigned)code);
        else
            buf_add(out, text.p, n ? n : 1);
        text = str_skip(text, n ? n : 1);
    }
}

size_t clean_cut(struct str text, size_t columns)
{
    struct str rest = text;
    uint32_t code;

    while (rest.n) {
        size_t n = character(rest, &code);
        size_t width = n && code >= FIRST_WIDE ? 2 : 1;

        if (width > columns)
            break;
        columns -= width;
        rest = str_skip(rest, n ? n : 1);
    }
    return text.n - rest.n;
}
