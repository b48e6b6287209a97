/* stream.h - one connected socket, plain or TLS: reads in, units out.
 * Thread:  its loop's.
 * Owns:    the fd once stream_open succeeded, and the output queue (no memory while empty).
 * Lives:   inside its user's struct. After stream_close no callback comes any more; the struct
 *          must stay until the end of the turn (loop_reap_later).
 * Output:  a *unit* is what must not be torn: a WebSocket frame, an HTTP response. Units queued in
 *          one turn leave together at its end, in one sendmsg or in full TLS records. The queue
 *          counts 64 bytes for each unit plus the bytes that it references, and does not limit
 *          itself: the user looks at stream_queued and decides.
 */
#ifndef EH_NET_STREAM_H
#define EH_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/shared.h"
#include "base/str.h"
#include "net/loop.h"

#define STREAM_HEAD_MAX 43 /* bytes of a unit's head that cost no allocation */

struct outq;
struct stream;
struct stream_transport;
struct tls;

struct stream_events {
    /* A stream_connect succeeded, and with TLS the handshake: the peer is who it should be. For
     * accepted sockets it comes only with TLS. May be NULL. */
    void (*on_open)(struct stream *s);
    /* After stream_expect_preface: what came, in the loop's scratch buffer. Returns how many of the
     * bytes end the preface, 0: it is all of it and not the end, or EH_EINVAL: on_end with EPROTO
     * follows. */
    int (*on_preface)(struct stream *s, const char *p, size_t n);
    /* Bytes arrived, in the loop's scratch buffer; they may be changed in place and are gone
     * after the call. */
    void (*on_data)(struct stream *s, char *p, size_t n);
    /* The peer closed (err 0), or the socket, its connecting or TLS failed: err is an errno, EPROTO
     * for TLS; stream_why has a text. Nothing comes after it; the user closes the stream. What is
     * queued may still be flushed when err is 0. */
    void (*on_end)(struct stream *s, int err);
    /* sent bytes went to the kernel; the queue may be empty now. May be NULL. */
    void (*on_sent)(struct stream *s, size_t sent);
};

struct stream {
    struct loop_io io;
    bool paused;  /* does not read */
    bool blocked; /* the kernel's buffer is full: waits for EPOLLOUT */
    bool connecting;
    bool in_preface;
    bool handshaking; /* the TLS handshake is not over */
    bool ended;       /* on_end was called */
    bool fin;         /* shut down for writing when the queue is empty */
    struct loop *loop;
    const struct stream_events *events;
    const struct stream_transport *transport;
    struct outq *out; /* NULL: nothing waits */
    struct loop_task flush;
};

/* Takes a connected fd and starts reading. On EH_EIO the fd stays the caller's. */
int stream_open(struct stream *s, struct loop *lp, int fd,
                const struct stream_events *events) EH_MUST_USE;
/* Starts to connect; on_open or on_end follows. Output may be queued at once. EH_EIO: errno. */
int stream_connect(struct stream *s, struct loop *lp, const struct sockaddr *addr, socklen_t len,
                   const struct stream_events *events) EH_MUST_USE;
/* Makes it TLS; right after one of the above. As a client, `host` is the name or address that the
 * peer's certificate must have; NULL: as a server. What is queued waits for the handshake. */
void stream_use_tls(struct stream *s, struct tls *tls, const char *host);
/* Right after stream_open: something comes before the stream's own bytes, plain also with TLS. */
void stream_expect_preface(struct stream *s);
void stream_close(struct stream *s); /* closes the fd, drops the queue; fine when closed */
bool stream_is_open(const struct stream *s);

void stream_pause(struct stream *s); /* stop reading: the kernel's window is the back-pressure */
void stream_resume(struct stream *s);

/* Queues one unit: head is copied, body (may be empty) is referenced and `owner` kept until it is
 * sent; a head longer than STREAM_HEAD_MAX costs an allocation. The caller keeps its own
 * reference to owner. */
void stream_send(struct stream *s, struct str head, struct shared *owner, struct str body);
/* Appends bytes to a byte stream without unit bounds (Redis commands): copied, kept dense. */
void stream_write(struct stream *s, struct str bytes);

size_t stream_queued(const struct stream *s); /* as counted above */
void stream_flush(struct stream *s);          /* now rather than at the end of the turn */
/* The same in the middle of whatever the user does: of all callbacks only on_sent may come. It
 * tries also when the kernel's buffer was full. */
void stream_push(struct stream *s);
bool stream_is_blocked(const struct stream *s); /* the kernel's buffer was full when last tried */
/* Drops every unit of which nothing was sent (or encrypted) yet. */
void stream_discard(struct stream *s);
void stream_reset_on_close(struct stream *s); /* closing sends RST: what waits is not wanted */
/* No more output after what is queued was sent (TLS: close_notify; FIN). */
void stream_shutdown(struct stream *s);

/* What err, as on_end gave it, means, e.g. why a certificate was not accepted. Until the next call
 * with this stream. */
const char *stream_why(const struct stream *s, int err);
bool stream_is_handshaking(const struct stream *s); /* TLS: the handshake is not over, or failed */
bool stream_was_resumed(const struct stream *s);    /* TLS: the handshake resumed a session */

#endif
