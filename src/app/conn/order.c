/* order.c - a subscription takes effect before any later request of its connection.
 *
 * Problem: a client subscribes and publishes at once, without waiting for the answer, and relies on
 * getting its own message. But a subscription may have to wait until Redis sends the messages of
 * its filter to this node; a message that is published meanwhile does not reach it.
 *
 * Idea: a queue for each connection, with the subscriptions that are not live (S) and the requests
 * that came after them (R), in the order in which the client made them. Whenever the first entry
 * goes, the requests behind it go on, up to the next subscription:
 *
 *     S1 R1 R2 S2 R3      S2 goes live:   S1 R1 R2 R3
 *                         S1 goes live:   R1 R2 R3 go on, in this order
 *
 * So a request waits only for subscriptions that were made before it, and a client that subscribes
 * all the time still publishes. Invariant: the first entry is a subscription, or the queue is
 * empty. A connection without such a subscription has no queue, and its requests pay for one test
 * of a bit.
 *
 * The deadline of a request counts from the request, so a worker has a list of all requests that
 * wait. They all wait for at most BROKER_TIMEOUT: the list is in the order of their deadlines, and
 * one timer is enough.
 *
 * Connections for HTTP have no queue: they handle one request at a time.
 */
#include "app/conn/order.h"

#include <assert.h>

static void start_timer(struct worker *w)
{
    struct list *first = list_first(&w->held);
    uint64_t now_ms = loop_now(w->loop);
    uint64_t deadline;

    if (!first || timer_is_running(&w->held_timer))
        return;
    deadline = container_of(first, struct order, timed)->deadline;
    loop_timer(w->loop, &w->held_timer, deadline > now_ms ? deadline - now_ms : 0);
}

static void leave_queue(struct order *o)
{
    list_remove(&o->link);
    if (o->go)
        list_remove(&o->timed);
    o->conn->has_order = !list_empty(&o->conn->order);
}

void order_begin(struct conn *c, struct order *o)
{
    o->go = NULL;
    o->conn = c;
    if (!c->has_order)
        list_init(&c->order);
    c->has_order = true;
    list_push(&c->order, &o->link);
}

void order_end(struct order *o)
{
    struct conn *c = o->conn;
    struct list *link;

    if (!list_linked(&o->link))
        return;
    leave_queue(o);
    while (c->has_order && (link = list_first(&c->order))) {
        struct order *first = container_of(link, struct order, link);

        if (!first->go)
            return;
        leave_queue(first);
        first->go(first, false);
    }
}

void order_replace(struct order *o, struct order *by)
{
    if (!list_linked(&o->link))
        return;
    if (list_linked(&by->link))
        list_remove(&by->link);
    by->conn = o->conn;
    by->go = NULL;
    list_insert(&by->link, o->link.prev, &o->link);
    list_remove(&o->link);
}

bool order_must_wait(struct conn *c, struct order *o, uint64_t after_ms)
{
    struct worker *w = c->worker;

    if (!c->has_order)
        return false;
    assert(o->go);
    o->conn = c;
    o->deadline = loop_now(w->loop) + after_ms;
    list_push(&c->order, &o->link);
    list_push(&w->held, &o->timed);
    start_timer(w);
    return true;
}

static void on_timer(struct timer *t)
{
    struct worker *w = container_of(t, struct worker, held_timer);
    struct list *link;

    while ((link = list_first(&w->held))) {
        struct order *o = container_of(link, struct order, timed);

        if (o->deadline > loop_now(w->loop))
            break;
        leave_queue(o);
        o->go(o, true);
    }
    start_timer(w);
}

void order_init(struct worker *w)
{
    list_init(&w->held);
    timer_init(&w->held_timer, on_timer);
}
