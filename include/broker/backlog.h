/* backlog.h - live messages that are held back until everything before them is known.
 * Thread:  its user's.
 * Owns:    a reference to each message.
 * Bounds:  its user's. backlog_add has those of a worker's inbox: BROKER_LIVE_MAX_MESSAGES and
 *          BROKER_LIVE_MAX_BYTES. On overflow it empties the backlog and sets `has_gap`: the
 *          dropped messages must be read from the log.
 */
#ifndef EH_BROKER_BACKLOG_H
#define EH_BROKER_BACKLOG_H

#include "broker/worker_mail.h"
#include "hub/message.h"

/* {0} is empty. */
struct backlog {
    struct message **items; /* from `first` to before `end`, as they came; NULL: a mark */
    size_t first;
    size_t end;
    size_t cap;
    size_t bytes; /* of their bodies */
    bool has_gap; /* messages are missing before or between these; the user may set it, too */
};

void backlog_add(struct backlog *b, struct message *m); /* takes m */
bool backlog_is_full(const struct backlog *b);          /* backlog_add would empty it */

/* Adds m whatever the bounds; m NULL: a mark, which the user gives a meaning. Takes m. */
void backlog_push(struct backlog *b, struct message *m);
bool backlog_is_empty(const struct backlog *b);
const struct message *backlog_first(
    const struct backlog *b);                   /* the oldest; NULL: a mark, or none */
struct message *backlog_pop(struct backlog *b); /* of a backlog that is not empty; gives m */
void backlog_done(struct backlog *b);           /* drops everything; {0} again */

#endif
