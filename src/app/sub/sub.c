#include "app/sub/sub.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "hub/topic.h"

struct str sub_id(const struct sub *s)
{
    return str_make(s->id, s->id_n);
}

/* The other subscription of this connection at the same place of the trie. */
static struct sub *find_twin(const struct sub *s)
{
    list_for_each(link, &s->conn->subs)
    {
        struct sub *other = container_of(link, struct sub, link);

        if (other != s && other->trie.node == s->trie.node)
            return other;
    }
    return NULL;
}

struct sub *sub_open(struct conn *c, struct str filter, struct str id, bool gaps)
{
    struct sub *s = mem_zalloc(sizeof(*s) + id.n);
    struct sub *twin;

    s->conn = c;
    s->last = c->worker->newest;
    s->gaps = gaps;
    s->id_n = (uint16_t)id.n;
    memcpy(s->id, id.p, id.n);
    trie_add(c->worker->trie, filter, &s->trie);
    twin = find_twin(s);
    if (twin)
        sub_close(twin);
    list_push(&c->subs, &s->link);
    c->n_subs++;
    metrics_inc(c->worker->metrics, METRIC_SUBSCRIPTIONS);
    return s;
}

void sub_close(struct sub *s)
{
    struct conn *c = s->conn;

    if (s->join)
        join_abandon(s);
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

void delivery_init(struct delivery *d, struct worker *w, struct message *m)
{
    d->message = m;
    d->worker = w;
    d->event[0] = d->event[1] = NULL;
    d->deflated_for = 0;
    d->head_n = 0;
    d->id_n = 0;
    d->n_sent = 0;
}

void sub_deliver(struct sub *s, struct delivery *d)
{
    struct message *m = d->message;

    if (!m->legacy) {
        if (msgid_cmp(m->id, s->last) <= 0)
            return;
        s->last = m->id;
    }
    if (s->conn->writer->message(s, d))
        d->n_sent++;
}

static void forget_deflated(struct delivery *d)
{
    for (size_t bits = WS_DEFLATE_MIN_BITS; bits <= WS_DEFLATE_MAX_BITS; bits++) {
        if (d->deflated_for & 1u << bits && d->deflated[bits])
            shared_unref(&d->deflated[bits]->shared);
    }
}

void delivery_done(struct delivery *d)
{
    if (d->deflated_for)
        forget_deflated(d);
    for (size_t i = 0; i < sizeof(d->event) / sizeof(d->event[0]); i++) {
        if (d->event[i])
            shared_unref(&d->event[i]->shared);
    }
    metrics_add(d->worker->metrics, METRIC_DELIVERIES, d->n_sent);
}

/* Only as good as this clock and the broker's agree. */
void delivery_observe(struct worker *w, const struct message *m, uint64_t n)
{
    uint64_t now = clock_wall_ms();

    if (n)
        metrics_observe_us(w->metrics, METRIC_DELIVERY_SECONDS,
                           now > m->id.ms ? (now - m->id.ms) * 1000 : 0, n);
}

static void on_match(struct trie_sub *trie, void *arg)
{
    struct sub *s = container_of(trie, struct sub, trie);
    struct delivery *d = arg;

    if (s->join)
        join_aside(s, d->message);
    else
        sub_deliver(s, d);
}

#define DEFLATED_PER_DELIVERY 16 /* bytes: both take a quarter of a microsecond */

/* What clients share is deflated once for each window that one of them asked for. */
static uint64_t cost_of(const struct delivery *d)
{
    uint64_t deflated = (uint64_t)__builtin_popcount(d->deflated_for) * d->message->body.n;

    return d->n_sent + deflated / DEFLATED_PER_DELIVERY;
}

uint64_t delivery_to_all(struct worker *w, struct message *m)
{
    struct delivery d;

    delivery_init(&d, w, m);
    trie_match(w->trie, m->topic, on_match, &d);
    delivery_observe(w, m, d.n_sent);
    delivery_done(&d);
    return cost_of(&d);
}
