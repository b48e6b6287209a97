/* redis_probe.h - a message that a node publishes to itself, to see whether its feed still brings
 * what Redis publishes. It carries the time at which it was sent, on a channel of this node.
 * Thread:  the broker's.
 * Owns:    the name of the channel; the struct itself is plain data of its user.
 * Borrows: core and names.
 */
#ifndef EH_BROKER_REDIS_PROBE_H
#define EH_BROKER_REDIS_PROBE_H

#include "broker/core.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_link.h"

#define REDIS_PROBE_TOPICS "$metrics$/" /* no valid topic begins like this */

struct redis_probe {
    struct core *core;
    const struct redis_names *names;
    struct buf channel;
    uintptr_t number;      /* so that the answer to an earlier one is ignored */
    uint64_t sent_us;      /* when the probe under way was sent, also its text; 0: none */
    uint64_t published_ms; /* when Redis accepted it; 0: not yet */
    struct msgid newest;   /* Redis must know at least this id */
    struct msgid last;     /* that Redis had issued when it accepted the probe; zero: not yet */
    bool has_come;         /* over the feed; and then: */
    uint64_t n_live;       /* channels that the feed had opened */
};

void redis_probe_init(struct redis_probe *p, struct core *core, const struct redis_names *names);
void redis_probe_done(struct redis_probe *p);

/* Sends the next probe; link NULL: none, for now. The answer comes with the number as `arg`. */
void redis_probe_send(struct redis_probe *p, struct redis_link *link, struct redis_done done);
/* The probe may not have been published: it is not waited for. */
void redis_probe_on_failed(struct redis_probe *p);
void redis_probe_on_accepted(struct redis_probe *p, struct msgid last);
/* Takes a message of the feed. Returns true if it is the probe under way. n_live: the channels that
 * the feed had opened by then. */
bool redis_probe_on_message(struct redis_probe *p, struct str channel, struct str text,
                            uint64_t n_live);
/* Once the probe has come, and its answer, too: what Redis had published before it has come as
 * well. Sets the last id of that and n_live, and returns true, once. */
bool redis_probe_take(struct redis_probe *p, struct msgid *ret_last, uint64_t *ret_n_live);

bool redis_probe_is_under_way(const struct redis_probe *p);
/* Reports whether Redis accepted the probe that long ago, and it has not come. */
bool redis_probe_is_overdue(const struct redis_probe *p, uint64_t timeout_ms);

#endif
