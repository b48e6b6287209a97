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

struct interest *interest_create(size_t n_ports);
void interest_free(struct interest *i); /* with the edges that are left */

/* Adds an edge. Returns true if no port wanted this filter before. The filter is valid, and
 * port < n_ports. */
bool interest_add(struct interest *i, struct str filter, size_t port);
/* Removes an edge. Returns true if no port wants this filter any longer. */
bool interest_remove(struct interest *i, struct str filter, size_t port);

bool interest_has(const struct interest *i, struct str filter);    /* exactly this filter */
bool interest_matches(const struct interest *i, struct str topic); /* any port wants it */
/* Sets ret[p] to true for each port p that wants the topic and leaves the others. Returns how many
 * it has set that were false. */
size_t interest_ports(const struct interest *i, struct str topic, bool *ret);

size_t interest_topic_count(const struct interest *i);   /* filters that are topics, each once */
size_t interest_pattern_count(const struct interest *i); /* filters that are patterns */

typedef void interest_fn(struct str topic, void *arg); /* must not change the interest */

/* Reports each wanted topic once, in no particular order; topics that only patterns match are not
 * among them. port: only what this port wants; INTEREST_ALL: what any port wants. */
#define INTEREST_ALL SIZE_MAX
void interest_each_topic(const struct interest *i, size_t port, interest_fn *fn, void *arg);
/* Reports whether this port (INTEREST_ALL: any port) wants a pattern. */
bool interest_has_pattern(const struct interest *i, size_t port);

#endif
