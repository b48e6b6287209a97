#include "broker/redis/redis_prefixes.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/table.h"

/* The prefix that ends with this level. It lives while it was added or has children. */
struct level {
    struct level *parent; /* NULL: the root, which is the empty prefix */
    struct list link;     /* among the children of its parent */
    struct list children;
    size_t n_children;
    size_t n_added;
    size_t n;    /* of the text */
    char text[]; /* ends in a slash */
};

struct prefixes {
    struct table levels; /* by parent and text */
    struct siphash_key key;
    struct level *root;
};

/* ---- the text of prefixes ---- */

struct str prefix_of(struct str pattern)
{
    struct str fixed = filter_fixed_prefix(pattern);
    size_t levels = 0, end = 0;

    if (fixed.n > 0 && fixed.p[fixed.n - 1] != '/')
        fixed.n++; /* the slash of `a/#` */
    for (size_t i = 0; i < fixed.n && levels < PREFIX_LEVELS; i++) {
        if (fixed.p[i] == '/') {
            levels++;
            end = i + 1;
        }
    }
    return str_make(pattern.p, end);
}

struct str prefix_common(struct str a, struct str b)
{
    size_t end = 0;

    for (size_t i = 0; i < a.n && i < b.n && a.p[i] == b.p[i]; i++) {
        if (a.p[i] == '/')
            end = i + 1;
    }
    return str_make(a.p, end);
}

/* Cuts the first level off. False: the prefix was empty. */
static bool cut_level(struct str *prefix, struct str *ret)
{
    const char *slash = prefix->n ? memchr(prefix->p, '/', prefix->n) : NULL;

    if (!slash)
        return false;
    *ret = str_make(prefix->p, (size_t)(slash - prefix->p) + 1);
    *prefix = str_skip(*prefix, ret->n);
    return true;
}

/* ---- levels ---- */

struct level_key {
    const struct level *parent;
    struct str text;
};

static bool is_level(const void *item, const void *key)
{
    const struct level *l = item;
    const struct level_key *k = key;

    return l->parent == k->parent && str_eq(str_make(l->text, l->n), k->text);
}

static uint32_t hash(const struct prefixes *p, const struct level *parent, struct str text)
{
    return (uint32_t)siphash(&p->key, (uintptr_t)parent, text);
}

static struct level *find_child(const struct prefixes *p, const struct level *l, struct str text)
{
    const struct level_key key = { l, text };

    return table_find(&p->levels, hash(p, l, text), is_level, &key);
}

static struct level *level_create(struct level *parent, struct str text)
{
    struct level *l = mem_zalloc(sizeof(*l) + text.n);

    l->parent = parent;
    list_init(&l->children);
    l->n = text.n;
    if (text.n)
        memcpy(l->text, text.p, text.n);
    return l;
}

static struct level *find(const struct prefixes *p, struct str prefix)
{
    struct level *l = p->root;
    struct str text;

    while (l && cut_level(&prefix, &text))
        l = find_child(p, l, text);
    return l;
}

void prefixes_add(struct prefixes *p, struct str prefix)
{
    struct level *l = p->root, *child;
    struct str text;

    while (cut_level(&prefix, &text)) {
        child = find_child(p, l, text);
        if (!child) {
            child = level_create(l, text);
            list_push(&l->children, &child->link);
            l->n_children++;
            table_add(&p->levels, child, hash(p, l, text));
        }
        l = child;
    }
    l->n_added++;
}

void prefixes_remove(struct prefixes *p, struct str prefix)
{
    struct level *l = find(p, prefix);

    assert(l && l->n_added > 0);
    l->n_added--;
    while (l->parent && l->n_added == 0 && l->n_children == 0) {
        struct level *parent = l->parent;

        table_remove(&p->levels, l, hash(p, parent, str_make(l->text, l->n)));
        list_remove(&l->link);
        parent->n_children--;
        free(l);
        l = parent;
    }
}

bool prefixes_any_below(const struct prefixes *p, struct str prefix)
{
    const struct level *l = find(p, prefix);

    return l && (l->n_added > 0 || l->n_children > 0);
}

/* ---- choosing ---- */

static void write_prefix(const struct level *l, struct prefix_text *ret)
{
    size_t at = 0;

    for (const struct level *it = l; it; it = it->parent)
        at += it->n;
    ret->n = at;
    for (; l; l = l->parent) {
        at -= l->n;
        memcpy(ret->p + at, l->text, l->n);
    }
}

/* Returns the chosen level that is best replaced by its children: one with the fewest, as long as
 * there is room for them. An added level cannot be replaced. */
static size_t find_split(const struct level *const *chosen, size_t n, size_t max)
{
    size_t best = n;

    for (size_t i = 0; i < n; i++) {
        if (chosen[i]->n_added == 0 && n - 1 + chosen[i]->n_children <= max &&
            (best == n || chosen[i]->n_children < chosen[best]->n_children))
            best = i;
    }
    return best;
}

size_t prefixes_choose(const struct prefixes *p, size_t max, struct prefix_text *ret)
{
    const struct level **chosen = mem_array(NULL, max, sizeof(const struct level *));
    size_t n = 1, split;

    chosen[0] = p->root;
    if (p->root->n_added == 0 && p->root->n_children == 0)
        n = 0;
    while ((split = find_split(chosen, n, max)) < n) {
        const struct level *l = chosen[split];

        chosen[split] = chosen[--n];
        list_for_each(it, &l->children) chosen[n++] = container_of(it, struct level, link);
    }
    for (size_t i = 0; i < n; i++)
        write_prefix(chosen[i], &ret[i]);
    free(chosen);
    return n;
}

struct prefixes *prefixes_create(void)
{
    struct prefixes *p = mem_alloc(sizeof(*p));

    *p = (struct prefixes){ .key = siphash_key_random() };
    p->root = level_create(NULL, str_make(NULL, 0));
    return p;
}

void prefixes_free(struct prefixes *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->levels.cap; i++)
        free(p->levels.slots[i].item);
    table_done(&p->levels);
    free(p->root);
    free(p);
}
