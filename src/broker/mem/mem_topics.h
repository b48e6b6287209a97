/* mem_topics.h - the topics that have a log, sorted by name: a skip list (Pugh), since history over
 * a pattern reads the range of names that begin with the pattern's fixed prefix.
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
    struct str name; /* behind `next`, in the same block */
    struct mem_ring entries;
    struct msgid log_start; /* the highest id that MAX_CACHE_LENGTH removed before it expired */
    uint64_t lost_until;    /* ms; when the last of what it removed would have expired */
    unsigned height;
    struct mem_topic *next[];
};

struct mem_topics {
    size_t n;
    uint64_t random; /* for the heights */
    struct mem_topic *first[MEM_TOPICS_LEVELS];
};

void mem_topics_init(struct mem_topics *t);
void mem_topics_done(struct mem_topics *t); /* every ring empty or done before */

struct mem_topic *mem_topics_find(struct mem_topics *t, struct str name); /* or NULL */
struct mem_topic *mem_topics_add(struct mem_topics *t, struct str name);  /* found or new */
void mem_topics_remove(struct mem_topics *t, struct mem_topic *topic);    /* frees it */

/* The first topic in order whose name is not below `name`; NULL: none. */
struct mem_topic *mem_topics_from(struct mem_topics *t, struct str name);

#endif
