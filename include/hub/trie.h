/* trie.h - finds the subscribers whose filters match a topic.
 * Thread:  confined to one worker; no locks.
 * Owns:    its nodes and copies of the levels' text; a node goes when nobody needs it any more.
 * Borrows: struct trie_sub, which lives in its subscriber; trie_remove before that is freed.
 * Costs:   matching visits at most the nodes that lie on a path of the topic, with `+` and `#` as
 *          children, however many subscriptions there are. The children of all nodes are in one
 *          open-addressing table keyed by (parent, level), with a hash whose key is drawn at
 *          trie_create, since peers choose the levels. Adding a filter that is there is one link.
 *          A node takes 32 bytes and its text, and 21 to 43 bytes of the table. The table doubles
 *          and halves at once, not bit by bit.
 * Fails:   never, for a filter that filter_is_valid() accepted.
 */
#ifndef EH_HUB_TRIE_H
#define EH_HUB_TRIE_H

#include <stddef.h>

#include "base/list.h"
#include "base/str.h"

struct trie;
struct trie_node;

struct trie_sub {
    struct list link; /* in its node */
    struct trie_node *node;
};

typedef void trie_fn(struct trie_sub *s, void *arg); /* must not change the trie */

struct trie *trie_create(void);
void trie_free(struct trie *t); /* every sub removed before */
void trie_add(struct trie *t, struct str filter, struct trie_sub *s);
void trie_remove(struct trie *t, struct trie_sub *s);
/* The place that subs of this filter share; NULL when nobody needs it. */
const struct trie_node *trie_find(const struct trie *t, struct str filter);
void trie_match(const struct trie *t, struct str topic, trie_fn *fn, void *arg);
/* Those of exactly this filter. */
void trie_each(const struct trie *t, struct str filter, trie_fn *fn, void *arg);

/* The filter that a sub was added under: writes at most TOPIC_MAX bytes, returns the length. The
 * trie keeps the text once for all who share it. */
size_t trie_filter(const struct trie_sub *s, char *out);

size_t trie_node_count(const struct trie *t); /* for tests and metrics; 0 when nothing is in it */

#endif
