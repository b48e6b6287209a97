/* stream_plain.c - the transport of a stream without TLS. */
#include <errno.h>
#include <sys/socket.h>

#include "net/outq.h"
#include "net/stream_transport.h"

#define IOV_MOST 1024 /* IOV_MAX on Linux */

static ssize_t plain_read(struct stream *s, char *p, size_t cap)
{
    ssize_t n = recv(s->io.fd, p, cap, 0);

    if (n > 0)
        return n;
    if (n == 0)
        return TRANSPORT_END;
    return errno == EAGAIN || errno == EINTR ? TRANSPORT_AGAIN : TRANSPORT_FAILED;
}

/* Sends as much as one sendmsg takes. */
static ssize_t plain_send(struct stream *s)
{
    struct iovec iov[IOV_MOST];
    struct msghdr msg = { .msg_iov = iov };
    size_t total;
    ssize_t n;

    msg.msg_iovlen = outq_gather(s->out, iov, IOV_MOST, &total);
    do {
        n = sendmsg(s->io.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? TRANSPORT_FULL : TRANSPORT_FAILED;
    if ((size_t)n < total)
        stream_block(s); /* another call would only return EAGAIN */
    return n;
}

static int plain_flush(struct stream *s)
{
    (void)s;
    return EH_OK;
}

static int plain_finish(struct stream *s)
{
    (void)shutdown(s->io.fd, SHUT_WR); /* a failure means that the peer is gone */
    return EH_OK;
}

static void do_nothing(struct stream *s)
{
    (void)s;
}

static const struct stream_transport_ops plain_ops = {
    .read = plain_read,
    .send = plain_send,
    .flush = plain_flush,
    .resume = do_nothing,
    .finish = plain_finish,
    .close = do_nothing,
};

const struct stream_transport stream_plain = { .ops = &plain_ops };
