#include "app/sub/sub.h"

#include <stdlib.h>

#include "app/sub/join.h"
#include "base/mem.h"
#include "broker/broker.h"

struct sub *sub_open(struct conn *c, const struct sub_writer *writer, struct str filter,
                     struct str id, bool gaps)
{
    struct sub *s = mem_zalloc(sizeof(*s) + id.n);
    struct sub *duplicate;

    c->writer = writer;
    s->conn = c;
    s->last = broker_newest(c->worker->context->broker);
    s->gaps = gaps;
    s->id_n = (uint16_t)id.n;
    memcpy(s->id, id.p, id.n);
    trie_add(c->worker->trie, filter, &s->trie);
    duplicate = sub_find(c, filter); /* s is not in the list yet */
    if (duplicate)
        sub_close(duplicate);
    list_push(&c->subs, &s->link);
    c->n_subs++;
    metrics_inc(c->worker->metrics, METRIC_SUBSCRIPTIONS);
    return s;
}

void sub_close(struct sub *s)
{
    struct conn *c = s->conn;

    if (s->join)
        join_abandon(s, false);
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
