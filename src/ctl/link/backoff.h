/* backoff.h - how long to wait before connecting again.
 * Thread:  any; pure.
 */
#ifndef EH_CTL_BACKOFF_H
#define EH_CTL_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS   30000

/* Returns the wait before try number `attempt` (from 0): it doubles from BACKOFF_FIRST_MS to
 * BACKOFF_MAX_MS, and up to half of it is taken off at random, so that the clients of a server that
 * restarts do not all come back at once. */
uint64_t backoff_wait_ms(unsigned attempt, uint64_t random);

#endif
