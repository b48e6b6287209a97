/* buf.h - a growable byte buffer that is filled at its end and consumed at its start.
 * Thread:  its owner's.
 * Owns:    its memory, until buf_done. A new buf holds none.
 * Fails:   never (base/mem aborts); the caller bounds what it puts in.
 */
#ifndef EH_BASE_BUF_H
#define EH_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *data;
    size_t start; /* the first byte not yet consumed */
    size_t end;   /* one past the last byte written */
    size_t cap;
};

static inline char *buf_head(const struct buf *b)
{
    return b->data ? b->data + b->start : NULL;
}

static inline size_t buf_used(const struct buf *b)
{
    return b->end - b->start;
}

static inline struct str buf_str(const struct buf *b)
{
    return b->data ? (struct str){ b->data + b->start, b->end - b->start }
                   : (struct str){ NULL, 0 };
}

void buf_init(struct buf *b);  /* no memory yet; {0} is the same */
void buf_done(struct buf *b);  /* frees; the buf can be used again */
void buf_clear(struct buf *b); /* empties, keeps the memory */

/* Makes room for n more bytes and returns where they go. buf_commit then adds them. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
void buf_consume(struct buf *b, size_t n); /* drops n bytes at the start */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) EH_PRINTF(2, 3);
void buf_addv(struct buf *b, const char *fmt, va_list args) EH_PRINTF(2, 0);

#endif
