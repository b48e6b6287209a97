/* redis_dial.h - starts connections to a name: resolves it and tries its addresses one after
 * another. A name that begins with a slash is the path of a Unix socket.
 * Thread:  the broker's.
 * Owns:    the addresses of the last answer until redis_dial_forget.
 * Lives:   slightly longer than redis_dial_free: an answer may already be in the inbox, which is
 *          drained later.
 */
#ifndef EH_BROKER_REDIS_DIAL_H
#define EH_BROKER_REDIS_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/mailbox.h"
#include "net/stream.h"

struct redis_dial;
struct redis_endpoint;

/* why is NULL if there are addresses. */
typedef void redis_dial_fn(void *owner, const char *why);

struct redis_dial *redis_dial_create(struct mailbox *inbox, redis_dial_fn *on_answer, void *owner);
void redis_dial_free(struct redis_dial *d);

/* Asks for the addresses of the endpoint, which is copied. on_answer follows, for a path at once,
 * unless this returns EH_EIO. */
int redis_dial_ask(struct redis_dial *d, const struct redis_endpoint *endpoint) EH_MUST_USE;
/* Starts to connect to the next address. EH_EIO: this failed for all that were left; errno is that
 * of the last one. */
int redis_dial_next(struct redis_dial *d, struct stream *s, struct loop *lp,
                    const struct stream_events *events) EH_MUST_USE;
bool redis_dial_has_next(const struct redis_dial *d);
void redis_dial_forget(struct redis_dial *d);

#endif
