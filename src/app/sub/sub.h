/* sub.h - opens, finds and closes the subscriptions of a connection.
 * Thread:  the connection's worker.
 * Owns:    each struct sub, from sub_open() to sub_close(); a connection closes all of its
 *          subscriptions before it ends.
 */
#ifndef EH_APP_SUB_H
#define EH_APP_SUB_H

#include "app/sub/sub_data.h"

/* Subscribes the connection to live messages, in place of its earlier subscription to the same
 * filter. All subscriptions of a connection have the same writer. */
struct sub *sub_open(struct conn *c, const struct sub_writer *writer, struct str filter,
                     struct str id, bool gaps);
/* The client wants no more messages. A join that has read nothing is answered with recovered:
 * false, because this subscription delivers none of the history. */
void sub_close(struct sub *s);
void sub_close_all(struct conn *c);
/* The connection ends, for whatever reason. A join that has read nothing is not answered: nothing
 * is known to be lost. */
void sub_end_all(struct conn *c);
struct sub *sub_find(struct conn *c, struct str filter); /* or NULL */

#endif
