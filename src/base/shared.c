#include "base/shared.h"

#include <stdlib.h>

#include "base/mem.h"

#define ONE_WAITING ((UINT64_C(1) << 32) + 1) /* in both halves */

void *shared_alloc(size_t size)
{
    struct shared *s = mem_alloc(size);

    atomic_init(&s->refs, 1);
    return s;
}

static uint64_t all_of(uint64_t refs)
{
    return refs & UINT32_MAX;
}

static uint64_t waiting_of(uint64_t refs)
{
    return refs >> 32;
}

void shared_unref(struct shared *s)
{
    if (s && all_of(atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel)) == 1)
        free(s);
}

size_t shared_ref_waiting(struct shared *s)
{
    uint64_t before = atomic_fetch_add_explicit(&s->refs, ONE_WAITING, memory_order_relaxed);

    return waiting_of(before) == 0 ? mem_size(s) : 0;
}

size_t shared_unref_waiting(struct shared *s)
{
    size_t size = s ? mem_size(s) : 0; /* before the unref, after which another may free it */
    uint64_t before;

    if (!s)
        return 0;
    before = atomic_fetch_sub_explicit(&s->refs, ONE_WAITING, memory_order_acq_rel);
    if (all_of(before) == 1)
        free(s);
    return waiting_of(before) == 1 ? size : 0;
}

unsigned shared_count(const struct shared *s)
{
    return (unsigned)all_of(atomic_load(&s->refs));
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
