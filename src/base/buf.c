#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define BUF_MIN 64

void buf_init(struct buf *b)
{
    *b = (struct buf){ 0 };
}

void buf_done(struct buf *b)
{
    free(b->data);
    buf_init(b);
}

void buf_clear(struct buf *b)
{
    b->start = b->end = 0;
}

/* Moves the remaining bytes to the front before it asks for more memory. */
char *buf_reserve(struct buf *b, size_t n)
{
    size_t used = buf_used(b);
    size_t cap = b->cap ? b->cap : BUF_MIN;

    assert(b->data || b->start == 0);
    if (b->cap - b->end >= n && b->data)
        return b->data + b->end;
    if (b->start) {
        memmove(b->data, b->data + b->start, used);
        b->start = 0;
        b->end = used;
    }
    while (cap - used < n)
        cap *= 2;
    if (cap != b->cap) {
        b->data = mem_realloc(b->data, cap);
        b->cap = cap;
    }
    return b->data + b->end;
}

void buf_commit(struct buf *b, size_t n)
{
    assert(b->cap - b->end >= n);
    b->end += n;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= buf_used(b));
    b->start += n;
    if (b->start == b->end)
        buf_clear(b);
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(buf_reserve(b, n), p, n);
    buf_commit(b, n);
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    buf_commit(b, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    buf_addv(b, fmt, args);
    va_end(args);
}

void buf_addv(struct buf *b, const char *fmt, va_list args)
{
    size_t room = b->cap - b->end;
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(room ? b->data + b->end : NULL, room, fmt, args);
    assert(n >= 0);
    if ((size_t)n >= room)
        (void)vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    buf_commit(b, (size_t)n);
}
