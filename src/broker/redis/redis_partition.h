/* redis_partition.h - what this node knows of the ids in Redis: the history that it joined, and the
 * log start. It has no connection: the feed sends fence.lua and probe.lua and passes the answers on
 * (docs/ids.md tells the whole story).
 * Thread:  the broker's.
 * Owns:    only itself; it is plain data in its user's struct.
 * Borrows: core and names.
 */
#ifndef EH_BROKER_REDIS_PARTITION_H
#define EH_BROKER_REDIS_PARTITION_H

#include "broker/core.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_reply.h"

struct redis_partition {
    struct core *core;
    const struct redis_names *names;
    bool has_joined;
    bool has_warned;            /* that Redis has no lineage */
    struct msgid answered;      /* the highest id in the answer to a publish */
    struct msgid joined;        /* the last id when this node joined */
    char replid[REPLID_N];      /* of the history that it joined; "": not known */
    struct msgid tail;          /* the highest id of a message when it joined */
    char tail_replid[REPLID_N]; /* the history of `tail` */
    struct msgid log_start;     /* the highest of the deployment that this node has seen */
};

/* Notes the id in the answer to a publish. */
void redis_partition_on_published(struct redis_partition *p, struct msgid id);

/* Makes the question for a join. Everything that this node knows must be from the history that it
 * joined last: no answer to an earlier publish may be under way. */
void redis_partition_fence(const struct redis_partition *p, struct redis_command *ret);
/* Takes the answer. Counts and logs a new history, and messages that Redis has lost. */
void redis_partition_on_fenced(struct redis_partition *p, const struct redis_fenced *answer);

/* Returns true if the node must join again: Redis has forgotten ids, another node found that it
 * has, or its history is another one. newest: the highest id known when the probe was sent. */
bool redis_partition_on_probed(struct redis_partition *p, const struct redis_probed *answer,
                               struct msgid newest) EH_MUST_USE;

/* Returns true if a message of the feed (fence.lua) says that a new history has begun, and the
 * messages that follow are of that, or that another node has found a loss. This node must join
 * again. */
bool redis_partition_on_began(const struct redis_partition *p, struct str topic,
                              struct str text) EH_MUST_USE;

/* The log starts at this id. If this is new, Redis has lost messages. The loss is counted once,
 * whatever finds it. If another node found it first, messages above the id may have come by now:
 * then every port reports a gap, because a replay would begin above the log start. */
void redis_partition_on_log_start(struct redis_partition *p, struct msgid id);

/* Reports whether an id may be real, as far as this node knows Redis's clock. A forged id far in
 * the future would make subscribers drop everything below it as already seen. */
bool redis_partition_is_plausible(const struct redis_partition *p, struct msgid id);

#endif
