#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net/outq.h"
#include "net/sock.h"
#include "net/stream_transport.h"

enum { GATE_OPEN, GATE_ASKS, GATE_WAITS };

static bool is_up(const struct stream *s)
{
    return !s->connecting && !s->handshaking;
}

static void update_interest(struct stream *s)
{
    uint32_t events = 0;

    if (s->io.fd < 0)
        return;
    if ((!s->paused || s->handshaking) && !s->ended && !s->connecting && s->gate != GATE_WAITS)
        events |= EPOLLIN;
    if (s->blocked || s->connecting)
        events |= EPOLLOUT;
    loop_rewatch(s->loop, &s->io, events);
}

/* Calls on_end, once: later events of the socket do not matter. */
static void end(struct stream *s, int err)
{
    if (s->ended)
        return;
    s->ended = true;
    s->blocked = false;
    loop_cancel(&s->flush);
    s->events->on_end(s, err);
    update_interest(s); /* does nothing if on_end closed it */
}

void stream_block(struct stream *s)
{
    s->blocked = true;
    update_interest(s);
}

/* Handles an operation of the transport that moved nothing, for the reason rc. */
static void on_stopped(struct stream *s, ssize_t rc)
{
    switch (rc) {
    case TRANSPORT_FULL: stream_block(s); break;
    case TRANSPORT_END: end(s, 0); break;
    case TRANSPORT_FAILED: end(s, errno); break;
    default: break; /* AGAIN: input is watched anyway */
    }
}

/* ---- writing ---- */

/* Sends all that the socket takes now. Returns EH_OK, or why an operation moved nothing. */
static int send_all(struct stream *s)
{
    s->blocked = false;
    EH_TRY(s->transport->ops->flush(s));
    while (s->io.fd >= 0 && s->out && !s->blocked) {
        ssize_t n = s->transport->ops->send(s);

        if (n < 0)
            return (int)n;
        outq_consume(&s->out, (size_t)n);
        if (s->events->on_sent)
            s->events->on_sent(s, (size_t)n);
    }
    if (s->io.fd < 0 || s->out || s->blocked || !s->fin)
        return EH_OK;
    return s->transport->ops->finish(s);
}

void stream_flush(struct stream *s)
{
    int rc;

    loop_cancel(&s->flush);
    if (s->io.fd < 0 || !is_up(s) || (s->ended && s->blocked))
        return;
    rc = send_all(s);
    if (rc < 0)
        on_stopped(s, rc);
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
    if (!s->blocked && is_up(s))
        loop_flush_later(s->loop, &s->flush);
}

/* Ignores a failure: it recurs at the end of the turn, when on_end may be called. */
void stream_push(struct stream *s)
{
    int rc;

    if (s->io.fd < 0 || !is_up(s) || s->ended)
        return;
    rc = send_all(s);
    if (rc == TRANSPORT_FULL)
        s->blocked = true;
    else if (rc < 0)
        queue_flush(s);
    update_interest(s);
}

bool stream_is_blocked(const struct stream *s)
{
    return s->blocked;
}

static void need_queue(struct stream *s)
{
    if (!s->out)
        s->out = outq_create(loop_waiting(s->loop));
}

void stream_send(struct stream *s, struct str head, struct shared *owner, struct str body)
{
    assert(body.n <= UINT32_MAX && head.n <= UINT32_MAX);
    if (s->io.fd < 0 || s->ended)
        return;
    need_queue(s);
    outq_add(&s->out, head, owner, body);
    queue_flush(s);
}

void stream_write(struct stream *s, struct str bytes)
{
    if (s->io.fd < 0 || s->ended || bytes.n == 0)
        return;
    need_queue(s);
    outq_append(&s->out, bytes);
    queue_flush(s);
}

size_t stream_queued(const struct stream *s)
{
    return outq_cost(s->out);
}

