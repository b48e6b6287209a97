/* want.h - a worker tells the broker that it wants the live messages of a filter, or no longer
 * wants them. Types only; broker.h has the functions.
 *
 * A worker wants a filter as long as it has a subscription to it. It posts a want for the first
 * one, and an unwant (broker_unwant) after the last one was closed. The broker answers a want when
 * all messages of the filter above `newest` come through the live batches of the port: with the
 * embedded engine at once, with Redis when Redis has confirmed the channel. While Redis is away,
 * wants are answered at once, because the node then reads from the log what it has missed.
 *
 * Promise: `newest` is not below the id of any message that was posted to the port before the
 *          answer. So a subscription that begins at `newest` needs none of those messages.
 * Order:   wants, unwants and calls of one worker reach the broker in the order in which they were
 *          posted. One unwant ends all wants of its port for that filter, also those that are not
 *          answered yet: these are still answered.
 */
#ifndef EH_BROKER_WANT_H
#define EH_BROKER_WANT_H

#include <stdbool.h>

#include "base/str.h"
#include "hub/msgid.h"
#include "net/mailbox.h"

struct broker_port;

struct broker_want {
    struct mail mail;         /* mail.fn is set by broker_want, then to `answer` */
    mail_fn *answer;          /* runs on the worker */
    struct broker_port *port; /* the worker's */
    struct mailbox *inbox;    /* where the answer is posted; set by broker_want */
    struct str filter;        /* a valid topic or pattern; its text lives as long as the want */
    bool reads_history;  /* every subscription that waits for this want reads the log next, which
                                 tells where it begins. So `newest` may be too low: messages above
                                 it that were published before the answer may not come */
    struct msgid newest; /* the answer: where a subscription begins */
};

#endif
