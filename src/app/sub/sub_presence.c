#include "app/sub/sub_presence.h"

#include "app/sub/join.h"
#include "broker/broker.h"
#include "hub/topic.h"

struct counting {
    struct broker_count *part;
    uint32_t number; /* of this count; a connection that was counted has it */
};

/* Counts a connection once, however many of its subscriptions match. A subscription that waits for
 * its filter would not receive a message now. */
static void on_subscribed(struct trie_sub *trie, void *arg)
{
    const struct sub *s = container_of(trie, struct sub, trie);
    struct conn *c = s->conn;
    struct counting *counting = arg;
    struct presence *p = &counting->part->presence;

    if (c->count == counting->number || (s->join && join_is_waiting(s)))
        return;
    c->count = counting->number;
    p->count++;
    if (counting->part->wants_subs)
        presence_add_sub(p, auth_sub(c->auth));
}

void sub_presence_on_count(struct mail *m, void *owner)
{
    struct broker_count *part = container_of(m, struct broker_count, mail);
    struct worker *w = owner;
    struct counting counting = { .part = part, .number = ++w->n_counts };

    if (filter_is_pattern(part->filter))
        trie_each(w->trie, part->filter, on_subscribed, &counting);
    else
        trie_match(w->trie, part->filter, on_subscribed, &counting);
    broker_counted(part);
}
