#include "broker/interest.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "hub/topic.h"
#include "hub/trie.h"

/* One port wants one filter. */
struct edge {
    struct trie_sub sub;
    struct list of_port; /* the topics, or the patterns, of its port */
    struct list of_node; /* a topic that several ports want is in this list once */
    size_t port;
    bool is_pattern;
};

struct wanted {
    struct list topics;
    struct list patterns;
};

struct interest {
    struct trie *trie;
    struct list topics; /* of the node */
    size_t n_topics;
    size_t n_patterns;
    size_t n_ports;
    struct wanted ports[];
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

static size_t *count_of(struct interest *i, const struct edge *e)
{
    return e->is_pattern ? &i->n_patterns : &i->n_topics;
}

bool interest_add(struct interest *i, struct str filter, size_t port)
{
    struct edges found = find_edges(i, filter, port);
    bool is_first = !found.own && !found.other;
    struct edge *e;

    assert(port < i->n_ports);
    if (found.own)
        return false;
    e = mem_zalloc(sizeof(*e));
    e->port = port;
    e->is_pattern = filter_is_pattern(filter);
    trie_add(i->trie, filter, &e->sub);
    list_push(e->is_pattern ? &i->ports[port].patterns : &i->ports[port].topics, &e->of_port);
    if (is_first && !e->is_pattern)
        list_push(&i->topics, &e->of_node);
    if (is_first)
        (*count_of(i, e))++;
    return is_first;
}

bool interest_remove(struct interest *i, struct str filter, size_t port)
{
    struct edges found = find_edges(i, filter, port);
    bool is_last = !found.other;
    struct edge *e = found.own;

    if (!e)
        return false;
    if (is_last)
        (*count_of(i, e))--;
    list_remove(&e->of_port);
    if (list_linked(&e->of_node)) { /* another port's edge represents the topic from now on */
        list_remove(&e->of_node);
        if (!is_last)
            list_push(&i->topics, &found.other->of_node);
    }
    trie_remove(i->trie, &e->sub);
    free(e);
    return is_last;
}

/* ---- questions ---- */

bool interest_has(const struct interest *i, struct str filter)
{
    struct edges found = find_edges(i, filter, INTEREST_ALL);

    return found.other != NULL;
}

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

struct marks {
    bool *ports;
    size_t n;
};

static void mark_port(struct trie_sub *s, void *arg)
{
    struct marks *marks = arg;

    marks->n += !marks->ports[edge_of(s)->port];
    marks->ports[edge_of(s)->port] = true;
}

size_t interest_ports(const struct interest *i, struct str topic, bool *ret)
{
    struct marks marks = { .ports = ret };

    trie_match(i->trie, topic, mark_port, &marks);
    return marks.n;
}

size_t interest_topic_count(const struct interest *i)
{
    return i->n_topics;
}

size_t interest_pattern_count(const struct interest *i)
{
    return i->n_patterns;
}

bool interest_has_pattern(const struct interest *i, size_t port)
{
    return port == INTEREST_ALL ? i->n_patterns > 0 : !list_empty(&i->ports[port].patterns);
}

static void report(const struct edge *e, interest_fn *fn, void *arg)
{
    char text[TOPIC_MAX];
    size_t n = trie_filter(&e->sub, text);

    fn(str_make(text, n), arg);
}

void interest_each_topic(const struct interest *i, size_t port, interest_fn *fn, void *arg)
{
    if (port == INTEREST_ALL) {
        list_for_each(it, &i->topics) report(container_of(it, struct edge, of_node), fn, arg);
        return;
    }
    list_for_each(it, &i->ports[port].topics)
    {
        report(container_of(it, struct edge, of_port), fn, arg);
    }
}

struct interest *interest_create(size_t n_ports)
{
    struct interest *i = mem_zalloc(sizeof(*i) + n_ports * sizeof(i->ports[0]));

    i->trie = trie_create();
    i->n_ports = n_ports;
    list_init(&i->topics);
    for (size_t p = 0; p < n_ports; p++) {
        list_init(&i->ports[p].topics);
        list_init(&i->ports[p].patterns);
    }
    return i;
}

static void free_edges(struct interest *i, struct list *edges)
{
    list_for_each_safe(it, edges)
    {
        struct edge *e = container_of(it, struct edge, of_port);

        trie_remove(i->trie, &e->sub);
        free(e);
    }
}

void interest_free(struct interest *i)
{
    if (!i)
        return;
    for (size_t p = 0; p < i->n_ports; p++) {
        free_edges(i, &i->ports[p].topics);
        free_edges(i, &i->ports[p].patterns);
    }
    trie_free(i->trie);
    free(i);
}
