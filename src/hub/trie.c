#include "hub/trie.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "hub/topic.h"

#define CAP_MIN 16 /* slots; always a power of two */

/* One level of a filter. It lives while it has subs or children. */
struct trie_node {
    struct list subs;
    struct trie_node *parent; /* NULL: the root, which is no level and not in the table */
    uint32_t n_children;
    uint16_t n_text;
    bool has_plus; /* there is a child `+`, there is a child `#`: spares most lookups of them */
    bool has_hash;
    char text[];
};

/* The hash is kept, so that a probe looks only at the nodes whose hash it is, and growing at none.
 */
struct slot {
    struct trie_node *node; /* NULL: free */
    uint32_t hash;
};

/* Open addressing with linear probing. There are no tombstones: between a node's home slot and the
 * slot that it is in, none is free. */
struct trie {
    struct slot *slots;
    size_t cap; /* 0 before the first node */
    size_t count;
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

static bool is_child(const struct trie_node *node, const struct trie_node *parent, struct str text)
{
    return node->parent == parent && str_eq(text_of(node), text);
}

static struct trie_node *find_child(const struct trie *t, const struct trie_node *parent,
                                    struct str text)
{
    uint32_t hash;

    if (parent->n_children == 0)
        return NULL;
    hash = hash_child(t, parent, text);
    for (size_t i = hash & (t->cap - 1); t->slots[i].node; i = (i + 1) & (t->cap - 1)) {
        if (t->slots[i].hash == hash && is_child(t->slots[i].node, parent, text))
            return t->slots[i].node;
    }
    return NULL;
}

static void put_slot(struct trie *t, struct slot s)
{
    size_t i = s.hash & (t->cap - 1);

    while (t->slots[i].node)
        i = (i + 1) & (t->cap - 1);
    t->slots[i] = s;
}

static void resize(struct trie *t, size_t cap)
{
    struct slot *old = t->slots;
    size_t old_cap = t->cap;

    t->slots = mem_zalloc(cap * sizeof(*t->slots));
    t->cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].node)
            put_slot(t, old[i]);
    }
    free(old);
}

static void insert_slot(struct trie *t, struct slot s)
{
    if (t->count + 1 > t->cap / 4 * 3)
        resize(t, t->cap ? t->cap * 2 : CAP_MIN);
    put_slot(t, s);
    t->count++;
}

/* Empties slot i and closes the gap: what stands behind moves up, unless that were before its home.
 */
static void clear_slot(struct trie *t, size_t i)
{
    size_t mask = t->cap - 1;

    for (size_t j = (i + 1) & mask; t->slots[j].node; j = (j + 1) & mask) {
        size_t from_home = (j - t->slots[j].hash) & mask;

        if (from_home < ((j - i) & mask))
            continue;
        t->slots[i] = t->slots[j];
        i = j;
    }
    t->slots[i].node = NULL;
}

static void remove_slot(struct trie *t, const struct trie_node *node)
{
    size_t i = hash_child(t, node->parent, text_of(node)) & (t->cap - 1);

    while (t->slots[i].node != node)
        i = (i + 1) & (t->cap - 1);
    clear_slot(t, i);
    t->count--;
    if (t->cap > CAP_MIN && t->count < t->cap / 8)
        resize(t, t->cap / 2); /* a quarter full then, so it does not grow again at once */
}

/* ---- nodes ---- */

/* Notes in the parent that a `+` or `#` came or went. */
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
    insert_slot(t, (struct slot){ node, hash_child(t, parent, text) });
    parent->n_children++;
    set_wildcard(parent, text, true);
    return node;
}

static void node_free(struct trie *t, struct trie_node *node)
{
    remove_slot(t, node);
    node->parent->n_children--;
    set_wildcard(node->parent, text_of(node), false);
    free(node);
}

/* Frees node and what above it was there for its sake only. */
static void prune(struct trie *t, struct trie_node *node)
{
    while (node->parent && list_empty(&node->subs) && node->n_children == 0) {
        struct trie_node *parent = node->parent;

        node_free(t, node);
        node = parent;
    }
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
    assert(t->count == 0);
    free(t->root);
    free(t->slots);
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

void trie_remove(struct trie *t, struct trie_sub *s)
{
    struct trie_node *node = s->node;

    list_remove(&s->link);
    s->node = NULL;
    prune(t, node);
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

/* rest is what of the topic comes below node. Recursion is as deep as the topic has levels. */
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

/* Written from its end, level by level up to the root. */
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
    return t->count;
}
