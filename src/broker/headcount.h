/* headcount.h - asks all workers of this node which of their clients are subscribed, or another
 * question.
 * Thread:  the broker's, except headcount_counted, which runs on a worker.
 * Owns:    a headcount, from its start until the last worker has answered, which may be after the
 *          engine has closed.
 * Costs:   each worker walks the matching subscriptions once. Nothing is cached between questions.
 */
#ifndef EH_BROKER_HEADCOUNT_H
#define EH_BROKER_HEADCOUNT_H

#include "broker/core.h"
#include "broker/worker_mail.h"

/* Called once for each headcount; `total` is the receiver's. engine NULL: the engine has closed
 * meanwhile, and everything that belonged to it is gone. */
typedef void headcount_fn(const void *engine, void *arg, struct presence total);

/* The same for any other question; `answers` is an array, the receiver's. */
typedef void headcount_asked_fn(const void *engine, void *arg, struct json_t *answers);

void headcount_start(struct core *core, struct str filter, bool wants_subs, headcount_fn *fn,
                     void *arg);
/* Copies the question. */
void headcount_ask(struct core *core, const struct json_t *question, headcount_asked_fn *fn,
                   void *arg);
void headcount_counted(struct broker_count *part); /* on the worker: returns its part */

#endif
