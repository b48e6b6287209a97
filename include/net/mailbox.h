/* mailbox.h - a queue and an eventfd, with which one thread hands something to another.
 * Thread:  mailbox_post from any thread; the rest on the thread of the loop given at creation.
 * Owns:    the eventfd. A posted mail belongs to the mailbox until its fn is called, then to fn.
 * Order:   the mails of one poster arrive in the order in which it posted them.
 * Share:   a turn of the loop delivers mails until they have caused output for 256 streams, or for
 *          about 5 ms. The next turn goes on. Timers wait for mail that was left.
 * Fails:   posting never fails. The posters limit how much waits (broker/broker.h).
 */
#ifndef EH_NET_MAILBOX_H
#define EH_NET_MAILBOX_H

#include <stdbool.h>

#include "base/err.h"
#include "base/list.h"

struct loop;
struct mail;
struct mailbox;

/* Runs on the receiver. `owner` is the argument of mailbox_create: the receiver's state. */
typedef void mail_fn(struct mail *m, void *owner);

struct mail {
    struct list link;
    mail_fn *fn;
};

int mailbox_create(struct loop *lp, void *owner, struct mailbox **ret_box) EH_MUST_USE; /* EH_EIO */
void mailbox_post(struct mailbox *box, struct mail *m);
/* Delivers all mail that is waiting. False: there was none. For the receiver's shutdown. */
bool mailbox_drain(struct mailbox *box);
void mailbox_free(struct mailbox *box); /* after a drain, when no thread posts to it */

#endif
