/* sub.h - opens, finds and closes the subscriptions of a connection.
 * Thread:  the connection's worker.
 * Owns:    each struct sub, from sub_open() to sub_close(); a connection closes all of its
 *          subscriptions before it ends.
 */
#ifndef EH_APP_SUB_H
#define EH_APP_SUB_H

#include "app/sub/sub_data.h"

/* Subscribes the connection to live messages, in place of its earlier subscription to the same
 * filter. All subscriptions of a connection have the same writer, whose `joined` is called once:
 * now, or when the filter is live and the first page of the history has come. Takes the reply. With
 * several filters, each gets a subscription, and they are one stream: `joined` is called once, and
 * they read the log together. */
void sub_open(struct conn *c, const struct sub_writer *writer, const struct sub_request *rq,
              struct reply *reply);
/* The client wants no more messages. If the request is not answered yet, it is now, with recovered:
 * false if it asked for history, because this subscription delivers none of it. */
void sub_close(struct sub *s);
void sub_close_all(struct conn *c);
/* The connection ends, for whatever reason. Requests that are not answered yet stay so: nothing is
 * known to be lost. */
void sub_end_all(struct conn *c);
struct sub *sub_find(struct conn *c, struct str filter); /* or NULL */

#endif
