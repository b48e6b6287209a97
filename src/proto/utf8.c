#include "proto/utf8.h"

/* The state within a character: how many bytes are missing, and the range of the next one. Only the
 * second byte's range depends on the first (no overlong forms, no surrogates, nothing above
 * U+10FFFF); all later bytes are 80..BF. In UTF8_START no byte is missing. */
#define STATE(missing, low, high)                                                                  \
    ((uint32_t)(missing) | (uint32_t)(low) << 8 | (uint32_t)(high) << 16)
#define MISSING(state) ((state)&0xff)
#define LOW(state)     ((state) >> 8 & 0xff)
#define HIGH(state)    ((state) >> 16)

#define HIGH_BITS UINT64_C(0x8080808080808080)

static size_t ascii_prefix(const char *p, size_t n)
{
    size_t i = 0;
    uint64_t eight;

    for (; n - i >= sizeof(eight); i += sizeof(eight)) {
        memcpy(&eight, p + i, sizeof(eight));
        if (eight & HIGH_BITS)
            break;
    }
    while (i < n && !(p[i] & 0x80))
        i++;
    return i;
}

/* Returns the state after a first byte that is not ASCII; UTF8_START if it is invalid. */
static uint32_t after_first(uint8_t c)
{
    if (c < 0xc2 || c > 0xf4)
        return UTF8_START;
    if (c < 0xe0)
        return STATE(1, 0x80, 0xbf);
    if (c < 0xf0)
        return STATE(2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf);
    return STATE(3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf);
}

static uint32_t after_next(uint32_t state)
{
    return MISSING(state) == 1 ? UTF8_START : STATE(MISSING(state) - 1, 0x80, 0xbf);
}

bool utf8_feed(uint32_t *state, const char *p, size_t n)
{
    uint32_t st = *state;
    uint8_t c;

    for (size_t i = 0; i < n; i++) {
        if (st == UTF8_START) {
            i += ascii_prefix(p + i, n - i);
            if (i == n)
                break;
            st = after_first((uint8_t)p[i]);
            if (st == UTF8_START)
                return false;
            continue;
        }
        c = (uint8_t)p[i];
        if (c < LOW(st) || c > HIGH(st))
            return false;
        st = after_next(st);
    }
    *state = st;
    return true;
}

bool utf8_is_valid(struct str s)
{
    uint32_t state = UTF8_START;

    return utf8_feed(&state, s.p, s.n) && state == UTF8_START;
}
