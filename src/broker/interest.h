/* interest.h - which filters this node wants, and for which ports: a port wants a filter while one
 * of its worker's clients is subscribed to it.
 * Thread:  the broker's.
 * Owns:    copies of the filters, one edge for each pair of filter and port.
 * Bounds:  an edge takes about 60 bytes besides the filter's nodes in the trie (hub/trie.h), which
 *          all ports share. The limits of subscriptions bound how many there are.
 * Ignores: an edge that exists is not added again, and one that does not exist is not removed. So
 *          a repeated call cannot make the counts wrong.
 * Costs:   adding and removing walk the levels of the filter and the ports that want it. A match
 *          visits the nodes on a path of the topic.
 */
#ifndef EH_BROKER_INTEREST_H
#define EH_BROKER_INTEREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct interest;

struct interest *interest_create(void);
void interest_free(struct interest *i); /* with the edges that are left */

/* Adds an edge. Returns true if no port wanted this filter, which is valid, before. */
bool interest_add(struct interest *i, struct str filter, size_t port);
/* Removes an edge. Returns true if no port wants this filter any longer. */
bool interest_remove(struct interest *i, struct str filter, size_t port);

bool interest_matches(const struct interest *i, struct str topic); /* any port wants it */

size_t interest_topic_count(const struct interest *i); /* filters that are topics, each once */
bool interest_has_pattern(const struct interest *i);

typedef void interest_fn(struct str topic, void *arg); /* must not change the interest */

/* Reports each wanted topic once, in no particular order; topics that only patterns match are not
 * among them. */
void interest_each_topic(const struct interest *i, interest_fn *fn, void *arg);

#endif
