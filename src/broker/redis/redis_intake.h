/* redis_intake.h - the messages that the feed brings: to whom they go, and which are dropped.
 * Thread:  the broker's.
 * Owns:    the messages that it holds back until the feed has joined (broker/backlog.h).
 * Borrows: the parts of the feed that its config names.
 * Drops:   second copies, messages of other deployments and probes of other nodes; and counts what
 *          it cannot read, and ids that no Redis can have issued (redis_partition.h).
 */
#ifndef EH_BROKER_REDIS_INTAKE_H
#define EH_BROKER_REDIS_INTAKE_H

#include "broker/backlog.h"
#include "broker/interest.h"
#include "broker/redis/redis_channels.h"
#include "broker/redis/redis_partition.h"
#include "broker/redis/redis_probe.h"
#include "broker/redis/redis_tail.h"

struct redis_intake_config {
    struct core *core;
    struct str prefix; /* of the channels */
    const struct redis_partition *partition;
    const struct redis_channels *channels;
    const struct interest *interest;
    struct redis_probe *probe;
    struct redis_tail *tail; /* gets the live messages once the feed has joined */
    struct str others[2];    /* channels whose messages go to on_message */
    /* Also gets the message that a topic was purged, behind all messages published before it. */
    void (*on_message)(void *owner, struct str channel, struct str payload);
    void (*on_probe)(void *owner); /* the probe has come */
    /* Redis may have another history, or a clock that jumped: the feed should join again. Called
     * while the feed is joined, once in a second: anyone may publish such a message. */
    void (*on_doubt)(void *owner);
    void *owner;
};

struct redis_intake {
    struct redis_intake_config config;
    bool is_joined; /* set by the feed */
    struct backlog backlog;
    struct msgid held;     /* the highest id that was ever in the backlog */
    struct msgid last;     /* of the last message of ours that this connection brought */
    uint64_t may_doubt_ms; /* from when on on_doubt may be called again */
};

void redis_intake_begin(struct redis_intake *in); /* a new connection */
/* Takes a published message. Returns false if the reply is something else. */
bool redis_intake_take(struct redis_intake *in, const struct redisReply *reply);
void redis_intake_release(struct redis_intake *in); /* passes on what was held back */
void redis_intake_end(struct redis_intake *in);     /* drops it */

#endif
