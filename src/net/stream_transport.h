/* stream_transport.h - how the bytes of a stream get into its socket and out of it: as they are
 * (stream_plain.c), or through TLS (stream_tls.c). Only stream*.c include it.
 */
#ifndef EH_NET_STREAM_TRANSPORT_H
#define EH_NET_STREAM_TRANSPORT_H

#include <sys/types.h>

#include "net/stream.h"

/* Why an operation moved no bytes. */
enum {
    TRANSPORT_AGAIN = -1,  /* try when the socket is readable */
    TRANSPORT_FULL = -2,   /* try when it is writable */
    TRANSPORT_END = -3,    /* the peer closed its side */
    TRANSPORT_FAILED = -4, /* errno; for good */
};

/* EH_OK, or one of the above; read and send return how many bytes instead. */
struct stream_transport_ops {
    int (*handshake)(struct stream *s); /* one step of the handshake; EH_OK: it is over */
    /* At most cap bytes. What the transport itself still holds, it has read (stream_read) in the
     * next turn. */
    ssize_t (*read)(struct stream *s, char *p, size_t cap);
    ssize_t (*send)(struct stream *s); /* some of s->out, which is not empty */
    int (*flush)(struct stream *s);    /* what it holds of earlier sends */
    void (*resume)(struct stream *s);  /* reading goes on: it may hold something */
    int (*finish)(struct stream *s);   /* all was sent: tells the peer */
    void (*close)(struct stream *s);   /* before the fd is closed */
};

/* The beginning of what a transport keeps for a stream. */
struct stream_transport {
    const struct stream_transport_ops *ops;
    const char *why; /* it failed: why. NULL: errno says it */
    bool resumed;    /* the handshake resumed a session */
};

extern const struct stream_transport stream_plain; /* keeps nothing: one for all */

void stream_read(struct stream *s);  /* one scratch buffer, as for a readable socket */
void stream_block(struct stream *s); /* until the socket is writable */

#endif
