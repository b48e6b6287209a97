/* redis_questions.h - the questions about the log that one command asks (scripts/history.lua).
 * Thread:  the broker's.
 * Owns:    the calls, from add or share until its user takes them out of the lists.
 * Bounds:  REDIS_QUESTIONS_MAX questions; REDIS_QUESTION_CALLS may share one, so that the answers
 *          do not hold up the broker's thread for long.
 */
#ifndef EH_BROKER_REDIS_QUESTIONS_H
#define EH_BROKER_REDIS_QUESTIONS_H

#include "broker/redis/redis_command.h"
#include "broker/redis/redis_queue.h"

#define REDIS_QUESTION_CALLS 1000

/* The calls that one answer is for: they ask the same. */
struct redis_question {
    struct list calls; /* mail.link; the first call is asked */
    size_t n_calls;
};

struct redis_questions {
    struct list link;    /* its user's */
    struct msgid newest; /* its user's: the highest id that was known when the command was sent */
    uint64_t n_live;     /* its user's: redis_channels_live at that time */
    uint64_t deadline;   /* its user's: of the command; 0: none */
    size_t n;
    struct redis_question questions[REDIS_QUESTIONS_MAX];
};

static inline struct broker_call *redis_question_call(const struct redis_question *q)
{
    return redis_queue_call(q->calls.next);
}

/* Returns a question that asks the same as the call and has room for it; otherwise NULL. */
struct redis_question *redis_questions_find(struct redis_questions *qs,
                                            const struct broker_call *call);
void redis_questions_add(struct redis_questions *qs, struct broker_call *call);
void redis_question_join(struct redis_question *q, struct broker_call *call);
/* Takes calls out of the queue that ask one of the questions, too. It looks at the first ones
 * only. */
void redis_questions_share(struct redis_questions *qs, struct redis_queue *queue);

/* Makes the command for n questions, 1 to REDIS_QUESTIONS_MAX. Its texts are in
 * names->questions. */
void redis_questions_command(struct redis_command *c, struct redis_names *names,
                             const struct broker_config *config,
                             const struct broker_history *const *questions, size_t n);

#endif
