#include "app/sub/sub_backlog.h"

#include <stdlib.h>

#include "app/conn/conn_output.h"
#include "base/mem.h"
#include "hub/message.h"

#define COST 128 /* of a message besides its body: its head and its unit in the queue */

/* Reports whether the backlog may grow by that many bytes. Unlike conn_has_room, it makes no
 * exception for an empty queue: a message that does not fit is not lost here, however large it
 * is. */
static bool has_room(const struct conn *c, size_t more)
{
    return conn_waiting(c) + more <= c->worker->context->config->max_output_queue;
}

void sub_backlog_clear(struct sub_backlog *b, struct conn *c)
{
    size_t *waiting = loop_waiting(c->worker->loop);

    c->backlog_bytes -= b->bytes;
    for (size_t i = 0; i < b->n; i++) {
        if (b->messages[i])
            *waiting -= shared_unref_waiting(&b->messages[i]->shared);
    }
    free(b->messages);
    *b = (struct sub_backlog){ .has_gap = b->has_gap };
}

void sub_backlog_overflow(struct sub_backlog *b, struct conn *c)
{
    if (!c->worker->context->config->enable_cache)
        conn_overflow(c);
    sub_backlog_clear(b, c);
    b->has_gap = true;
}

void sub_backlog_check(struct sub_backlog *b, struct conn *c)
{
    if (b->n && !has_room(c, 0))
        sub_backlog_overflow(b, c);
}

void sub_backlog_add(struct sub_backlog *b, struct conn *c, struct message *m)
{
    size_t cost = (m ? m->body.n : 0) + COST;

    if (!has_room(c, cost)) {
        sub_backlog_overflow(b, c);
        return;
    }
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 16;
        b->messages = mem_array(b->messages, b->cap, sizeof(b->messages[0]));
    }
    b->messages[b->n++] = m;
    if (m)
        *loop_waiting(c->worker->loop) += shared_ref_waiting(&m->shared);
    worker_output_changed(c->worker);
    b->bytes += cost;
    c->backlog_bytes += cost;
}
