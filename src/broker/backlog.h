/* aside.h - live messages that were set aside, until what comes before them is known.
 * Thread:  the broker's.
 * Limit:   BROKER_LIVE_MAX_MESSAGES and BROKER_LIVE_MAX_BYTES. What is beyond it takes the place of
 *          all that was there, which makes a hole: only the log has it now.
 */
#ifndef EH_BROKER_ASIDE_H
#define EH_BROKER_ASIDE_H

#include "broker/broker.h"

/* {0} is empty. */
struct aside {
    struct message **items; /* from `first` to before `end`, in the order in which they came */
    size_t first;
    size_t end;
    size_t cap;
    size_t bytes;  /* of their bodies */
    bool has_hole; /* others came before them or between them that are not here */
};

void aside_add(struct aside *a, struct message *m);       /* takes m */
const struct message *aside_first(const struct aside *a); /* the oldest, or NULL */
struct message *aside_pop(struct aside *a);               /* its reference; there must be one */
void aside_done(struct aside *a);                         /* lets go of all; {0} again */

#endif
