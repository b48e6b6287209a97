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

static void finish(struct pending *p, struct worker *w)
{
    struct conn *c = conn_table_find(&w->conns, p->conn);
    size_t bytes = p->bytes;

    if (c)
        c->expected -= p->expected;
    p->done(p, c);
    reply_drop(&p->reply);
    free(p);
    conn_call_ended(w, c, bytes);
}

static void on_answer(struct mail *m, void *owner)
{
    finish(container_of(container_of(m, struct broker_call, mail), struct pending, call), owner);
}

/* Goes on behind the subscriptions, with what is left of the time. */
static void on_turn(struct order *o, bool is_late)
{
    struct pending *p = container_of(o, struct pending, order);
    struct worker *w = o->conn->worker;
    uint64_t now_ms = loop_now(w->loop);

    if (is_late) {
        p->call.status = BROKER_NOT_DONE;
        finish(p, w);
        return;
    }
    p->call.timeout_ms = o->deadline > now_ms ? o->deadline - now_ms : 1;
    broker_call(w->context->broker, &p->call);
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
    p->order.go = on_turn;
    if (!order_must_wait(c, &p->order, p->call.timeout_ms))
        broker_call(c->worker->context->broker, &p->call);
}

uint64_t pending_timeout_ms(const struct worker *w)
{
    return w->context->config->broker_timeout * 1000;
}
