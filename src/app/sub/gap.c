/* gap.c - messages were lost on the way to this node: told to the subscriptions that asked for it.
 */
#include "app/sub/sub.h"
#include "broker/gaps.h"
#include "hub/topic.h"

static void tell(struct sub *s, struct str topic)
{
    if (!s->gaps)
        return;
    if (s->join)
        join_gap(s);
    else
        s->conn->writer->gap(s, topic);
}

void sub_gap(struct sub *s)
{
    char filter[TOPIC_MAX];

    tell(s, str_make(filter, trie_filter(&s->trie, filter)));
}

static void on_match(struct trie_sub *trie, void *arg)
{
    const struct str *topic = arg;

    tell(container_of(trie, struct sub, trie), *topic);
}

static void tell_all(struct worker *w)
{
    for (uint32_t i = 0; i < w->n_slots; i++) {
        struct conn *c = w->slots[i].conn;

        if (!c)
            continue;
        list_for_each(link, &c->subs) sub_gap(container_of(link, struct sub, link));
    }
}

void gap_to_all(struct worker *w, struct gaps *gaps)
{
    if (!gaps)
        tell_all(w);
    for (size_t i = 0; gaps && i < gaps->n; i++)
        trie_match(w->trie, gaps->topics[i], on_match, &gaps->topics[i]);
}
