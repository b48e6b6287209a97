/* aside.h - live messages that were set aside, until what comes before them is known.
 * Thread:  the broker's.
 * Limit:   BROKER_LIVE_MAX_MESSAGES and BROKER_LIVE_MAX_BYTES. What is beyond it takes the place of
 *          all that was there, which makes a hole: only the log has it now.
 */
#ifndef EH_BROKER_BACKLOG_H
#define EH_BROKER_BACKLOG_H

#include "broker/worker_mail.h"
#include "hub/message.h"

/* {0} is empty. */
struct backlog {
    struct message **items; /* from `first` to before `end`, in the order in which they came */
    size_t first;
    size_t end;
    size_t cap;
    size_t bytes; /* of their bodies */
    bool has_gap; /* others came before them or between them that are not here */
};

void backlog_add(struct backlog *a, struct message *m);       /* takes m */
const struct message *backlog_first(const struct backlog *a); /* the oldest, or NULL */
struct message *backlog_pop(struct backlog *a);               /* its reference; there must be one */
void backlog_done(struct backlog *a);                         /* lets go of all; {0} again */

#endif
