/* outq.c - the output queue of a stream, which holds no copy of a message for each subscriber.
 *
 * A message to 10,000 subscribers is encoded once, into a shared block with a reference count. Only
 * its head, with the subscriber's own id, differs. So a unit in the queue is 64 bytes: a head of up
 * to 43 bytes and a reference to a view of the shared block. A send hands the kernel both in place
 * (outq_gather, for sendmsg) or fills a TLS record from them (outq_copy).
 *
 * The units are in a ring whose size is a power of two and doubles when it is full. A linked list
 * would cost an allocation per unit; a plain buffer would copy each body into each queue, and shift
 * the rest after every partial write. The queue is freed when its last unit leaves, so an idle
 * connection has only a NULL pointer.
 *
 * Some output has no unit boundaries (commands to Redis). outq_append collects it in `chunk`, a
 * shared block that only the last unit refers to, so it can still grow while earlier bytes leave.
 *
 * Invariant: the first `gone` bytes of the first unit have been sent; a unit whose last byte was
 * sent is dropped at once, and a queue whose last unit is dropped is freed. A unit marked `joined`
 * continues the one before it (a head of more than 43 bytes is a body of its own); the two are
 * never separated.
 *
 * Example: units A (head 10, body 100), B (10, 100) and C (10, 100) are queued, and the kernel
 * takes 130 bytes. A is dropped with its reference, and `gone` is 20: B's head and 10 bytes of its
 * body. The next gather begins with the last 90 bytes of B. If the user now discards the output, C
 * goes, but B stays: the peer has part of it, and must get the rest.
 */
#include "net/outq.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/stream.h"

#define UNIT_OVERHEAD 64 /* bytes that a unit counts besides its body (stream.h) */
#define OUTQ_MIN      4
#define CHUNK_MIN     512
#define CHUNK_MAX     (64 * 1024)

/* One unit, or a part of one: a head of its own, then a view into a shared block. */
struct unit {
    struct shared *owner; /* NULL: no body */
    const char *p;
    uint32_t n;
    uint8_t head_n : 6;
    uint8_t joined : 1; /* continues the one before it; the two must not be separated */
    char head[STREAM_HEAD_MAX];
};
_Static_assert(sizeof(struct unit) == UNIT_OVERHEAD, "the accounting in stream.h is the truth");

struct outq {
    size_t first;
    size_t count;
    size_t cap;          /* a power of two */
    size_t bytes;        /* bodies of all units */
    size_t gone;         /* bytes of the first unit that were sent */
    size_t *waiting;     /* where its memory is counted */
    struct bytes *chunk; /* outq_append appends to it: the body of the last unit, or NULL */
    struct unit ring[];
};

static struct unit *unit_at(struct outq *q, size_t i)
{
    return &q->ring[(q->first + i) & (q->cap - 1)];
}

static struct unit *unit_last(struct outq *q)
{
    return unit_at(q, q->count - 1);
}

static size_t unit_size(const struct unit *u)
{
    return u->head_n + (size_t)u->n;
}

static struct outq *create(size_t cap, size_t *waiting)
{
    struct outq *q = mem_alloc(sizeof(*q) + cap * sizeof(q->ring[0]));

    *q = (struct outq){ .cap = cap, .waiting = waiting };
    *waiting += mem_size(q);
    return q;
}

static void destroy(struct outq *q)
{
    *q->waiting -= mem_size(q);
    free(q);
}

static struct outq *grow(struct outq *q)
{
    struct outq *bigger = create(q->cap * 2, q->waiting);

    for (size_t i = 0; i < q->count; i++)
        bigger->ring[i] = *unit_at(q, i);
    bigger->count = q->count;
    bigger->bytes = q->bytes;
    bigger->gone = q->gone;
    bigger->chunk = q->chunk;
    destroy(q);
    return bigger;
}

struct outq *outq_create(size_t *waiting)
{
    return create(OUTQ_MIN, waiting);
}

static struct unit *push(struct outq **place)
{
    struct unit *u;

    if ((*place)->count == (*place)->cap)
        *place = grow(*place);
    (*place)->count++;
    (*place)->chunk = NULL;
    u = unit_last(*place);
    u->owner = NULL;
    u->p = NULL;
    u->n = 0;
    u->head_n = 0;
    u->joined = false;
    return u;
}

static void unit_drop(struct outq *q, struct unit *u)
{
    q->bytes -= u->n;
    *q->waiting -= shared_unref_waiting(u->owner);
}

void outq_free(struct outq **place)
{
    struct outq *q = *place;

    if (!q)
        return;
    for (size_t i = 0; i < q->count; i++)
        unit_drop(q, unit_at(q, i));
    destroy(q);
    *place = NULL;
}

/* ---- in ---- */

static void set_body(struct outq *q, struct unit *u, struct shared *owner, struct str body)
{
    *q->waiting += shared_ref_waiting(owner);
    u->owner = owner;
    u->p = body.p;
    u->n = (uint32_t)body.n;
    q->bytes += body.n;
}

