/* wants.h - tells the broker which filters the subscriptions of a worker need, and lets them wait
 * until the messages of a filter come (wants.c explains how).
 * Thread:  the worker's.
 * Owns:    the wants that the broker has not answered. A filter that is live costs no memory here.
 * Bounds:  an unanswered want counts as a call of the connection that made the first subscription
 *          (conn_input.h). There is one for a filter at most, however often subscriptions come and
 *          go.
 */
#ifndef EH_APP_WANTS_H
#define EH_APP_WANTS_H

#include "app/sub/sub_data.h"

struct wants;

struct wants *wants_create(void);
void wants_free(struct wants *wants); /* after every want was answered */

/* A subscription that waits until its filter is live. Its user may unlink it before. */
struct want_waiter {
    struct list link;
    bool reads_history; /* it reads the log next, so it does not need `newest` */
    /* Called once, on the worker. The subscription begins at `newest`. It must not close
     * subscriptions. */
    void (*fn)(struct want_waiter *waiter, struct msgid newest);
};

/* Returns true if the subscription, which is in the trie, can begin at once: at broker_newest, or
 * in the log. */
bool wants_is_live(const struct sub *s, bool reads_history);
/* Otherwise, has the waiter called when it can. Asks the broker if nobody has. */
void wants_wait(const struct sub *s, struct str filter, struct want_waiter *waiter);
/* The subscription is about to leave the trie. If it was the last one of its filter, the broker is
 * told. */
void wants_leave(const struct sub *s);

#endif
