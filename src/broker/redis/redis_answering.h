/* redis_answering.h - answers calls with pages of the log: those that Redis has just answered, and
 * those that are in memory.
 * Thread:  the broker's.
 * Owns:    pages for replays, until the feed has joined again; recent pages (redis_pages.h).
 */
#ifndef EH_BROKER_REDIS_ANSWERING_H
#define EH_BROKER_REDIS_ANSWERING_H

#include "broker/redis/redis_questions.h"

struct redis_pages;
struct redis_pool;

struct redis_answering {
    struct redis_pool *pool;
    struct redis_pages *recent; /* which Redis has answered a moment ago */
    struct list catching_up;    /* calls, by mail.link: the feed brings what was published before */
    struct list held;           /* the same, behind that: until the feed has joined */
};

void redis_answering_init(struct redis_answering *p, struct redis_pool *pool);
void redis_answering_done(struct redis_answering *p);
void redis_answering_tick(struct redis_answering *p); /* now and then */

/* Answers a call, or returns false: Redis must be asked. */
bool redis_answering_from_memory(struct redis_answering *p, struct broker_call *call);
/* Takes note of an answer of Redis, `asked` being the question as it was, and n_live the channels
 * (redis_channels_live) when it was sent. */
void redis_answering_note(struct redis_answering *p, const struct broker_history *asked,
                          const struct broker_history *page, uint64_t n_live);
/* Answers all calls of a question. The first one has the page; those behind it get copies. */
void redis_answering_give(struct redis_answering *p, struct redis_question *q,
                          enum broker_status status);
/* A topic was purged up to this id: forgets its messages. */
void redis_answering_purge(struct redis_answering *p, struct str topic, struct msgid id);
void redis_answering_release(struct redis_answering *p); /* answers the calls that are held */

#endif
