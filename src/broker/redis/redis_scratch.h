/* redis_scratch.h - keys and channels on which a check runs the scripts, apart from those of the
 * messages.
 * Thread:  any; pure, but for the random number in the names.
 * Names:   they must lie where the documented ACL grants access, `~{eventhub}:*`, and in the same
 *          slot of a cluster. So the prefix of the scratch area closes the brace early: with
 *          `eventhub}:check-17:{`, which redis_keys wraps into braces, a key is
 *          `{eventhub}:check-17:{}:id`. The topic is one that all servers skip (redis_feed.c).
 * Owns:    its texts; the commands point to them.
 */
#ifndef EH_BROKER_REDIS_SCRATCH_H
#define EH_BROKER_REDIS_SCRATCH_H

#include "broker/redis/redis_command.h"
#include "broker/redis/redis_rights.h"

struct redis_scratch {
    struct redis_names names;
    struct redis_rights_names rights; /* views of the texts below */
    char topic[48];
    struct buf prefix;
    struct buf keys[REDIS_RIGHTS_KEYS];
    struct buf channel;
};

void redis_scratch_init(struct redis_scratch *s, struct str prefix); /* REDIS_PREFIX; borrowed */
void redis_scratch_done(struct redis_scratch *s);

#define REDIS_SCRATCH_PUBLISH 1 /* the run that publishes to rights.channel */

/* Returns the name of the script of a run, which are numbered from 0; NULL: there is no such
 * run. */
const char *redis_scratch_script(size_t i);
/* Makes the command that deletes all keys that the runs write. */
void redis_scratch_clean(struct redis_command *c, struct redis_scratch *s);
/* Makes the command of a run. They are meant to be run in this order, each once. */
void redis_scratch_command(struct redis_command *c, struct redis_scratch *s,
                           const struct broker_config *config, size_t i);

#endif