static void add_head(struct outq **place, struct str head)
{
    struct unit *u = push(place);
    struct bytes *copy;

    if (head.n <= STREAM_HEAD_MAX) {
        memcpy(u->head, head.p, head.n);
        u->head_n = (uint8_t)(head.n & 0x3f);
        return;
    }
    copy = bytes_copy(head);
    set_body(*place, u, &copy->shared, bytes_str(copy));
    shared_unref(&copy->shared);
}

void outq_add(struct outq **place, struct str head, struct shared *owner, struct str body)
{
    struct unit *u;

    add_head(place, head);
    if (body.n == 0)
        return;
    u = unit_last(*place);
    if (u->owner) {
        u = push(place);
        u->joined = true;
    }
    set_body(*place, u, owner, body);
}

/* Adds a chunk larger than the last, so that a burst needs few of them. */
static void add_chunk(struct outq **place, size_t n)
{
    struct bytes *last = (*place)->chunk;
    size_t cap = last ? last->n * 2 : CHUNK_MIN;
    struct bytes *chunk;
    struct unit *u;

    if (cap > CHUNK_MAX)
        cap = CHUNK_MAX;
    chunk = bytes_alloc(cap > n ? cap : n);
    u = push(place);
    set_body(*place, u, &chunk->shared, str_make(chunk->p, 0));
    shared_unref(&chunk->shared);
    (*place)->chunk = chunk;
}

static bool has_room(struct outq *q, size_t n)
{
    return q->chunk && q->chunk->n - unit_last(q)->n >= n;
}

void outq_append(struct outq **place, struct str bytes)
{
    struct unit *u;

    if (!has_room(*place, bytes.n))
        add_chunk(place, bytes.n);
    u = unit_last(*place);
    memcpy((*place)->chunk->p + u->n, bytes.p, bytes.n);
    u->n += (uint32_t)bytes.n;
    (*place)->bytes += bytes.n;
}

/* ---- out ---- */

/* Returns the rest of a part without its first *skip bytes, and subtracts those from *skip. */
static struct str part_rest(const char *p, size_t n, size_t *skip)
{
    size_t gone = *skip < n ? *skip : n;

    *skip -= gone;
    return gone == n ? STR("") : str_make(p + gone, n - gone);
}

static void iov_add(struct iovec *iov, size_t *n, struct str part)
{
    if (part.n == 0)
        return;
    iov[*n].iov_base = (void *)(uintptr_t)part.p;
    iov[(*n)++].iov_len = part.n;
}

size_t outq_gather(struct outq *q, struct iovec *iov, size_t most, size_t *ret_bytes)
{
    size_t skip = q->gone;
    size_t n = 0;

    for (size_t i = 0; i < q->count && n + 2 <= most; i++) {
        const struct unit *u = unit_at(q, i);

        iov_add(iov, &n, part_rest(u->head, u->head_n, &skip));
        iov_add(iov, &n, part_rest(u->p, u->n, &skip));
    }
    *ret_bytes = 0;
    for (size_t i = 0; i < n; i++)
        *ret_bytes += iov[i].iov_len;
    return n;
}

static size_t copy_part(char *to, size_t cap, struct str part)
{
    size_t n = part.n < cap ? part.n : cap;

    if (n)
        memcpy(to, part.p, n);
    return n;
}

size_t outq_copy(struct outq *q, char *to, size_t cap)
{
    size_t skip = q->gone;
    size_t n = 0;

    for (size_t i = 0; i < q->count && n < cap; i++) {
        const struct unit *u = unit_at(q, i);

        n += copy_part(to + n, cap - n, part_rest(u->head, u->head_n, &skip));
        n += copy_part(to + n, cap - n, part_rest(u->p, u->n, &skip));
    }
    return n;
}

void outq_consume(struct outq **place, size_t n)
{
    struct outq *q = *place;

    q->gone += n;
    while (q->count && q->gone >= unit_size(unit_at(q, 0))) {
        q->gone -= unit_size(unit_at(q, 0));
        unit_drop(q, unit_at(q, 0));
        q->first = (q->first + 1) & (q->cap - 1);
        q->count--;
    }
    if (q->count == 0)
        outq_free(place);
}

void outq_discard(struct outq **place)
{
    struct outq *q = *place;
    size_t keep;

    if (!q)
        return;
    /* Units must stay if a part of them was sent: the first one, and the units joined to it. */
    keep = q->gone ? 1 : 0;
    while (keep < q->count && unit_at(q, keep)->joined)
        keep++;
    while (q->count > keep) {
        unit_drop(q, unit_last(q));
        q->count--;
    }
    q->chunk = NULL;
    if (q->count == 0)
        outq_free(place);
}

size_t outq_cost(const struct outq *q)
{
    return q ? q->bytes + q->count * UNIT_OVERHEAD : 0;
}
