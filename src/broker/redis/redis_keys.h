/* redis_keys.h - the names of keys and channels in Redis (docs/ARCHITECTURE.md).
 * Thread:  any; pure.
 * Names:   keys begin with `{REDIS_PREFIX}:`. The braces make all keys share one slot of a Redis
 *          Cluster. Channels of messages begin with `REDIS_PREFIX:`, like those of a C++ Eventhub.
 */
#ifndef EH_BROKER_REDIS_KEYS_H
#define EH_BROKER_REDIS_KEYS_H

#include "base/buf.h"
#include "base/str.h"
#include "hub/ratelimit.h"

/* Appends `{prefix}:name`, for example with the name "id", "topics" or "log:". */
void keys_add(struct buf *out, struct str prefix, struct str name);
/* Appends the channel `prefix:topic`. */
void keys_add_channel(struct buf *out, struct str prefix, struct str topic);
/* Appends `{prefix}:once:topic:key`, which holds the id of the first publish with that key. */
void keys_add_once(struct buf *out, struct str prefix, struct str topic, struct str key);
/* Appends `{prefix}:rl:hash:interval:rule`, which counts the publishes of one publisher under one
 * rule. The hash replaces the publisher's name, which may be long and private. */
void keys_add_count(struct buf *out, struct str prefix, struct str origin_json,
                    const struct rate_rule *rule);
/* Appends the PSUBSCRIBE pattern `prefix:begin*` with the glob characters of both escaped. */
void keys_add_glob(struct buf *out, struct str prefix, struct str begin);
/* Returns the topic of a channel that begins with `prefix:`; {NULL, 0} for any other channel. */
struct str keys_channel_topic(struct str prefix, struct str channel);
/* Reports whether the text is not a topic, because the channel belongs to a deployment whose prefix
 * begins with `prefix:`. A topic contains no colon. */
bool keys_is_of_longer_prefix(struct str topic);

#endif
