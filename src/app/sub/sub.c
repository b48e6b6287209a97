#include "app/sub/sub.h"

#include <stdlib.h>

#include "app/conn/order.h"
#include "app/conn/reply.h"
#include "app/sub/join.h"
#include "app/sub/join_many.h"
#include "app/sub/wants.h"
#include "base/mem.h"
#include "broker/broker.h"

/* Requests that wait for the subscription that this one replaces will wait for this one: `place`
 * takes their place in the queue. */
static struct sub *create(struct conn *c, const struct sub_request *rq, struct str filter,
                          struct order *place)
{
    struct sub *s = mem_zalloc(sizeof(*s) + rq->id.n);
    struct sub *duplicate;

    s->conn = c;
    s->gaps = rq->gaps;
    s->id_n = (uint16_t)rq->id.n;
    memcpy(s->id, rq->id.p, rq->id.n);
    trie_add(c->worker->trie, filter, &s->trie);
    duplicate = sub_find(c, filter); /* s is not in the list yet */
    if (duplicate && duplicate->join)
        order_replace(join_order(duplicate), place);
    if (duplicate)
        sub_close(duplicate);
    list_push(&c->subs, &s->link);
    c->n_subs++;
    metrics_inc(c->worker->metrics, METRIC_SUBSCRIPTIONS);
    return s;
}

/* For a subscription that begins at once. */
static void begin(struct sub *s, const struct sub_request *rq, struct reply *reply)
{
    /* If the request asked for history, the log is disabled: `recovered` stays false. */
    const struct sub_joined joined = {
        .filter = rq->filter,
        .has_history = rq->log.from.kind != EVENTLOG_NONE,
        .gaps = rq->gaps,
        .from = s->last,
    };

    if (reply->batch)
        join_after(s, rq->filter, reply->batch);
    s->conn->writer->joined(s->conn, reply, &joined);
}

void sub_open(struct conn *c, const struct sub_writer *writer, const struct sub_request *rq,
              struct reply *reply)
{
    const struct context *context = c->worker->context;
    bool reads_history = rq->log.from.kind != EVENTLOG_NONE && context->config->enable_cache;
    struct order place = { .go = NULL };
    struct sub *s;

    c->writer = writer;
    s = create(c, rq, rq->filter, &place);
    s->last = broker_newest(context->broker);
    for (size_t i = 0; i < rq->n_more; i++)
        (void)create(c, rq, rq->more[i], &place); /* their `last` is zero: the first has the mark */
    if (reads_history || !join_filters_are_live(s, rq->n_more, false))
        join_start(s, rq, reads_history, reply);
    else
        begin(s, rq, reply);
    if (s->join && join_is_waiting(s))
        order_replace(&place, join_order(s));
    else
        order_end(&place);
}

void sub_close(struct sub *s)
{
    struct conn *c = s->conn;

    if (s->join)
        join_abandon(s, false);
    wants_leave(s);
    trie_remove(c->worker->trie, &s->trie);
    list_remove(&s->link);
    c->n_subs--;
    metrics_add(c->worker->metrics, METRIC_SUBSCRIPTIONS, -1);
    free(s);
}

void sub_close_all(struct conn *c)
{
    struct list *link;

    while ((link = list_first(&c->subs)))
        sub_close(container_of(link, struct sub, link));
}

void sub_end_all(struct conn *c)
{
    struct list *link;

    while ((link = list_first(&c->subs))) {
        struct sub *s = container_of(link, struct sub, link);

        if (s->join)
            join_abandon(s, true);
        sub_close(s);
    }
}

struct sub *sub_find(struct conn *c, struct str filter)
{
    const struct trie_node *node = trie_find(c->worker->trie, filter);

    if (!node)
        return NULL;
    list_for_each(link, &c->subs)
    {
        struct sub *s = container_of(link, struct sub, link);

        if (s->trie.node == node)
            return s;
    }
    return NULL;
}
