/* sub_backlog.h - the live messages that wait for one subscription while it joins.
 * Thread:  the connection's worker.
 * Owns:    references to the messages.
 * Bounds:  it counts towards MAX_OUTPUT_QUEUE (conn->backlog_bytes). If it is full, it is emptied
 *          and has_gap is set: the log is the buffer from then on. Without a log the client has
 *          reached its limit, and is disconnected.
 */
#ifndef EH_APP_SUB_BACKLOG_H
#define EH_APP_SUB_BACKLOG_H

#include "app/conn/conn.h"

struct message;

struct sub_backlog { /* {0} is empty */
    size_t n;
    size_t cap;
    size_t bytes;
    struct message **messages; /* NULL in it: messages were lost there */
    bool has_gap;              /* messages are neither sent nor here: the log has them */
};

void sub_backlog_add(struct sub_backlog *b, struct conn *c, struct message *m); /* NULL: a gap */
void sub_backlog_overflow(struct sub_backlog *b,
                          struct conn *c); /* empties it, as if it was full */
void sub_backlog_check(struct sub_backlog *b,
                       struct conn *c); /* the queue may have grown: is it full? */
void sub_backlog_clear(struct sub_backlog *b, struct conn *c); /* keeps has_gap */

#endif
