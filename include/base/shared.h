/* shared.h - reference counts for a malloc block with several owners, in one thread or many.
 * A struct that begins with a `struct shared` has a count of references: the last unref frees it.
 * Thread:  any; the count is atomic, and the contents must not change once shared.
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

/* Allocates a block with one reference; size includes the struct shared at its start. */
void *shared_alloc(size_t size);
void shared_unref(struct shared *s); /* NULL is fine */

/* References that wait to be sent are counted separately, so that a block that waits in a thousand
 * queues counts as waiting memory once. Taking the first such reference returns the block's size on
 * the heap, and so does dropping the last one; all others return 0. */
size_t shared_ref_waiting(struct shared *s);
size_t shared_unref_waiting(struct shared *s); /* NULL is fine */
unsigned shared_count(const struct shared *s); /* all references; for tests */

static inline struct shared *shared_ref(struct shared *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

/* Plain bytes with a reference count, to be sent by output queues. */
struct bytes {
    struct shared shared;
    size_t n;
    char p[];
};

struct bytes *bytes_alloc(size_t n); /* contents undefined; fill them before sharing */
struct bytes *bytes_copy(struct str s);

static inline struct str bytes_str(const struct bytes *b)
{
    return (struct str){ b->p, b->n };
}

#endif
