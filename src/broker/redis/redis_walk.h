/* redis_walk.h - finds the names of the topics that a question about many topics reads: an index is
 * walked in Redis, question by question, or the node's own topics are taken.
 * Thread:  the broker's; pure.
 * Owns:    the names, each once. Borrows the interest.
 * Bounds:  max_bytes of names and max_topics. Beyond that is_cut is set, and the walk ends.
 */
#ifndef EH_BROKER_REDIS_WALK_H
#define EH_BROKER_REDIS_WALK_H

#include "broker/redis/redis_questions.h"
#include "broker/redis/redis_reply.h"
#include "broker/redis/redis_topic_list.h"
#include "hub/topic.h"

#define REDIS_INDEX_MAX 16 /* bytes of the name of an index */

struct interest;

struct redis_walk {
    const struct interest *wanted; /* NULL: all that match */
    size_t max_bytes;
    size_t max_topics;
    char filter[TOPIC_MAX];
    size_t filter_n;
    struct redis_topic_list topics;
    bool is_cut;    /* there were too many names */
    bool has_ended; /* no more names come */

    /* The position of the walk. */
    char index[REDIS_INDEX_MAX], at[TOPIC_MAX];
    size_t index_n, at_n;
};

/* wanted: of the topics that match, only those of this interest are read; NULL: all are. The walk
 * has ended at once if one question can ask for all of them. */
void redis_walk_init(struct redis_walk *w, struct str filter, const struct interest *wanted,
                     size_t max_bytes, size_t max_topics);
/* At the beginning: makes the walk bring the names in the order of bytes, and only those behind
 * `after`. Without `wanted`. */
void redis_walk_by_name(struct redis_walk *w, struct str after);
void redis_walk_done(struct redis_walk *w);

struct str redis_walk_filter(const struct redis_walk *w);
/* Makes *r, which has the numbers of the question, ask for the next names. */
void redis_walk_ask(const struct redis_walk *w, struct redis_reading *r);
void redis_walk_take(struct redis_walk *w, const struct redis_answer *a);

#endif
