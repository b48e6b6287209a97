/* shared.h - one malloc block that several owners hold, also across threads.
 * A struct that begins with a `struct shared` can be held by count: the last unref frees the block.
 * Thread:  any; the count is atomic and the contents must not change once shared.
 */
#ifndef EH_BASE_SHARED_H
#define EH_BASE_SHARED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct shared {
    _Atomic uint64_t refs; /* low half: all references; high half: those that wait to be sent */
};

/* A block with the count 1; size includes the struct shared at its start. */
void *shared_alloc(size_t size);
void shared_unref(struct shared *s); /* NULL is fine */

/* References that wait to be sent are counted apart, so that a block that waits in a thousand
 * queues counts as memory once. They return the bytes of the heap that began (ended) to wait with
 * this reference: 0 where another one waits too. */
size_t shared_ref_waiting(struct shared *s);
size_t shared_unref_waiting(struct shared *s); /* NULL is fine */
unsigned shared_count(const struct shared *s); /* all references now; for tests */

static inline struct shared *shared_ref(struct shared *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

/* Plain bytes, held by count: what an output queue sends. */
struct bytes {
    struct shared shared;
    size_t n;
    char p[];
};

struct bytes *bytes_alloc(size_t n); /* contents undefined, to be filled before sharing */
struct bytes *bytes_copy(struct str s);

static inline struct str bytes_str(const struct bytes *b)
{
    return (struct str){ b->p, b->n };
}

#endif
