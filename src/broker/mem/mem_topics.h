/* mem_topics.h - the topics that have entries, sorted by name in a skip list (Pugh). Sorted,
 * because history over a pattern reads the range of names that begin with its fixed prefix.
 * Thread:  the broker's; pure data.
 * Owns:    the topics and copies of their names.
 * Costs:   O(log n) to find, add and remove; the next in order is one pointer away.
 */
#ifndef EH_BROKER_MEM_TOPICS_H
#define EH_BROKER_MEM_TOPICS_H

#include "base/str.h"
#include "broker/mem/mem_ring.h"

#define MEM_TOPICS_LEVELS 12 /* one topic in four reaches the next level */

struct mem_topic {
    struct str name; /* follows `next` in the same block */
    struct mem_ring entries;
    struct msgid log_start; /* the highest id that MAX_CACHE_LENGTH removed before it expired */
    uint64_t trimmed_until; /* monotonic ms; when the last of those entries would have expired */
    struct msgid trimmed;   /* the highest of those that were not brief (mem_log.h) */
    unsigned height;
    struct mem_topic *next[];
};

struct mem_topics {
    size_t n;
    uint64_t random; /* state of the generator for heights */
    struct mem_topic *first[MEM_TOPICS_LEVELS];
};

void mem_topics_init(struct mem_topics *t);
void mem_topics_done(struct mem_topics *t); /* the entries must be gone, or freed by the caller */

struct mem_topic *mem_topics_find(struct mem_topics *t, struct str name); /* or NULL */
struct mem_topic *mem_topics_add(struct mem_topics *t,
                                 struct str name); /* the existing one, or a new one */
void mem_topics_remove(struct mem_topics *t, struct mem_topic *topic); /* and frees it */

/* Returns the first topic in order whose name is not below `name`, or NULL. */
struct mem_topic *mem_topics_from(struct mem_topics *t, struct str name);

#endif
