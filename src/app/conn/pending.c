#include "app/conn/pending.h"

#include <assert.h>
#include <stdlib.h>

#include "app/conn/conn_input.h"
#include "base/mem.h"

struct pending *pending_create(struct reply *reply, size_t text_bytes)
{
    size_t bytes = sizeof(struct pending) + reply->id.n + text_bytes;
    struct pending *p = mem_zalloc(bytes);

    p->bytes = bytes;
    p->end = p->texts;
    if (reply->id.p)
        p->reply = reply_take(reply, pending_copy(p, reply->id));
    return p;
}

struct str pending_copy(struct pending *p, struct str text)
{
    struct str copy = str_make(p->end, text.n);

    assert(p->end + text.n <= (char *)p + p->bytes);
    if (text.n)
        memcpy(p->end, text.p, text.n);
    p->end += text.n;
    return copy;
}

static void on_answer(struct mail *m, void *owner)
{
    struct pending *p =
        container_of(container_of(m, struct broker_call, mail), struct pending, call);
    struct worker *w = owner;
    struct conn *c = conn_table_find(&w->conns, p->conn);
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
    p->conn = c->ref;
    p->call.answer = on_answer;
    p->call.port = c->worker->port;
    p->call.lane = c->ref.slot;
    p->call.op = op;
    p->call.timeout_ms = pending_timeout_ms(c->worker);
    c->expected += p->expected;
    conn_call_began(c, p->bytes);
    broker_call(c->worker->context->broker, &p->call);
}

uint64_t pending_timeout_ms(const struct worker *w)
{
    return w->context->config->broker_timeout * 1000;
}
