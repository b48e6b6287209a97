/* redis_topic_list.h - the topics that one question reads: a list of names, each once.
 * Thread:  its owner's; pure.
 * Owns:    copies of the names. {0} is an empty list.
 * Bounds:  its user's, who asks for the bytes. They are at most 4 GiB.
 */
#ifndef EH_BROKER_REDIS_TOPIC_LIST_H
#define EH_BROKER_REDIS_TOPIC_LIST_H

#include "base/buf.h"
#include "base/siphash.h"
#include "base/table.h"

struct redis_topic_list {
    struct buf text; /* the names, one behind the other */
    uint32_t *ends;  /* of each in `text` */
    size_t n;
    size_t cap;
    struct table seen; /* their numbers, from 1 */
    struct siphash_key hash_key;
};

/* Adds the name, unless it is in the list. */
void redis_topic_list_add(struct redis_topic_list *t, struct str name);
/* No more names come: frees what only redis_topic_list_add needs. */
void redis_topic_list_end(struct redis_topic_list *t);
void redis_topic_list_done(struct redis_topic_list *t);

/* Returns the name as a view, which is valid until the next add. */
struct str redis_topic_list_at(const struct redis_topic_list *t, size_t i);
size_t redis_topic_list_bytes(const struct redis_topic_list *t);

#endif
