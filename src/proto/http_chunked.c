#include "proto/http_chunked.h"

#include <assert.h>
#include <limits.h>

/* The element that the next byte belongs to. */
enum {
    SIZE,       /* 0: a body begins here */
    SIZE_BLANK, /* bad white space before an extension (RFC 9112 7.1.1) */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START, /* start of a line; an empty line ends the body */
    TRAILER,
    TRAILER_LF,
    END_LF,
    DONE,
};

#define SIZE_DIGITS_MAX 16

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

static int take_blank(struct http_chunked *d, char c, size_t max_dropped)
{
    if (c != ';' && c != ' ' && c != '\t')
        return -400;
    d->state = c == ';' ? EXTENSION : SIZE_BLANK;
    return ++d->dropped > max_dropped ? -431 : EH_OK;
}

static int take_size(struct http_chunked *d, char c, size_t max_dropped)
{
    int value = hex_value(c);

    if (value >= 0) {
        d->left = d->left << 4 | (unsigned)value;
        return ++d->digits > SIZE_DIGITS_MAX ? -400 : EH_OK;
    }
    if (d->digits == 0)
        return -400;
    d->digits = 0;
    if (c != '\r')
        return take_blank(d, c, max_dropped);
    d->state = SIZE_LF;
    return EH_OK;
}

/* Drops a byte of an extension or a trailer line. Its CR leads to the state `next`. */
static int drop(struct http_chunked *d, char c, size_t max_dropped, uint8_t next)
{
    if (++d->dropped > max_dropped)
        return -431;
    if (c == '\r')
        d->state = next;
    else if ((uint8_t)c < 0x20 && c != '\t')
        return -400;
    return EH_OK;
}

static int expect(struct http_chunked *d, char c, char want, uint8_t next)
{
    if (c != want)
        return -400;
    d->state = next;
    return EH_OK;
}

/* Takes one byte of framing. */
static int take(struct http_chunked *d, char c, size_t max_dropped)
{
    switch (d->state) {
    case SIZE: return take_size(d, c, max_dropped);
    case SIZE_BLANK: return take_blank(d, c, max_dropped);
    case EXTENSION: return drop(d, c, max_dropped, SIZE_LF);
    case SIZE_LF: return expect(d, c, '\n', d->left ? DATA : TRAILER_START);
    case DATA_CR: return expect(d, c, '\r', DATA_LF);
    case DATA_LF: return expect(d, c, '\n', SIZE);
    case TRAILER_START: d->state = TRAILER; return drop(d, c, max_dropped, END_LF);
    case TRAILER: return drop(d, c, max_dropped, TRAILER_LF);
    case TRAILER_LF: return expect(d, c, '\n', TRAILER_START);
    default: return expect(d, c, '\n', DONE); /* END_LF */
    }
}

int http_chunked_decode(struct http_chunked *d, struct str in, size_t max_dropped,
                        struct str *ret_data)
{
    size_t used = 0;

    assert(in.n > 0 && d->state != DONE);
    if (in.n > INT_MAX)
        in.n = INT_MAX;
    *ret_data = (struct str){ NULL, 0 };
    while (used < in.n && d->state != DATA && d->state != DONE)
        EH_TRY(take(d, in.p[used++], max_dropped));
    if (used < in.n && d->state == DATA) {
        size_t rest = in.n - used;

        *ret_data = str_make(in.p + used, rest < d->left ? rest : (size_t)d->left);
        used += ret_data->n;
        d->left -= ret_data->n;
        if (d->left == 0)
            d->state = DATA_CR;
    }
    return (int)used;
}

uint64_t http_chunked_announced(const struct http_chunked *d)
{
    return d->state == DATA ? d->left : 0;
}

bool http_chunked_is_done(const struct http_chunked *d)
{
    return d->state == DONE;
}
