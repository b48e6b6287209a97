/* pace.h - spreads events evenly over time, at most `rate` per second.
 * Thread:  its owner's; pure, takes the time as a parameter.
 * Slack:   after a pause, events that were due in the last PACE_SLACK_MS may follow at once, so
 *          that a coarse timer does not lower the rate. Older ones are forgotten: no burst follows.
 */
#ifndef EH_CTL_PACE_H
#define EH_CTL_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_SLACK_MS 50

struct pace {
    uint64_t rate;   /* per second; 0: no limit */
    uint64_t due_ns; /* when the next event may happen */
};

bool pace_may(const struct pace *p, uint64_t now_ms);         /* an event may happen now */
void pace_take(struct pace *p, uint64_t now_ms);              /* it happens */
uint64_t pace_wait_ms(const struct pace *p, uint64_t now_ms); /* until the next event; at least 1 */

#endif
