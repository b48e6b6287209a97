/* redis_pages.h - the pages of history that Redis answered a moment ago. A crowd that resumes from
 * the same point costs Redis one page (redis_pages.c explains which questions a page answers).
 * Thread:  its user's. It does no I/O and reads no clock.
 * Owns:    a reference to each message, and copies of the names of topics.
 * Borrows: the tail, which must outlive it. Pages read before the tail was cleared are not used.
 * Bounds:  max_bytes, its own structs included; a page has at most REDIS_PAGES_ENTRIES messages and
 *          REDIS_PAGES_PAGE_BYTES.
 * Fails:   never. It does not answer a question unless it is certain of the whole answer.
 */
#ifndef EH_BROKER_REDIS_PAGES_H
#define EH_BROKER_REDIS_PAGES_H

#include "broker/redis/redis_tail.h"

#define REDIS_PAGES_MS         1000 /* for which a page is kept */
#define REDIS_PAGES_BYTES      (8u * 1024 * 1024)
#define REDIS_PAGES_ENTRIES    64
#define REDIS_PAGES_PAGE_BYTES (32u * 1024)

struct redis_pages;

struct redis_pages *redis_pages_create(const struct redis_tail *tail, size_t max_bytes);
void redis_pages_free(struct redis_pages *p);

/* Takes note of an answer of Redis, `asked` being the question as it was. Ignores all but complete
 * answers to questions about a topic after an id. */
void redis_pages_add(struct redis_pages *p, const struct broker_history *asked,
                     const struct broker_history *answer, uint64_t now_ms);

/* Answers a question from a page and what the tail has after it, or returns false and leaves it as
 * it is. */
bool redis_pages_answer(struct redis_pages *p, struct broker_history *h,
                        const struct redis_tail_marks *marks) EH_MUST_USE;

void redis_pages_purge(struct redis_pages *p, struct str topic); /* forgets the topic's pages */
void redis_pages_expire(struct redis_pages *p, uint64_t now_ms); /* frees what is too old */
size_t redis_pages_bytes(const struct redis_pages *p);

#endif
