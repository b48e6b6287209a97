/* stream_transport.h - moves the bytes of a stream to and from its socket: as they are
 * (stream_plain.c), or through TLS (stream_tls.c). Only stream*.c include it.
 */
#ifndef EH_NET_STREAM_TRANSPORT_H
#define EH_NET_STREAM_TRANSPORT_H

#include <sys/types.h>

#include "net/stream.h"

/* Why an operation moved no bytes. */
enum {
    TRANSPORT_AGAIN = -1,  /* try again when the socket is readable */
    TRANSPORT_FULL = -2,   /* try again when it is writable */
    TRANSPORT_END = -3,    /* the peer closed its side */
    TRANSPORT_FAILED = -4, /* errno; no further operation succeeds */
};

/* Return EH_OK or one of the above; read and send return a number of bytes instead of EH_OK. */
struct stream_transport_ops {
    int (*handshake)(struct stream *s); /* takes one step; EH_OK: the handshake is over */
    /* Reads at most cap bytes. If the transport itself still holds some, it queues another
     * stream_read for the next turn. */
    ssize_t (*read)(struct stream *s, char *p, size_t cap);
    ssize_t (*send)(struct stream *s); /* sends some of s->out, which is not empty */
    int (*flush)(struct stream *s);    /* sends what it holds from earlier sends */
    void (*resume)(struct stream *s);  /* reading resumes: it may hold input */
    int (*finish)(struct stream *s);   /* all output was sent: tells the peer */
    void (*close)(struct stream *s);   /* frees it, before the fd is closed */
};

/* Begins the struct that a transport keeps for a stream. */
struct stream_transport {
    const struct stream_transport_ops *ops;
    const char *why; /* why it failed; NULL: errno says why */
    bool resumed;    /* the handshake resumed a session */
};

extern const struct stream_transport stream_plain; /* has no state: one serves all streams */

void stream_read(struct stream *s);  /* reads up to one scratch buffer, as for a readable socket */
void stream_block(struct stream *s); /* stops sending until the socket is writable */

#endif
