#include "app/sub/sub_presence.h"

#include "app/sub/join.h"
#include "broker/broker.h"
#include "hub/topic.h"

struct counting {
    struct presence *presence;
    bool wants_subs;
    uint32_t number; /* of this count; a connection that was counted has it */
    size_t n_subscriptions;
};

/* Counts a connection once, however many of its subscriptions match. A subscription that waits for
 * its filter would not receive a message now. */
static void on_subscribed(struct trie_sub *trie, void *arg)
{
    const struct sub *s = container_of(trie, struct sub, trie);
    struct conn *c = s->conn;
    struct counting *counting = arg;
    struct presence *p = counting->presence;

    counting->n_subscriptions++;
    if (c->count == counting->number || (s->join && join_is_waiting(s)))
        return;
    c->count = counting->number;
    p->count++;
    if (counting->wants_subs)
        presence_add_sub(p, auth_sub(c->auth));
}

size_t sub_presence_count(struct worker *w, struct str filter, bool wants_subs, struct presence *p)
{
    struct counting counting = {
        .presence = p,
        .wants_subs = wants_subs,
        .number = ++w->n_counts,
    };

    if (filter_is_pattern(filter))
        trie_each(w->trie, filter, on_subscribed, &counting);
    else
        trie_match(w->trie, filter, on_subscribed, &counting);
    return counting.n_subscriptions;
}

void sub_presence_on_count(struct mail *m, void *owner)
{
    struct broker_count *part = container_of(m, struct broker_count, mail);

    (void)sub_presence_count(owner, part->filter, part->wants_subs, &part->presence);
    broker_counted(part);
}
