#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/sock.h"

#define UNIT_OVERHEAD 64 /* what a unit costs beside its body, as stream.h counts it */
#define OUTQ_MIN      4
#define CHUNK_MIN     512
#define CHUNK_MAX     (64 * 1024)
#define IOV_MOST      1024 /* IOV_MAX on Linux */

/* One unit, or one of its parts: a head of its own, then a view into something shared. */
struct unit {
    struct shared *owner; /* NULL: no body */
    const char *p;
    uint32_t n;
    uint8_t head_n : 6;
    uint8_t joined : 1; /* goes on where the one before ends: not to be torn from it */
    char head[STREAM_HEAD_MAX];
};
_Static_assert(sizeof(struct unit) == UNIT_OVERHEAD, "the accounting in stream.h is the truth");

/* A ring of units. Only exists while something waits. */
struct outq {
    size_t first;
    size_t count;
    size_t cap;          /* a power of two */
    size_t bytes;        /* bodies of all units */
    size_t sent;         /* bytes of the first unit that are gone */
    struct bytes *chunk; /* where stream_write appends: body of the last unit, or NULL */
    struct unit ring[];
};

static struct unit *unit_at(struct outq *q, size_t i)
{
    return &q->ring[(q->first + i) & (q->cap - 1)];
}

static size_t unit_size(const struct unit *u)
{
    return u->head_n + (size_t)u->n;
}

static struct outq *outq_create(size_t cap)
{
    struct outq *q = mem_alloc(sizeof(*q) + cap * sizeof(q->ring[0]));

    *q = (struct outq){ .cap = cap };
    return q;
}

static struct outq *outq_grow(struct outq *q)
{
    struct outq *bigger = outq_create(q->cap * 2);

    for (size_t i = 0; i < q->count; i++)
        bigger->ring[i] = *unit_at(q, i);
    bigger->count = q->count;
    bigger->bytes = q->bytes;
    bigger->sent = q->sent;
    bigger->chunk = q->chunk;
    free(q);
    return bigger;
}

static struct unit *outq_push(struct stream *s)
{
    struct unit *u;

    if (!s->out)
        s->out = outq_create(OUTQ_MIN);
    else if (s->out->count == s->out->cap)
        s->out = outq_grow(s->out);
    u = unit_at(s->out, s->out->count++);
    u->owner = NULL;
    u->p = NULL;
    u->n = 0;
    u->head_n = 0;
    u->joined = false;
    s->out->chunk = NULL;
    return u;
}

static void unit_drop(struct outq *q, struct unit *u)
{
    q->bytes -= u->n;
    shared_unref(u->owner);
}

static void outq_free(struct stream *s)
{
    struct outq *q = s->out;

    if (!q)
        return;
    for (size_t i = 0; i < q->count; i++)
        unit_drop(q, unit_at(q, i));
    free(q);
    s->out = NULL;
}

/* Drops what the kernel took: whole units, and the start of the one that it took in part. */
static void outq_consume(struct stream *s, size_t n)
{
    struct outq *q = s->out;

    q->sent += n;
    while (q->count && q->sent >= unit_size(unit_at(q, 0))) {
        q->sent -= unit_size(unit_at(q, 0));
        unit_drop(q, unit_at(q, 0));
        q->first = (q->first + 1) & (q->cap - 1);
        q->count--;
    }
    if (q->count == 0)
        outq_free(s);
}

static void iov_add(struct iovec *iov, size_t *n, const char *p, size_t len, size_t *skip)
{
    size_t gone = *skip < len ? *skip : len;

    *skip -= gone;
    if (len == gone)
        return;
    iov[*n].iov_base = (void *)(uintptr_t)(p + gone);
    iov[(*n)++].iov_len = len - gone;
}

static size_t outq_gather(struct outq *q, struct iovec iov[IOV_MOST], size_t *ret_bytes)
{
    size_t skip = q->sent;
    size_t n = 0;

    for (size_t i = 0; i < q->count && n + 2 <= IOV_MOST; i++) {
        struct unit *u = unit_at(q, i);

        iov_add(iov, &n, u->head, u->head_n, &skip);
        iov_add(iov, &n, u->p, u->n, &skip);
    }
    *ret_bytes = 0;
    for (size_t i = 0; i < n; i++)
        *ret_bytes += iov[i].iov_len;
    return n;
}

