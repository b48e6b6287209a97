#include "app/conn/pending.h"

#include <stdlib.h>

static void on_answer(struct mail *m, void *owner)
{
    struct pending *p =
        container_of(container_of(m, struct broker_call, mail), struct pending, call);
    struct worker *w = owner;
    struct conn *c = worker_find(w, p->conn);
    size_t bytes = p->bytes;

    if (c)
        c->expected -= p->expected;
    p->done(p, c);
    reply_drop(&p->reply);
    free(p);
    conn_call_ended(w, c, bytes);
}

void pending_start(struct pending *p, struct conn *c, enum broker_op op)
{
    p->worker = c->worker;
    p->conn = c->ref;
    p->call.answer = on_answer;
    p->call.port = c->worker->port;
    p->call.lane = c->ref.slot;
    p->call.op = op;
    c->expected += p->expected;
    conn_call_began(c, p->bytes);
    broker_call(p->worker->context->broker, &p->call);
}
