#include "hub/base64url.h"

#include <stdint.h>

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

bool base64url_decode(struct str text, struct buf *out)
{
    char *to = buf_reserve(out, text.n);
    uint32_t bits = 0;
    unsigned held = 0; /* low bits of `bits` that are still to be written */
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        int digit = digit_value(text.p[i]);

        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        to[n++] = (char)(bits >> held);
        bits &= (1u << held) - 1;
    }
    if (text.n % 4 == 1 || bits)
        return false;
    buf_commit(out, n);
    return true;
}

void base64url_encode(struct str bytes, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < bytes.n; i++) {
        bits = bits << 8 | (unsigned char)bytes.p[i];
        for (held += 8; held >= 6; held -= 6)
            buf_add_char(out, digits[bits >> (held - 6) & 63]);
    }
    if (held)
        buf_add_char(out, digits[bits << (6 - held) & 63]);
}
