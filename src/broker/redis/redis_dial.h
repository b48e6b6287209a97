/* redis_dial.h - from Redis's name to a connection attempt: the name's addresses, one after
 * another, or the Unix socket where the name is a path.
 * Thread:  the broker's.
 * Owns:    the addresses of the last answer, until redis_dial_forget.
 * Lives:   a little longer than redis_dial_free: an answer may lie in the inbox already, which is
 *          drained after it.
 */
#ifndef EH_BROKER_REDIS_DIAL_H
#define EH_BROKER_REDIS_DIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/mailbox.h"
#include "net/stream.h"

struct redis_dial;

/* why: NULL when there are addresses. */
typedef void redis_dial_fn(void *owner, const char *why);

/* host is borrowed. */
struct redis_dial *redis_dial_create(struct mailbox *inbox, const char *host, uint16_t port,
                                     redis_dial_fn *on_answer, void *owner);
void redis_dial_free(struct redis_dial *d);

/* Asks for the addresses; on_answer follows (at once for a path), unless this is EH_EIO. */
int redis_dial_ask(struct redis_dial *d) EH_MUST_USE;
/* Starts to connect to the next address. EH_EIO: none of those left would do; errno is the last's.
 */
int redis_dial_next(struct redis_dial *d, struct stream *s, struct loop *lp,
                    const struct stream_events *events) EH_MUST_USE;
bool redis_dial_has_next(const struct redis_dial *d);
void redis_dial_forget(struct redis_dial *d);

#endif
