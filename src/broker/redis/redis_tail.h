/* redis_tail.h - the messages that came live in the last moments, by topic. A subscription that
 * resumes soon gets its history from here, without Redis (redis_tail.c explains when).
 * Thread:  its user's. It does no I/O and reads no clock: marks and the time are arguments.
 * Owns:    a reference to each message, and copies of the names of topics.
 * Bounds:  config->tail_memory and REDIS_TAIL_BYTES, its own structs included, and
 *          REDIS_TAIL_MESSAGES of each topic.
 * Fails:   never. It does not answer a question unless it is certain of the whole answer.
 */
#ifndef EH_BROKER_REDIS_TAIL_H
#define EH_BROKER_REDIS_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/call.h"
#include "broker/config.h"

#define REDIS_TAIL_BYTES    (64u * 1024 * 1024) /* at most */
#define REDIS_TAIL_MESSAGES 1000 /* of a topic; fewer if the log of a topic holds fewer */

struct redis_tail;

/* The state of the feed, as the user knows it at the moment. */
struct redis_tail_marks {
    struct msgid from;       /* every message of the topic above it came through redis_tail_add */
    struct msgid high_water; /* ... or is still to come if it is above this, too */
    struct msgid posted;     /* the highest id that the asking worker has got */
    uint64_t now_ms;         /* of any clock that never steps back */
};

struct redis_tail *redis_tail_create(const struct broker_config *config);
void redis_tail_free(struct redis_tail *t);

/* Takes note of a live message, just before it moves the high-water mark. Borrows m. expires_ms is
 * as redis_payload_parse returns it. */
void redis_tail_add(struct redis_tail *t, struct message *m, uint64_t expires_ms,
                    struct msgid high_water, uint64_t now_ms);

/* Drops everything: the feed was interrupted, or Redis may have lost messages. From now on no
 * question is answered whose point is below this id. */
void redis_tail_clear(struct redis_tail *t, struct msgid id);

/* Drops the messages of a topic, which was purged up to this id. No question about it is answered
 * whose point is below the id. */
void redis_tail_purge(struct redis_tail *t, struct str topic, struct msgid id);

/* Answers a question as Redis would, or returns false and leaves it as it is. */
bool redis_tail_answer(const struct redis_tail *t, struct broker_history *h,
                       const struct redis_tail_marks *marks) EH_MUST_USE;

uint64_t redis_tail_clears(const struct redis_tail *t); /* how often it was cleared */
size_t redis_tail_bytes(const struct redis_tail *t);

#endif
