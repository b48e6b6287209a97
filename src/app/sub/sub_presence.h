/* sub_presence.h - counts which of a worker's clients are subscribed.
 * Thread:  the worker's.
 */
#ifndef EH_APP_SUB_PRESENCE_H
#define EH_APP_SUB_PRESENCE_H

#include "hub/presence.h"
#include "net/mailbox.h"

struct worker;

mail_fn sub_presence_on_count; /* a struct broker_count: the broker asks */

/* Adds to *p the connections that are subscribed to the filter and, if they are wanted, their subs.
 * Returns how many subscriptions it has looked at. */
size_t sub_presence_count(struct worker *w, struct str filter, bool wants_subs, struct presence *p);

#endif
