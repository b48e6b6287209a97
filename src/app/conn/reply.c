/* reply.c - answers to requests, one by one or as the array of a batch.
 *
 * A request is answered at once, or when the broker has answered, or never (a notification). Its
 * handler does not know whether the request came alone or in a batch. It gets a struct reply, which
 * is the right to answer once: it sends the reply, or drops it, or passes it on (reply_take) to
 * whatever answers later. Either way, the reply is used up.
 *
 * The id. A reply borrows the id from the request, whose JSON is freed after the handler returns.
 * So whatever answers later has a copy, in the block of its own call (pending.c), and the reply
 * that it takes along refers to that copy.
 *
 * A batch counts its open replies, and one more for itself while it still has requests to execute.
 * Answers are collected in the order in which they come. At zero the array is sent:
 *
 *     [a, b, c] arrives                  n_open = 1
 *     a is answered at once              n_open = 2, then 1     "[A"
 *     b asks the broker                  n_open = 2             "[A"
 *     c is a notification                n_open = 3, then 2     "[A"
 *     no more requests (batch_close)     n_open = 1             "[A"
 *     b's answer comes                   n_open = 0             "[A,B]" is sent
 *
 * Messages of a subscription that the batch made must not come before the array, which holds its
 * confirmation. Such a subscription waits for the batch (batch_wait).
 *
 * When the client is gone, answers still come: the broker's calls cannot be taken back. They find
 * the connection by its ticket, or NULL, and then drop the reply, so that the batch still counts
 * down to zero and is freed.
 */
#include "app/conn/reply.h"

#include <assert.h>
#include <stdlib.h>

#include "app/conn/conn_input.h"
#include "app/conn/conn_output.h"
#include "app/conn/conn_ws.h"
#include "base/mem.h"

struct batch {
    struct worker *worker;
    struct conn_ref conn;
    struct jsonrpc_message message; /* empty once the batch is closed */
    size_t n_taken;                 /* requests that were executed */
    unsigned n_open;                /* open replies, and one while there are requests */
    struct buf answers;             /* "[", then the answers so far, separated by commas */
    struct list waiters;            /* of struct batch_waiter */
};

struct batch *batch_open(struct conn *c, struct jsonrpc_message message)
{
    struct batch *b = mem_zalloc(sizeof(*b));

    b->worker = c->worker;
    b->conn = c->ref;
    b->message = message;
    b->n_open = 1;
    list_init(&b->waiters);
    conn_call_began(c, 0); /* its requests count for themselves */
    return b;
}

bool batch_next(struct batch *b, size_t *ret_i)
{
    if (b->n_taken == b->message.n)
        return false;
    *ret_i = b->n_taken++;
    return true;
}

const struct jsonrpc_message *batch_message(const struct batch *b)
{
    return &b->message;
}

struct reply batch_reply(struct batch *b)
{
    b->n_open++;
    return (struct reply){ .batch = b };
}

void batch_wait(struct batch *b, struct batch_waiter *waiter)
{
    list_push(&b->waiters, &waiter->link);
}

/* Sends the array. A batch of notifications has none. */
static void send_array(struct batch *b, struct conn *c)
{
    size_t n = buf_used(&b->answers);

    c->collected -= n;
    if (n == 0)
        return;
    buf_add_char(&b->answers, ']');
    conn_ws_send(c, WS_OP_TEXT, bytes_copy(buf_str(&b->answers)));
}

/* Sends the array, then runs the waiters. The batch's own call ends last, since the waiters may
 * still send something. */
static void finish(struct batch *b)
{
    struct conn *c = conn_table_find(&b->worker->conns, b->conn);
    struct list *link;

    *loop_waiting(b->worker->loop) -= buf_used(&b->answers);
    if (c)
        send_array(b, c);
    while ((link = list_pop(&b->waiters))) {
        struct batch_waiter *waiter = container_of(link, struct batch_waiter, link);

        waiter->fn(waiter);
    }
    conn_call_ended(b->worker, c, 0);
    buf_done(&b->answers);
    free(b);
}

static void let_go(struct batch *b)
{
    assert(b->n_open > 0);
    if (--b->n_open == 0)
        finish(b);
}

void batch_close(struct batch *b)
{
    jsonrpc_free(&b->message);
    let_go(b);
}

/* Adds an answer to the array. One that does not fit ends the connection, like any other output. */
static void collect(struct batch *b, struct conn *c, struct bytes *answer)
{
    size_t n = answer->n + 1;

    if (conn_has_room(c, n)) {
        c->collected += n;
        *loop_waiting(b->worker->loop) += n;
        worker_output_changed(b->worker);
        buf_add_char(&b->answers, buf_used(&b->answers) ? ',' : '[');
        buf_add_str(&b->answers, bytes_str(answer));
    } else {
        conn_overflow(c);
    }
    shared_unref(&answer->shared);
}

struct reply reply_take(struct reply *from, struct str id_copy)
{
    struct reply taken = { .id = id_copy };

    if (id_copy.p) {
        taken.batch = from->batch;
        from->batch = NULL;
    }
    return taken;
}

void reply_drop(struct reply *r)
{
    struct batch *b = r->batch;

    r->batch = NULL;
    if (b)
        let_go(b);
}

static void reply_send(struct reply *r, struct conn *c, struct bytes *answer)
{
    if (r->batch)
        collect(r->batch, c, answer);
    else
        conn_ws_send(c, WS_OP_TEXT, answer);
    reply_drop(r);
}

void reply_result(struct reply *r, struct conn *c, struct str result)
{
    if (r->id.p)
        reply_send(r, c, jsonrpc_result(r->id, result));
    else
        reply_drop(r);
}

void reply_result_tree(struct reply *r, struct conn *c, json_t *result)
{
    if (r->id.p) {
        reply_send(r, c, jsonrpc_result_tree(r->id, result));
        return;
    }
    json_decref(result);
    reply_drop(r);
}

static enum metric refusal_of(int code)
{
    switch (code) {
    case JSONRPC_PARSE_ERROR: return METRIC_REFUSED_PARSE;
    case JSONRPC_INVALID_REQUEST: return METRIC_REFUSED_REQUEST;
    case JSONRPC_METHOD_NOT_FOUND: return METRIC_REFUSED_METHOD;
    case JSONRPC_NOT_ALLOWED: return METRIC_REFUSED_RIGHTS;
    case JSONRPC_BROKER: return METRIC_REFUSED_BROKER;
    default: return METRIC_REFUSED_PARAMS;
    }
}

void reply_error(struct reply *r, struct conn *c, int code, struct str why)
{
    metrics_inc(c->worker->metrics, refusal_of(code));
    if (r->id.p || code == JSONRPC_PARSE_ERROR || code == JSONRPC_INVALID_REQUEST)
        reply_send(r, c, jsonrpc_error(r->id, (enum jsonrpc_error)code, why));
    else
        reply_drop(r);
}
