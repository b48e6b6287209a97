/* reply.h - the answer to one request: sent by itself, or collected for the array of its batch. All
 * answers of WebSocket clients leave through this module.
 * Thread:  the connection's worker.
 * Rule:    a reply is sent or dropped once; either way it leaves its batch. A call that answers
 *          later takes the reply along (reply_take). A notification is never answered: sending to
 *          its reply drops it.
 * Batch:   counts its open replies. When the last one is sent or dropped, the array is sent and
 *          the waiters run. A batch counts as one unanswered call of its connection. The bounds of
 *          the connection hold for its requests, too: the rest waits in conn->batch. Collected
 *          answers count towards MAX_OUTPUT_QUEUE.
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

/* Moves the reply to a later answer, with a copy of its id. For a notification nothing is moved. */
struct reply reply_take(struct reply *from, struct str id_copy);

void reply_result(struct reply *r, struct conn *c, struct str result);   /* JSON text */
void reply_result_tree(struct reply *r, struct conn *c, json_t *result); /* takes the reference */
/* Answers with an error and counts it. Input that is not a request is answered without an id. */
void reply_error(struct reply *r, struct conn *c, int code, struct str why);
void reply_drop(struct reply *r); /* there will be no answer; the connection may be gone */

struct batch *batch_open(struct conn *c, struct jsonrpc_message message); /* takes the message */
const struct jsonrpc_message *batch_message(const struct batch *b);
bool batch_next(struct batch *b, size_t *ret_i); /* the next request of the message; false: none */
struct reply batch_reply(struct batch *b);       /* the reply of one more request */
void batch_close(struct batch *b);               /* executes no more requests */

/* Its fn runs after the array was sent, unless the waiter was unlinked before. */
struct batch_waiter {
    struct list link;
    void (*fn)(struct batch_waiter *waiter);
};
void batch_wait(struct batch *b, struct batch_waiter *waiter);

#endif
