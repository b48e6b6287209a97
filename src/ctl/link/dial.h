/* dial.h - one connection to a target: resolves the name, tries its addresses one after another,
 * makes the TLS handshake; or connects to a Unix socket.
 * Thread:  its loop's.
 * Owns:    the stream and the resolver. The target and the runtime are borrowed.
 * Lives:   until the end of the turn after dial_free, which may be called from its callbacks.
 * Fails:   with one line that names the target and says what to do, e.g. `cannot connect to
 *          ws://127.0.0.1:8080: connection refused: check that the server runs there, or set
 *          --url`. The exit status is CTL_NO_CONNECTION.
 */
#ifndef EH_CTL_DIAL_H
#define EH_CTL_DIAL_H

#include <stddef.h>

#include "base/err.h"

struct dial;
struct runtime;
struct stream;
struct target;

struct dial_events {
    void (*on_open)(void *owner); /* connected; TLS has verified the peer */
    /* Bytes arrived; they may be changed in place. */
    void (*on_data)(void *owner, char *p, size_t n);
    /* The connection was not made, or ended. Comes once. why: one line; NULL: the peer closed an
     * open connection in the normal way. */
    void (*on_end)(void *owner, const char *why);
    void (*on_sent)(void *owner, size_t n); /* may be NULL */
};

/* Starts to connect, for at most the target's timeout in all. */
struct dial *dial_create(struct runtime *rt, const struct target *target,
                         const struct dial_events *events, void *owner);
void dial_free(struct dial *d); /* closes; no callback follows. NULL is fine */

/* The stream, to write to and to pause: from on_open to on_end. */
struct stream *dial_stream(struct dial *d);

#endif
