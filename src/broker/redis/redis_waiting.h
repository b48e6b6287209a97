/* redis_waiting.h - calls for pages of the log that wait until Redis is asked, and the questions
 * that are under way.
 * Thread:  the broker's.
 * Order:   two queues, for calls with a deadline (urgent) and without one (patient). The call that
 *          has waited longest comes first.
 * Owns:    the calls in the queues, and those of questions until their user answers them.
 */
#ifndef EH_BROKER_REDIS_WAITING_H
#define EH_BROKER_REDIS_WAITING_H

#include "broker/redis/redis_questions.h"

struct redis_waiting {
    struct core *core;
    struct redis_queue urgent;
    struct redis_queue patient;
    struct list under_way; /* struct redis_questions */
};

void redis_waiting_init(struct redis_waiting *w, struct core *core);
void redis_waiting_done(struct redis_waiting *w); /* answers the calls in the queues */

/* Puts a call into its queue. Returns false if the call shares a question that is under way
 * instead. */
bool redis_waiting_add(struct redis_waiting *w, struct broker_call *call);
bool redis_waiting_has_urgent(struct redis_waiting *w);

/* Takes the calls that have waited longest: some questions about topics, or one about a pattern if
 * takes_patterns is set. They are under way, and have the deadline of the last call. NULL: none
 * waits. The caller's. */
struct redis_questions *redis_waiting_collect(struct redis_waiting *w, bool only_urgent,
                                              bool takes_patterns);
/* A topic was purged: marks the questions under way that may have its messages as outdated. They
 * are no longer shared. */
void redis_waiting_outdate(struct redis_waiting *w, struct str topic);
/* Puts the calls that were not answered back in front of their queues, in the order in which they
 * were taken. */
void redis_waiting_return(struct redis_waiting *w, struct redis_questions *qs);

#endif