void stream_discard(struct stream *s)
{
    outq_discard(&s->out);
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

/* ---- reading ---- */

/* Reads one scratch buffer per turn. epoll reports the rest again, after the other streams had
 * their turn. */
void stream_read(struct stream *s)
{
    char *p = loop_scratch(s->loop);
    ssize_t n = s->transport->ops->read(s, p, LOOP_SCRATCH);

    if (n == LOOP_SCRATCH)
        loop_left_unread(s->loop);
    if (n > 0)
        s->events->on_data(s, p, (size_t)n);
    else
        on_stopped(s, n);
}

void stream_pause(struct stream *s)
{
    s->paused = true;
    update_interest(s);
}

void stream_resume(struct stream *s)
{
    s->paused = false;
    if (s->gate == GATE_WAITS)
        s->gate = GATE_ASKS;
    update_interest(s);
    if (is_up(s) && !s->ended)
        s->transport->ops->resume(s);
}

/* ---- connecting, preface, handshake ---- */

static void on_up(struct stream *s)
{
    update_interest(s);
    if (s->out || s->fin)
        queue_flush(s);
    s->transport->ops->resume(s); /* input may have come right after the handshake */
    if (s->events->on_open)
        s->events->on_open(s);
}

void stream_expect_preface(struct stream *s)
{
    s->in_preface = true;
}

/* Peeks first: bytes after the preface must stay in the socket, for the transport. */
static void read_preface(struct stream *s)
{
    char *p = loop_scratch(s->loop);
    ssize_t n = recv(s->io.fd, p, LOOP_SCRATCH, MSG_PEEK);
    int used;

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            end(s, n == 0 ? 0 : errno);
        return;
    }
    used = s->events->on_preface(s, p, (size_t)n);
    if (used < 0) {
        end(s, EPROTO);
        return;
    }
    s->in_preface = used == 0;
    if (!s->in_preface)
        loop_left_unread(s->loop);
    (void)recv(s->io.fd, p, used ? (size_t)used : (size_t)n, 0); /* cannot fail: they were peeked */
}

static void handshake(struct stream *s)
{
    int rc;

    s->blocked = false;
    rc = s->transport->ops->handshake(s);
    if (rc < 0) {
        on_stopped(s, rc);
        update_interest(s);
        return;
    }
    s->handshaking = false;
    on_up(s);
}

static void on_connecting(struct stream *s)
{
    int err = sock_error(s->io.fd);

    s->connecting = false;
    if (err)
        end(s, err);
    else if (s->handshaking)
        handshake(s);
    else
        on_up(s);
}

static void on_ready(struct stream *s, uint32_t events)
{
    if (events & EPOLLOUT)
        stream_flush(s);
    if (s->io.fd < 0 || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return;
    /* epoll always reports errors, so a paused stream must handle a reset, too, or it would
     * spin. */
    if (!s->paused)
        stream_read(s);
    else if (events & (EPOLLERR | EPOLLHUP))
        end(s, sock_error(s->io.fd));
}

static void serve(struct stream *s, uint32_t events)
{
    if (s->connecting)
        on_connecting(s);
    else if (s->in_preface && !s->ended)
        read_preface(s);
    else if (s->handshaking)
        handshake(s);
    else
        on_ready(s, events);
}

static void on_io(struct loop_io *io, uint32_t events)
{
    struct stream *s = container_of(io, struct stream, io);

    if (s->gate == GATE_ASKS && !s->events->may_read(s)) {
        s->gate = GATE_WAITS;
        update_interest(s);
    } else {
        serve(s, events); /* also an error of a stream that waits: epoll would report it again */
    }
}

void stream_gate(struct stream *s)
{
    s->gate = GATE_ASKS;
}

void stream_ungate(struct stream *s)
{
    s->gate = GATE_OPEN;
}

void stream_go_on(struct stream *s)
{
    if (s->io.fd < 0 || s->gate != GATE_WAITS)
        return;
    s->gate = GATE_ASKS;
    update_interest(s);
    serve(s, EPOLLIN);
}

/* ---- opening and closing ---- */

static void init(struct stream *s, struct loop *lp, const struct stream_events *events)
{
    *s = (struct stream){ .loop = lp, .events = events, .transport = &stream_plain };
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
    if (s->io.fd < 0)
        return;
    s->transport->ops->close(s);
    s->transport = &stream_plain;
    loop_cancel(&s->flush);
    loop_close(s->loop, &s->io);
    outq_free(&s->out);
}

const char *stream_why(const struct stream *s, int err)
{
    return s->transport->why ? s->transport->why : strerror(err);
}

bool stream_is_handshaking(const struct stream *s)
{
    return s->handshaking;
}

bool stream_was_resumed(const struct stream *s)
{
    return s->transport->resumed;
}
