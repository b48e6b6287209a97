/* stream.h - one connected socket, plain or TLS: reads in, units out.
 * Thread:  its loop's.
 * Owns:    the fd once stream_open succeeded, and the output queue (no memory while empty).
 * Lives:   inside its user's struct. No callback comes after stream_close, but the struct must stay
 *          until the end of the turn (loop_reap_later).
 * Output:  a *unit* must be sent whole or not at all: a WebSocket frame, an HTTP response. Units
 *          queued in one turn leave together at its end, in one sendmsg or in full TLS records. The
 *          queue counts 64 bytes for each unit plus the bytes that it references. It has no limit
 *          of its own: the user checks stream_queued and decides.
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

#define STREAM_HEAD_MAX 43 /* bytes of a unit's head that need no allocation */

struct outq;
struct stream;
struct stream_transport;
struct tls;

struct stream_events {
    /* After stream_gate: there is something to read. Returns false to have it wait until
     * stream_go_on. */
    bool (*may_read)(struct stream *s);
    /* stream_connect succeeded, and with TLS the handshake too, which has verified the peer. For
     * accepted sockets it is called only with TLS. May be NULL. */
    void (*on_open)(struct stream *s);
    /* After stream_expect_preface: bytes of the preface arrived, in the loop's scratch buffer.
     * Returns how many of them complete the preface; 0: all of them belong to it and more must
     * come; EH_EINVAL: it is malformed, and on_end with EPROTO follows. */
    int (*on_preface)(struct stream *s, const char *p, size_t n);
    /* Bytes arrived, in the loop's scratch buffer. They may be changed in place, and are gone
     * after the call. */
    void (*on_data)(struct stream *s, char *p, size_t n);
    /* The peer closed (err 0), or connecting, the socket or TLS failed: err is an errno, EPROTO for
     * TLS, and stream_why has a text. Comes once, and only on_sent may follow it: if err is 0,
     * queued output may still be flushed. The user closes the stream. */
    void (*on_end)(struct stream *s, int err);
    /* The kernel took `sent` bytes; the queue may be empty now. May be NULL. */
    void (*on_sent)(struct stream *s, size_t sent);
};

struct stream {
    struct loop_io io;
    bool paused;  /* does not read */
    bool blocked; /* the kernel's buffer is full: it waits for EPOLLOUT */
    bool connecting;
    bool in_preface;
    bool handshaking; /* the TLS handshake is not over */
    bool ended;       /* on_end was called */
    bool fin;         /* to be shut down for writing once the queue is empty */
    uint8_t gate;     /* stream_gate */
    struct loop *loop;
    const struct stream_events *events;
    const struct stream_transport *transport;
    struct outq *out; /* NULL: empty */
    struct loop_task flush;
};

/* Takes a connected fd and starts reading. On EH_EIO the caller keeps the fd. */
int stream_open(struct stream *s, struct loop *lp, int fd,
                const struct stream_events *events) EH_MUST_USE;
/* Starts to connect; on_open or on_end follows. Output may be queued at once. EH_EIO: errno. */
int stream_connect(struct stream *s, struct loop *lp, const struct sockaddr *addr, socklen_t len,
                   const struct stream_events *events) EH_MUST_USE;
/* Adds TLS; called right after one of the above. A client passes as `host` the name or address that
 * the peer's certificate must have, a server NULL. Queued output waits for the handshake. */
void stream_use_tls(struct stream *s, struct tls *tls, const char *host);
/* Called right after stream_open: a preface comes before the stream's own bytes, in the clear even
 * with TLS. */
void stream_expect_preface(struct stream *s);
/* From now on asks may_read each time before it reads, also for the preface and the handshake,
 * until stream_ungate. */
void stream_gate(struct stream *s);
void stream_ungate(struct stream *s);
void stream_go_on(struct stream *s); /* reads what may_read made wait, without asking again */
void stream_close(struct stream *s); /* closes the fd and drops the queue; may be called twice */
bool stream_is_open(const struct stream *s);

void stream_pause(struct stream *s); /* stops reading; the TCP window exerts back-pressure */
void stream_resume(struct stream *s);

/* Queues one unit: copies head, and keeps a reference to `owner` until body, a view into it that
 * may be empty, is sent. A head longer than STREAM_HEAD_MAX costs an allocation. The caller keeps
 * its own reference to owner. */
void stream_send(struct stream *s, struct str head, struct shared *owner, struct str body);
/* Copies bytes to the end of a byte stream without unit boundaries (Redis commands), densely
 * packed. */
void stream_write(struct stream *s, struct str bytes);

size_t stream_queued(const struct stream *s); /* in bytes, counted as above */
void stream_flush(struct stream *s);          /* sends now rather than at the end of the turn */
/* Like stream_flush, but safe in the middle of the user's work: the only callback that it may call
 * is on_sent. It tries even if the kernel's buffer was full. */
void stream_push(struct stream *s);
bool stream_is_blocked(const struct stream *s); /* the kernel's buffer was full at the last try */
/* Drops every unit of which nothing has been sent (or encrypted). */
void stream_discard(struct stream *s);
void stream_reset_on_close(struct stream *s); /* closing sends RST and drops waiting output */
/* Ends the output once the queue is sent (with TLS by close_notify, then FIN). */
void stream_shutdown(struct stream *s);

/* Describes err as passed to on_end, e.g. why a certificate was refused. Valid until the next call
 * with this stream. */
const char *stream_why(const struct stream *s, int err);
bool stream_is_handshaking(const struct stream *s); /* TLS: the handshake is not over, or failed */
bool stream_was_resumed(const struct stream *s);    /* TLS: the handshake resumed a session */

#endif
