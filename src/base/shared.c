#include "base/shared.h"

#include <stdlib.h>

#include "base/mem.h"

void *shared_alloc(size_t size)
{
    struct shared *s = mem_alloc(size);

    atomic_init(&s->refs, 1);
    return s;
}

void shared_unref(struct shared *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        free(s);
}

struct bytes *bytes_alloc(size_t n)
{
    struct bytes *b = shared_alloc(sizeof(*b) + n);

    b->n = n;
    return b;
}

struct bytes *bytes_copy(struct str s)
{
    struct bytes *b = bytes_alloc(s.n);

    if (s.n)
        memcpy(b->p, s.p, s.n);
    return b;
}
