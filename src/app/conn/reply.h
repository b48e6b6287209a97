/* reply.h - where the answer to a request goes: out by itself, or into the array of its batch. It
 * is the one place where an answer leaves.
 * Thread:  the connection's worker.
 * Rule:    a reply is sent or dropped once; both leave it without its batch. What answers later
 *          takes the reply along (reply_take). A notification is never answered: sending to it is
 *          dropping it.
 * Batch:   counts the replies that are not there yet; the array goes out when the last has come or
 *          was dropped, and what waits for it runs then. A batch counts as one unanswered call of
 *          its connection, to whose bounds its requests are held: the rest waits in conn->batch.
 *          What it has collected counts towards MAX_OUTPUT_QUEUE.
 */
#ifndef EH_APP_REPLY_H
#define EH_APP_REPLY_H

#include "app/conn/conn.h"
#include "proto/jsonrpc.h"

struct batch;

struct reply {
    struct str id;       /* JSON text; {NULL, 0}: a notification, or no id could be read */
    struct batch *batch; /* NULL: none */
};

/* The reply with a copy of its id, for a later answer. That of a notification is not waited for. */
struct reply reply_take(struct reply *from, struct str id_copy);

void reply_result(struct reply *r, struct conn *c, struct str result);   /* JSON text */
void reply_result_tree(struct reply *r, struct conn *c, json_t *result); /* takes the reference */
/* Counts it too. What could not be read as a request is answered without an id as well. */
void reply_error(struct reply *r, struct conn *c, int code, struct str why);
void reply_drop(struct reply *r); /* no answer will come; the connection may be gone */

struct batch *batch_open(struct conn *c, json_t *requests); /* takes the array */
const json_t *batch_next(struct batch *b); /* request, until the batch is closed; NULL: none */
struct reply batch_reply(struct batch *b); /* to one more request */
void batch_close(struct batch *b);         /* no more of them are executed */

/* Runs after the array was sent; unlinking it before is allowed. */
struct batch_waiter {
    struct list link;
    void (*fn)(struct batch_waiter *waiter);
};
void batch_wait(struct batch *b, struct batch_waiter *waiter);

#endif
