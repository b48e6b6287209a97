/* redis_check_steps.h - everything that a check does once it is connected to the master.
 * Thread:  the one that runs the loop.
 */
#ifndef EH_BROKER_REDIS_CHECK_STEPS_H
#define EH_BROKER_REDIS_CHECK_STEPS_H

#include "broker/redis/redis_checker.h"

/* The first step: needs k->plain to be up. The last one ends the check. */
void redis_check_steps(struct redis_checker *k);

#endif
