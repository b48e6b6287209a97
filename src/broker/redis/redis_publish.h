/* redis_publish.h - the command that publishes a batch of messages with one script (publish.lua).
 * Thread:  any; pure.
 * Owns:    nothing. The command points to the messages and to names->batch: send it at once.
 * Bounds:  the caller adds no further message to a batch of REDIS_BATCH_MAX messages or
 *          REDIS_BATCH_BYTES of text, so that the script does not hold up Redis for long.
 */
#ifndef EH_BROKER_REDIS_PUBLISH_H
#define EH_BROKER_REDIS_PUBLISH_H

#include "broker/redis/redis_command.h"

#define REDIS_BATCH_BYTES (256u * 1024)

/* 1 to REDIS_BATCH_MAX messages, published in this order. newest: the highest id that this node
 * knows; replid: of the history that it has joined ("": not known). If Redis has forgotten the id,
 * or has another history, the answer is FENCE, and no message is published. */
void redis_publish_make(struct redis_command *c, struct redis_names *names,
                        const struct broker_config *config, const struct broker_publish *const *p,
                        size_t n, struct msgid newest, struct str replid);
/* Deletes all keys in `names`, and those of this publish. Only for a scratch area. */
void redis_publish_clean(struct redis_command *c, struct redis_names *names,
                         const struct broker_publish *p);

#endif
