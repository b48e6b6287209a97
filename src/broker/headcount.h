/* census.h - asks all workers of this node who of their clients is subscribed.
 * Thread:  the broker's.
 * Owns:    a census from its start until the last worker has answered, which may be after the
 *          engine has closed.
 * Costs:   each worker walks the subscriptions that match once. Nothing is kept between questions.
 */
#ifndef EH_BROKER_HEADCOUNT_H
#define EH_BROKER_HEADCOUNT_H

#include "broker/core.h"

/* Once for each census; `total` is the receiver's. engine NULL: it has closed meanwhile, and what
 * belonged to it is gone. */
typedef void headcount_fn(void *engine, void *arg, struct presence total);

void headcount_start(struct core *core, struct str filter, bool wants_subs, headcount_fn *fn,
                     void *arg);

#endif