static void update_interest(struct stream *s)
{
    uint32_t events = 0;

    if (s->io.fd < 0)
        return;
    if (!s->paused && !s->ended && !s->connecting)
        events |= EPOLLIN;
    if (s->blocked || s->connecting)
        events |= EPOLLOUT;
    loop_rewatch(s->loop, &s->io, events);
}

/* Once: what happens to the socket after this is of no interest. */
static void end(struct stream *s, int err)
{
    if (s->ended)
        return;
    s->ended = true;
    s->blocked = false;
    loop_cancel(&s->flush);
    update_interest(s);
    s->events->on_end(s, err);
}

/* One sendmsg. False when there is no point in another now. */
static bool send_some(struct stream *s)
{
    struct iovec iov[IOV_MOST];
    size_t total;
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = outq_gather(s->out, iov, &total) };
    ssize_t n = sendmsg(s->io.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0) {
        if (errno == EAGAIN)
            s->blocked = true;
        else if (errno != EINTR)
            end(s, errno);
        return errno == EINTR;
    }
    outq_consume(s, (size_t)n);
    if (s->events->on_sent)
        s->events->on_sent(s, (size_t)n);
    if ((size_t)n < total)
        s->blocked = true; /* asking again would only say EAGAIN */
    return !s->blocked;
}

void stream_flush(struct stream *s)
{
    loop_cancel(&s->flush);
    if (s->io.fd < 0 || s->connecting || (s->ended && s->blocked))
        return;
    s->blocked = false;
    while (s->io.fd >= 0 && s->out && send_some(s))
        ;
    if (s->io.fd < 0)
        return;
    if (s->fin && !s->out)
        (void)shutdown(s->io.fd, SHUT_WR);
    update_interest(s);
}

static void on_flush(struct loop_task *task)
{
    struct stream *s = container_of(task, struct stream, flush);

    if (!s->blocked)
        stream_flush(s);
}

static void queue_flush(struct stream *s)
{
    if (!s->blocked && !s->connecting)
        loop_at_end(s->loop, &s->flush);
}

/* One read a turn: what is left is reported again, after the others had theirs. */
static void read_some(struct stream *s)
{
    char *p = loop_scratch(s->loop);
    ssize_t n = recv(s->io.fd, p, LOOP_SCRATCH, 0);

    if (n > 0)
        s->events->on_data(s, p, (size_t)n);
    else if (n == 0)
        end(s, 0);
    else if (errno != EAGAIN && errno != EINTR)
        end(s, errno);
}

static void on_connecting(struct stream *s)
{
    int err = sock_error(s->io.fd);

    s->connecting = false;
    if (err) {
        end(s, err);
        return;
    }
    update_interest(s);
    if (s->out)
        queue_flush(s);
    if (s->events->on_open)
        s->events->on_open(s);
}

static void on_io(struct loop_io *io, uint32_t events)
{
    struct stream *s = container_of(io, struct stream, io);

    if (s->connecting) {
        on_connecting(s);
        return;
    }
    if (events & EPOLLOUT)
        stream_flush(s);
    /* A paused stream learns of a reset too: errors are always reported, and would spin. */
    if (io->fd >= 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) {
        if (!s->paused)
            read_some(s);
        else if (events & (EPOLLERR | EPOLLHUP))
            end(s, sock_error(io->fd));
    }
}

static void init(struct stream *s, struct loop *lp, const struct stream_events *events)
{
    *s = (struct stream){ .loop = lp, .events = events };
    s->io.fd = -1;
    s->io.fn = on_io;
    s->flush.fn = on_flush;
}

int stream_open(struct stream *s, struct loop *lp, int fd, const struct stream_events *events)
{
    init(s, lp, events);
    return loop_watch(lp, &s->io, fd, EPOLLIN);
}

