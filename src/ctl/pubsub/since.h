/* since.h - reads the point in time from which history is wanted.
 * Thread:  any. Pure but for the time zone (TZ, /etc/localtime), as mktime reads it.
 * Forms:   10m, -10m             that long ago, by the server's clock
 *          2026-11-30            local time, as of the tool's time zone
 *          2026-11-30T12:30      (a blank or T; seconds and a fraction of them are optional)
 *          2026-11-30T12:30:05Z  UTC; also an offset: +02:00, -0530, +02
 *          1796040000            seconds since the epoch, from 1973 on
 *          1796040000000         ms since the epoch, from 1973 on
 *          Smaller numbers are refused: 600 is probably meant as 600s.
 */
#ifndef EH_CTL_SINCE_H
#define EH_CTL_SINCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define SINCE_RULE                                                                                 \
    "must be a duration (10m), a date (2026-11-30), a date and time (2026-11-30T12:30), "          \
    "or seconds since 1970"

/* Returns the time as the parameter `since` of the protocol: negative for that many ms ago,
 * otherwise ms since the epoch; never 0, which would mean no history. False: none of the forms
 * above, a date that does not exist or one before 1970. */
bool since_parse(struct str text, int64_t *ret_since);

#endif
