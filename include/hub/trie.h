/* trie.h - finds the subscribers whose filters match a topic.
 * Thread:  confined to one worker; no locks.
 * Owns:    its nodes and copies of the levels' text. A node is freed when no filter needs it.
 * Borrows: struct trie_sub, which is part of its subscriber; trie_remove it before that is freed.
 * Costs:   matching visits only nodes on a path of the topic, counting `+` and `#` as children, for
 *          any number of subscriptions. The children of all nodes are in one hash table
 *          (base/table.h) keyed by parent and level. Its hash key is drawn in trie_create, since
 *          peers choose the levels. Adding a filter that exists costs one link. A node takes 32
 *          bytes and its text, and 21 to 43 bytes of the table.
 * Fails:   never, for a filter that filter_is_valid() accepted.
 */
#ifndef EH_HUB_TRIE_H
#define EH_HUB_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
void trie_free(struct trie *t); /* after every sub was removed */
void trie_add(struct trie *t, struct str filter, struct trie_sub *s);
void trie_remove(struct trie *t, struct trie_sub *s);
/* Returns the node that the subs of this filter share; NULL if no filter needs it. */
const struct trie_node *trie_find(const struct trie *t, struct str filter);
/* Returns a byte of the user's that all subs of a filter share: 0 when the filter gets its first
 * sub. trie_filter_mark: NULL if the filter has no sub. */
uint8_t *trie_sub_mark(const struct trie_sub *s);
uint8_t *trie_filter_mark(const struct trie *t, struct str filter);
bool trie_is_only(const struct trie_sub *s); /* its filter has no other sub */
void trie_match(const struct trie *t, struct str topic, trie_fn *fn, void *arg);
/* Reports the subs of exactly this filter. */
void trie_each(const struct trie *t, struct str filter, trie_fn *fn, void *arg);

/* Writes the filter that a sub was added with, at most TOPIC_MAX bytes, and returns its length. The
 * trie keeps the text once for all subs that share it. */
size_t trie_filter(const struct trie_sub *s, char *out);

size_t trie_node_count(const struct trie *t); /* for tests; 0 if it is empty */

#endif
