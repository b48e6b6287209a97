#include "ctl/link/backoff.h"

uint64_t backoff_wait_ms(unsigned attempt, uint64_t random)
{
    uint64_t wait = BACKOFF_FIRST_MS;

    while (attempt-- && wait < BACKOFF_MAX_MS)
        wait *= 2;
    if (wait > BACKOFF_MAX_MS)
        wait = BACKOFF_MAX_MS;
    return wait - random % (wait / 2 + 1);
}
