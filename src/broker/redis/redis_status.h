/* redis_status.h - what operators see of the connections to Redis: the log, /readyz and the
 * metrics.
 * Thread:  the broker's.
 * Owns:    the last texts. It is part of the pool's struct.
 * Pace:    a failure that persists is logged once. However quickly things change, there is at most
 *          one line a second, after a burst of LOG_BURST lines. A failure that was not
 *          logged then is logged later if it persists.
 */
#ifndef EH_BROKER_REDIS_STATUS_H
#define EH_BROKER_REDIS_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core.h"
#include "broker/redis/redis_redirect.h"

#define REDIS_WHY_MAX 160

struct redis_status {
    struct core *core;
    struct redis_endpoint master; /* host "": not known yet */
    bool has_joined;              /* the master */
    bool is_ready;                /* and it accepts publishes */
    bool was_ready;               /* at least once */
    uint64_t counted_ms;          /* loop_now up to which the time without a master is counted */
    char unknown[REDIS_WHY_MAX];  /* why the master could not be found; "": it was */
    char outage[REDIS_WHY_MAX];   /* the last failure of a connection that was logged */
    char problem[REDIS_WHY_MAX];  /* the last problem with a reply that was logged */
    uint64_t credit_ms;           /* time for lines: each takes a second */
    uint64_t credited_ms;         /* loop_now up to which it was given */
};

void redis_status_init(struct redis_status *s, struct core *core);

/* is_whole: all connections are up. The next failure is then logged even if it is the last one. */
void redis_status_set(struct redis_status *s, bool has_joined, bool is_ready, bool is_whole);
void redis_status_tick(struct redis_status *s); /* every second */

void redis_status_on_master(struct redis_status *s, const struct redis_endpoint *master);
/* The source does not know where the master is; on_known: it does again. */
void redis_status_on_unknown(struct redis_status *s, const char *why);
void redis_status_on_known(struct redis_status *s);

/* Call redis_status_set first. */
void redis_status_on_outage(struct redis_status *s, const char *why);
void redis_status_on_redirect(struct redis_status *s, const struct redis_redirect *redirect);
/* Redis answers the commands of all clients with this error. */
void redis_status_on_refusal(struct redis_status *s, const char *why);

/* Reports whether this problem with replies is to be logged, and remembers it: a problem that
 * affects every request is logged once. */
bool redis_status_is_new_problem(struct redis_status *s, const char *problem);
/* Called when a write succeeded. The next problem is then logged, even if it is the same as the
 * last. */
void redis_status_forget_problem(struct redis_status *s);

/* Reports whether any line about Redis may be written now, which uses it up. */
bool redis_status_may_log(struct redis_status *s);

#endif
