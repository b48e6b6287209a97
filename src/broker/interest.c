#include "broker/interest.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "hub/trie.h"

/* One port wants one filter. */
struct edge {
    struct trie_sub sub;
    struct list all;
    struct list topics; /* a topic that several ports want is in this list once */
    size_t port;
};

struct interest {
    struct trie *trie;
    struct list all;
    struct list topics;
    size_t n_topics;   /* each once */
    size_t n_patterns; /* the same */
};

static struct edge *edge_of(struct trie_sub *s)
{
    return container_of(s, struct edge, sub);
}

/* ---- edges ---- */

struct edges {
    size_t port;
    struct edge *own;   /* of the port */
    struct edge *other; /* of some other port */
};

static void take_edge(struct trie_sub *s, void *arg)
{
    struct edges *found = arg;

    if (edge_of(s)->port == found->port)
        found->own = edge_of(s);
    else
        found->other = edge_of(s);
}

static struct edges find_edges(const struct interest *i, struct str filter, size_t port)
{
    struct edges found = { .port = port };

    trie_each(i->trie, filter, take_edge, &found);
    return found;
}

static size_t *count_of(struct interest *i, struct str filter)
{
    return filter_is_pattern(filter) ? &i->n_patterns : &i->n_topics;
}

bool interest_add(struct interest *i, struct str filter, size_t port)
{
    struct edges found = find_edges(i, filter, port);
    bool is_first = !found.own && !found.other;
    struct edge *e;

    if (found.own)
        return false;
    e = mem_zalloc(sizeof(*e));
    e->port = port;
    trie_add(i->trie, filter, &e->sub);
    list_push(&i->all, &e->all);
    if (is_first && !filter_is_pattern(filter))
        list_push(&i->topics, &e->topics);
    *count_of(i, filter) += is_first;
    return is_first;
}

bool interest_remove(struct interest *i, struct str filter, size_t port)
{
    struct edges found = find_edges(i, filter, port);
    bool is_last = !found.other;
    struct edge *e = found.own;

    if (!e)
        return false;
    *count_of(i, filter) -= is_last;
    list_remove(&e->all);
    if (list_linked(&e->topics)) { /* another port's edge represents the topic from now on */
        list_remove(&e->topics);
        if (!is_last)
            list_push(&i->topics, &found.other->topics);
    }
    trie_remove(i->trie, &e->sub);
    free(e);
    return is_last;
}

/* ---- questions ---- */

static void note_match(struct trie_sub *s, void *arg)
{
    (void)s;
    *(bool *)arg = true;
}

bool interest_matches(const struct interest *i, struct str topic)
{
    bool is_matched = false;

    trie_match(i->trie, topic, note_match, &is_matched);
    return is_matched;
}

size_t interest_topic_count(const struct interest *i)
{
    return i->n_topics;
}

bool interest_has_pattern(const struct interest *i)
{
    return i->n_patterns > 0;
}

void interest_each_topic(const struct interest *i, interest_fn *fn, void *arg)
{
    list_for_each(it, &i->topics)
    {
        char text[TOPIC_MAX];
        size_t n = trie_filter(&container_of(it, struct edge, topics)->sub, text);

        fn(str_make(text, n), arg);
    }
}

struct interest *interest_create(void)
{
    struct interest *i = mem_zalloc(sizeof(*i));

    i->trie = trie_create();
    list_init(&i->all);
    list_init(&i->topics);
    return i;
}

void interest_free(struct interest *i)
{
    if (!i)
        return;
    list_for_each_safe(it, &i->all)
    {
        struct edge *e = container_of(it, struct edge, all);

        trie_remove(i->trie, &e->sub);
        free(e);
    }
    trie_free(i->trie);
    free(i);
}
