#include "hub/trie.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"
#include "hub/topic.h"

/* One level of a filter. It lives while it has subs or children. */
struct trie_node {
    struct list subs;
    struct trie_node *parent; /* NULL: the root, which is not a level and not in the table */
    uint32_t n_children;
    uint16_t n_text;
    bool has_plus : 1; /* it has a child `+`; saves most lookups of that child */
    bool has_hash : 1; /* the same for `#` */
    uint8_t mark;      /* the user's; 0 while the node has no subs */
    char text[];
};

struct trie {
    struct table children; /* of all nodes, by parent and level */
    struct siphash_key key;
    struct trie_node *root;
};

static struct str text_of(const struct trie_node *node)
{
    return str_make(node->text, node->n_text);
}

static struct trie_node *node_create(struct trie_node *parent, struct str text)
{
    struct trie_node *node = mem_alloc(sizeof(*node) + text.n);

    *node = (struct trie_node){ .parent = parent, .n_text = (uint16_t)text.n };
    list_init(&node->subs);
    if (text.n)
        memcpy(node->text, text.p, text.n);
    return node;
}

/* ---- the table of children ---- */

static uint32_t hash_child(const struct trie *t, const struct trie_node *parent, struct str text)
{
    return (uint32_t)siphash(&t->key, (uintptr_t)parent, text);
}

struct child_key {
    const struct trie_node *parent;
    struct str text;
};

static bool is_child(const void *item, const void *key)
{
    const struct trie_node *node = item;
    const struct child_key *k = key;

    return node->parent == k->parent && str_eq(text_of(node), k->text);
}

static struct trie_node *find_child(const struct trie *t, const struct trie_node *parent,
                                    struct str text)
{
    const struct child_key key = { parent, text };

    if (parent->n_children == 0)
        return NULL;
    return table_find(&t->children, hash_child(t, parent, text), is_child, &key);
}

/* ---- nodes ---- */

/* Records in the parent whether it has a child `+` or `#`. */
static void set_wildcard(struct trie_node *parent, struct str text, bool is_there)
{
    if (str_eq(text, STR("+")))
        parent->has_plus = is_there;
    else if (str_eq(text, STR("#")))
        parent->has_hash = is_there;
}

static struct trie_node *get_child(struct trie *t, struct trie_node *parent, struct str text)
{
    struct trie_node *node = find_child(t, parent, text);

    if (node)
        return node;
    node = node_create(parent, text);
    table_add(&t->children, node, hash_child(t, parent, text));
    parent->n_children++;
    set_wildcard(parent, text, true);
    return node;
}

static void node_free(struct trie *t, struct trie_node *node)
{
    table_remove(&t->children, node, hash_child(t, node->parent, text_of(node)));
    node->parent->n_children--;
    set_wildcard(node->parent, text_of(node), false);
    free(node);
}

struct trie *trie_create(void)
{
    struct trie *t = mem_alloc(sizeof(*t));

    *t = (struct trie){
        .key = siphash_key_random(),
        .root = node_create(NULL, str_make(NULL, 0)),
    };
    return t;
}

void trie_free(struct trie *t)
{
    if (!t)
        return;
    assert(t->children.count == 0);
    table_done(&t->children);
    free(t->root);
    free(t);
}

void trie_add(struct trie *t, struct str filter, struct trie_sub *s)
{
    struct trie_node *node = t->root;
    struct str level;

    assert(filter.n > 0 && filter.n <= TOPIC_MAX);
    while (str_cut(&filter, '/', &level))
        node = get_child(t, node, level);
    list_push(&node->subs, &s->link);
    s->node = node;
}

const struct trie_node *trie_find(const struct trie *t, struct str filter)
{
    const struct trie_node *node = t->root;
    struct str level;

    while (node && str_cut(&filter, '/', &level))
        node = find_child(t, node, level);
    return node;
}

uint8_t *trie_sub_mark(const struct trie_sub *s)
{
    return &s->node->mark;
}

uint8_t *trie_filter_mark(const struct trie *t, struct str filter)
{
    const struct trie_node *node = trie_find(t, filter);
    const struct list *first = node ? list_first(&node->subs) : NULL;

    return first ? trie_sub_mark(container_of(first, struct trie_sub, link)) : NULL;
}

bool trie_is_only(const struct trie_sub *s)
{
    return s->link.next == s->link.prev; /* the node's head */
}

void trie_remove(struct trie *t, struct trie_sub *s)
{
    struct trie_node *node = s->node;

    list_remove(&s->link);
    s->node = NULL;
    if (list_empty(&node->subs))
        node->mark = 0;
    /* Frees the node, and its ancestors, as far as they have no other child and no sub. */
    while (node->parent && list_empty(&node->subs) && node->n_children == 0) {
        struct trie_node *parent = node->parent;

        node_free(t, node);
        node = parent;
    }
}

/* ---- matching ---- */

struct match {
    const struct trie *trie;
    trie_fn *fn;
    void *arg;
};

static void report(const struct match *m, const struct trie_node *node)
{
    assert(node);
    list_for_each(it, &node->subs) m->fn(container_of(it, struct trie_sub, link), m->arg);
}

/* rest is the part of the topic below node. The recursion is as deep as the topic has levels. */
static void match_below(const struct match *m, const struct trie_node *node, struct str rest)
{
    const struct trie_node *child;
    struct str level;

    assert(node);
    if (node->has_hash)
        report(m, find_child(m->trie, node, STR("#")));
    if (!str_cut(&rest, '/', &level)) {
        report(m, node);
        return;
    }
    child = find_child(m->trie, node, level);
    if (child)
        match_below(m, child, rest);
    if (node->has_plus)
        match_below(m, find_child(m->trie, node, STR("+")), rest);
}

void trie_match(const struct trie *t, struct str topic, trie_fn *fn, void *arg)
{
    const struct match m = { .trie = t, .fn = fn, .arg = arg };

    match_below(&m, t->root, topic);
}

void trie_each(const struct trie *t, struct str filter, trie_fn *fn, void *arg)
{
    const struct match m = { .trie = t, .fn = fn, .arg = arg };
    const struct trie_node *node = trie_find(t, filter);

    if (node)
        report(&m, node);
}

/* Builds the filter from its end, level by level up to the root. */
size_t trie_filter(const struct trie_sub *s, char *out)
{
    char text[TOPIC_MAX];
    size_t at = sizeof(text);

    for (const struct trie_node *node = s->node; node->parent; node = node->parent) {
        if (node != s->node)
            text[--at] = '/';
        at -= node->n_text;
        memcpy(text + at, node->text, node->n_text);
    }
    memcpy(out, text + at, sizeof(text) - at);
    return sizeof(text) - at;
}

size_t trie_node_count(const struct trie *t)
{
    return t->children.count;
}
