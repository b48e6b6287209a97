/* redis_merge.h - entries of many topics, in the order of their ids. The topics are divided into
 * chunks, and each chunk is read from Redis with a cursor of its own.
 * Thread:  the broker's; pure.
 * Owns:    the entries that it holds, and the gaps of chunks.
 * Bounds:  its user asks for few enough entries (redis_merge_share). Entries of a chunk beyond
 *          max_held are dropped, except for its first one, and read again later.
 */
#ifndef EH_BROKER_REDIS_MERGE_H
#define EH_BROKER_REDIS_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/gaps.h"

struct redis_chunk {
    struct message **items; /* from `at` on: not yet taken */
    size_t at;
    size_t n;
    struct msgid read; /* entries up to this id were read, and are among the items or were taken */
    bool has_more;     /* there may be entries above it */
    bool is_lost;      /* its last answer told that messages of unknown topics are missing */
    struct gaps *gaps; /* that its last answer told; without topics that had an entry since then */
};

struct redis_merge {
    struct redis_chunk *chunks;
    size_t n_chunks;
    struct redis_chunk **heap; /* of those with more entries */
    size_t n_heap;
    struct msgid passed; /* entries up to this id were taken, or are not wanted */
    size_t held;         /* bytes of all items */
    size_t max_held;
};

/* No chunk has been read; entries after this id are wanted. */
void redis_merge_init(struct redis_merge *m, size_t n_chunks, size_t max_held, struct msgid after);
void redis_merge_done(struct redis_merge *m);

void redis_merge_skip(struct redis_merge *m, struct msgid id); /* entries up to it are not wanted */
/* Returns the chunk that has the next entry, or may have it if it is empty: then it must be read
 * from `read` on. NULL: there are no more entries. */
struct redis_chunk *redis_merge_first(struct redis_merge *m);
bool redis_chunk_is_empty(const struct redis_chunk *c);
/* An entry of the topic is behind the gap that the chunk has. */
void redis_chunk_end_gap(struct redis_chunk *c, struct str topic);
/* Adds what was read of the first chunk, which was empty: the entries up to the id `read`. Takes
 * the items and their array. */
void redis_merge_add(struct redis_merge *m, struct message **items, size_t n, struct msgid read,
                     bool has_more);
/* Drops what is held, except for this chunk (NULL: none), so that it is read again. */
void redis_merge_forget(struct redis_merge *m, const struct redis_chunk *except);
/* Takes the first entry of the first chunk, which has one. The caller's. */
struct message *redis_merge_pop(struct redis_merge *m);

/* Bytes of entries that one chunk may be asked for, so that those of all chunks can be held. There
 * are chunks. */
size_t redis_merge_share(const struct redis_merge *m);

#endif
