/* redis_plan.h - how the entries of many topics are read, question by question (redis_plan.c
 * explains how). Its user sends the questions and passes the answers on.
 * Thread:  the broker's; pure.
 * Owns:    the names and entries that it holds, and copies of what it was asked.
 * Bounds:  struct redis_plan_limits. When the names exceed it, the remaining topics are not read,
 *          and no page is complete.
 */
#ifndef EH_BROKER_REDIS_PLAN_H
#define EH_BROKER_REDIS_PLAN_H

#include "broker/redis/redis_questions.h"
#include "broker/redis/redis_reply.h"

struct redis_plan_limits {
    size_t names;   /* bytes */
    size_t entries; /* bytes held; what is beyond it is read again later */
};

struct interest;
struct redis_plan;

/* Makes a plan for a question about a pattern. wanted: of the topics that match, only those of this
 * interest are read (borrowed); NULL: all are. */
struct redis_plan *redis_plan_create(const struct broker_history *h, const struct interest *wanted,
                                     const struct redis_plan_limits *limits);
void redis_plan_free(struct redis_plan *p);
size_t redis_plan_bytes(const struct redis_plan *p);

/* Begins the next page, which *h asks for: the first one, or one that redis_plan_continues. */
void redis_plan_begin(struct redis_plan *p, const struct broker_history *h);
bool redis_plan_continues(const struct redis_plan *p, const struct broker_history *h,
                          const struct interest *wanted);

/* Returns true and the next question, which borrows from the plan; or false: the page is ready. */
bool redis_plan_next(struct redis_plan *p, struct redis_reading *ret);
/* Takes the answer to that question: its entries and gaps move to the plan. */
void redis_plan_take(struct redis_plan *p, struct redis_answer *a);
/* Sets the results of *h, and makes it the question for the next page. */
void redis_plan_give(struct redis_plan *p, struct broker_history *h);

#endif