int stream_connect(struct stream *s, struct loop *lp, const struct sockaddr *addr, socklen_t len,
                   const struct stream_events *events)
{
    int fd;

    init(s, lp, events);
    EH_TRY(sock_connect(addr, len, &fd));
    s->connecting = true;
    if (loop_watch(lp, &s->io, fd, EPOLLOUT) < 0) {
        close(fd);
        return EH_EIO;
    }
    return EH_OK;
}

bool stream_is_open(const struct stream *s)
{
    return s->io.fd >= 0;
}

void stream_close(struct stream *s)
{
    int fd = s->io.fd;

    if (fd < 0)
        return;
    loop_cancel(&s->flush);
    loop_unwatch(s->loop, &s->io);
    close(fd);
    outq_free(s);
}

void stream_pause(struct stream *s)
{
    s->paused = true;
    update_interest(s);
}

void stream_resume(struct stream *s)
{
    s->paused = false;
    update_interest(s);
}

static void add_head(struct stream *s, struct str head)
{
    struct unit *u = outq_push(s);
    struct bytes *copy;

    if (head.n <= STREAM_HEAD_MAX) {
        memcpy(u->head, head.p, head.n);
        u->head_n = (uint8_t)(head.n & 0x3f);
        return;
    }
    copy = bytes_copy(head);
    u->owner = &copy->shared;
    u->p = copy->p;
    u->n = (uint32_t)head.n;
    s->out->bytes += head.n;
}

static void set_body(struct stream *s, struct unit *u, struct shared *owner, struct str body)
{
    u->owner = shared_ref(owner);
    u->p = body.p;
    u->n = (uint32_t)body.n;
    s->out->bytes += body.n;
}

void stream_send(struct stream *s, struct str head, struct shared *owner, struct str body)
{
    struct unit *u;

    assert(body.n <= UINT32_MAX && head.n <= UINT32_MAX);
    if (s->io.fd < 0 || s->ended)
        return;
    add_head(s, head);
    u = unit_at(s->out, s->out->count - 1);
    if (body.n && u->owner) {
        u = outq_push(s);
        u->joined = true;
    }
    if (body.n)
        set_body(s, u, owner, body);
    queue_flush(s);
}

/* The next chunk is larger than the last, so that a burst needs few. */
static void add_chunk(struct stream *s, size_t n)
{
    struct bytes *last = s->out ? s->out->chunk : NULL;
    size_t cap = last ? last->n * 2 : CHUNK_MIN;
    struct bytes *chunk;
    struct unit *u;

    if (cap > CHUNK_MAX)
        cap = CHUNK_MAX;
    chunk = bytes_alloc(cap > n ? cap : n);
    u = outq_push(s);
    u->owner = &chunk->shared;
    u->p = chunk->p;
    s->out->chunk = chunk;
}

void stream_write(struct stream *s, struct str bytes)
{
    struct unit *u;

    if (s->io.fd < 0 || s->ended || bytes.n == 0)
        return;
    if (!s->out || !s->out->chunk ||
        s->out->chunk->n - unit_at(s->out, s->out->count - 1)->n < bytes.n)
        add_chunk(s, bytes.n);
    u = unit_at(s->out, s->out->count - 1);
    memcpy(s->out->chunk->p + u->n, bytes.p, bytes.n);
    u->n += (uint32_t)bytes.n;
    s->out->bytes += bytes.n;
    queue_flush(s);
}

size_t stream_queued(const struct stream *s)
{
    return s->out ? s->out->bytes + s->out->count * UNIT_OVERHEAD : 0;
}

void stream_discard(struct stream *s)
{
    struct outq *q = s->out;
    size_t keep = 0;

    if (!q)
        return;
    if (q->sent || unit_at(q, 0)->joined)
        keep = 1;
    while (keep && keep < q->count && unit_at(q, keep)->joined)
        keep++;
    while (q->count > keep)
        unit_drop(q, unit_at(q, --q->count));
    q->chunk = NULL;
    if (q->count == 0)
        outq_free(s);
}

void stream_reset_on_close(struct stream *s)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    if (s->io.fd >= 0)
        (void)setsockopt(s->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void stream_shutdown(struct stream *s)
{
    s->fin = true;
    if (!s->out)
        queue_flush(s);
}
