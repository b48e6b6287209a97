/* echo.h - keeps messages that a connection published with "echo": false from that connection.
 *
 * The message carries its author (hub/author.h) to every node and into the log. So a worker finds
 * the connection without remembering anything, and it does not matter whether the message or the
 * answer to the publish comes first, nor how the message comes: live, or from the log after an
 * interruption. A repetition of a publish with a key stores nothing, so the author of the first one
 * counts. History is for everybody: a subscription that asks for it gets also what its own
 * connection has published before it subscribed.
 * Thread:  the worker's.
 * Costs:   a message without an author nothing but a look at has_author.
 */
#ifndef EH_APP_ECHO_H
#define EH_APP_ECHO_H

#include "app/conn/conn.h"
#include "hub/message.h"

/* Returns the author of the connection's next publish that it does not want back. */
struct author echo_author(struct conn *c);
struct conn *echo_find_author(const struct worker *w, const struct message *m);

/* Returns the author of the message, which must not get it live. NULL: the message has no author,
 * or the author is not a connection of this worker with a subscription. */
static inline struct conn *echo_author_here(const struct worker *w, const struct message *m)
{
    return m->has_author ? echo_find_author(w, m) : NULL;
}

/* Reports whether the connection published the message, which comes from the log, after the first
 * n_authored publishes with an author on its worker. */
bool echo_is_own(const struct conn *c, const struct message *m, uint64_t n_authored);

#endif
