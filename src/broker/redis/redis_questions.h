/* redis_questions.h - the questions about the log that one command asks (scripts/history.lua), and
 * the calls that wait for the answers.
 * Thread:  the broker's.
 * Owns:    the calls, from add or share until its user takes them out of the lists.
 * Bounds:  REDIS_QUESTIONS_MAX questions; REDIS_QUESTION_CALLS may share one, so that the answers
 *          do not hold up the broker's thread for long.
 */
#ifndef EH_BROKER_REDIS_QUESTIONS_H
#define EH_BROKER_REDIS_QUESTIONS_H

#include "broker/redis/redis_command.h"
#include "broker/redis/redis_queue.h"
#include "hub/topic.h"

struct redis_link;
struct redis_plan;

#define REDIS_QUESTION_CALLS 1000
#define REDIS_TOPICS_MAX     200 /* of one command */

/* A question in the words of the script. */
enum redis_reading_kind {
    REDIS_READ_PAGE,
    REDIS_READ_IDS,
    REDIS_READ_NAMES,
    REDIS_READ_LATEST,
    REDIS_READ_EXACT,
    REDIS_READ_STATES,
};

struct redis_reading {
    enum redis_reading_kind kind;
    const struct str *topics; /* borrowed */
    size_t n_topics;
    const struct msgid *ids; /* EXACT: of the entry of each topic, increasing; borrowed */
    struct msgid point;      /* the answer says what is missing after it */
    struct msgid from;       /* the first id that is read */
    struct msgid end;        /* zero: the last id that was issued */
    int64_t since;
    uint32_t newest, max_entries, max_bytes;
    /* Names only. */
    size_t n_wanted;      /* how many topics the node wants; SIZE_MAX: all */
    struct str filter;    /* a pattern */
    struct str index, at; /* of the answer before; empty: the first question */
};

/* The calls that one answer is for: they ask the same. */
struct redis_question {
    struct list calls; /* mail.link; the first call is asked */
    size_t n_calls;
};

struct redis_questions {
    /* Its user's: */
    struct list link;
    struct msgid newest;     /* the highest id that was known when the first command was sent */
    uint64_t n_live;         /* redis_channels_live at that time */
    uint64_t deadline;       /* of the command; 0: none */
    struct redis_plan *plan; /* of the one question, if it needs one; else NULL */
    struct list turn;        /* until the plan's next question is sent */
    enum redis_reading_kind step; /* what the plan has asked, */
    int64_t since;
    struct redis_link *via; /* and where */
    bool is_outdated;       /* messages were purged since: the answer may have them */

    size_t n;
    struct redis_question questions[REDIS_QUESTIONS_MAX];
};

/* Reports whether the call is answered by a plan, with a question of its own: it is about a
 * pattern, or for the latest entries. */
static inline bool redis_call_needs_plan(const struct broker_call *call)
{
    return call->history.latest || filter_is_pattern(call->history.filter);
}

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

/* Makes the command for n questions, 1 to REDIS_QUESTIONS_MAX, with together at most
 * REDIS_TOPICS_MAX topics. Its texts are in names->questions. */
void redis_readings_command(struct redis_command *c, struct redis_names *names,
                            const struct broker_config *config,
                            const struct redis_reading *readings, size_t n);
/* The same for questions about single topics. */
void redis_questions_command(struct redis_command *c, struct redis_names *names,
                             const struct broker_config *config,
                             const struct broker_history *const *questions, size_t n);

#endif
