/* topic_settings.h - the settings of topics by pattern, in the syntax of TOPICS_FILE:
 *   # pattern   max_length  ttl   max_message_size
 *   chat/#      100         3600  4k
 *   chat/news   -           -     64k                 (-: as the server's options say)
 * Thread:  any. Settings do not change once they are read; the count of references is atomic.
 * Order:   the narrowest pattern that matches a topic counts, alone. Two patterns are compared
 *          level by level from the left; at the first difference a name is narrower than `+`, and
 *          `+` is narrower than `#`. So a line for the topic itself comes first of all, and two
 *          different patterns that match the same topic are never equal.
 * Fails:   with EH_EINVAL and one line in *why that begins with the number of the line.
 * Bounds:  TOPIC_SETTINGS_MAX patterns; the caller bounds the text (TOPIC_SETTINGS_BYTES).
 */
#ifndef EH_HUB_TOPIC_SETTINGS_H
#define EH_HUB_TOPIC_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define TOPIC_SETTINGS_MAX    1000
#define TOPIC_SETTINGS_BYTES  (512u * 1024)
#define TOPIC_SETTINGS_LENGTH 1000000000 /* the largest max_length */
#define TOPIC_SETTINGS_TTL_S  31536000   /* the longest ttl, a year */

/* Each value is 0 where the server's own counts. */
struct topic_setting {
    uint64_t max_length; /* messages that the log keeps of the topic */
    uint64_t ttl_s;      /* of a message that is published without a ttl */
    uint64_t max_size;   /* bytes of a message */
};

struct topic_settings;

/* max_size: the server's own limit, which none may exceed. */
int topic_settings_parse(struct str text, uint64_t max_size, struct topic_settings **ret,
                         struct buf *why) EH_MUST_USE;
struct topic_settings *topic_settings_ref(struct topic_settings *s);
void topic_settings_unref(struct topic_settings *s); /* NULL is fine */

size_t topic_settings_count(const struct topic_settings *s);
/* Returns the values for a valid topic; zeros if no pattern matches. */
struct topic_setting topic_settings_find(const struct topic_settings *s, struct str topic);

#endif
