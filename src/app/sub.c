#include "app/sub.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "proto/jsonrpc.h"
#include "proto/ws.h"

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

struct sub *sub_open(struct conn *c, struct str filter, struct str id)
{
    struct sub *s = mem_zalloc(sizeof(*s) + id.n);
    struct sub *twin;

    s->conn = c;
    s->last = c->worker->newest;
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
    d->head_n = 0;
    d->id_n = 0;
    d->n_sent = 0;
}

static void append(struct delivery *d, struct str s)
{
    assert(d->head_n + s.n <= sizeof(d->head));
    memcpy(d->head + d->head_n, s.p, s.n);
    d->head_n = (uint16_t)(d->head_n + s.n);
}

/* The frame's head and the envelope in front of the shared body; most subscribers of a topic have
 * the same id, so it is seldom made anew. */
static void make_head(struct delivery *d, struct str id)
{
    static const struct str before = { "{\"id\":", 6 };
    static const struct str after = { ",\"jsonrpc\":\"2.0\",\"result\":", 26 };
    uint64_t payload = before.n + id.n + after.n + d->message->body.n;

    if (d->head_n && str_eq(id, str_make(d->id, d->id_n)))
        return;
    d->head_n = (uint16_t)ws_encode_head(d->head, WS_OP_TEXT, payload);
    append(d, before);
    append(d, id);
    append(d, after);
    memcpy(d->id, id.p, id.n);
    d->id_n = (uint16_t)id.n;
}

_Static_assert(sizeof(((struct delivery *)0)->id) >= JSONRPC_ID_MAX, "every id fits");

void sub_deliver(struct sub *s, struct delivery *d)
{
    struct message *m = d->message;

    if (!m->foreign) {
        if (msgid_cmp(m->id, s->last) <= 0)
            return;
        s->last = m->id;
    }
    make_head(d, sub_id(s));
    if (conn_send(s->conn, str_make(d->head, d->head_n), &m->shared, m->body))
        d->n_sent++;
}

void delivery_done(const struct delivery *d)
{
    metrics_add(d->worker->metrics, METRIC_DELIVERIES, d->n_sent);
}

/* Only as good as this clock and the broker's agree. */
static void observe_latency(const struct delivery *d)
{
    uint64_t now = clock_wall_ms();
    uint64_t then = d->message->id.ms;

    metrics_observe_us(d->worker->metrics, METRIC_DELIVERY_SECONDS,
                       now > then ? (now - then) * 1000 : 0, d->n_sent);
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

void delivery_to_all(struct worker *w, struct message *m)
{
    struct delivery d;

    delivery_init(&d, w, m);
    trie_match(w->trie, m->topic, on_match, &d);
    if (d.n_sent)
        observe_latency(&d);
    delivery_done(&d);
}
