/* keys.h - how things are called in Redis (docs/ARCHITECTURE.md). Thread: any; pure.
 * P is `{REDIS_PREFIX}` with the braces, so that all keys share one slot of a Redis Cluster.
 */
#ifndef EH_BROKER_KEYS_H
#define EH_BROKER_KEYS_H

#include "base/buf.h"
#include "base/str.h"
#include "hub/ratelimit.h"

/* Appends `{prefix}:name`, e.g. name "id", "topics", "log:". */
void keys_add(struct buf *out, struct str prefix, struct str name);
/* Appends the channel `prefix:topic`. */
void keys_add_channel(struct buf *out, struct str prefix, struct str topic);
/* Appends `{prefix}:once:topic:key`: where the id of the first publish with a key is. */
void keys_add_once(struct buf *out, struct str prefix, struct str topic, struct str key);
/* Appends `{prefix}:rl:hash:interval:rule`: what a publisher may do by a rule is counted there.
 * The hash stands for who it is, which may be long and is nobody's business. */
void keys_add_count(struct buf *out, struct str prefix, struct str origin_json,
                    const struct rate_rule *rule);
/* Appends the PSUBSCRIBE pattern `prefix:*` with the prefix's own glob characters escaped. */
void keys_add_feed_pattern(struct buf *out, struct str prefix);
/* The topic of a channel that begins with `prefix:`; {NULL, 0} for any other channel. */
struct str keys_channel_topic(struct str prefix, struct str channel);

#endif
