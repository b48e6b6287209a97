/* redis_target.h - the globs of the feed: the few prefixes that are meant to cover all patterns
 * (the *target*), and the globs that are still held beside them.
 * Thread:  the broker's; pure.
 * Owns:    its globs and the prefixes of the patterns.
 * Bounds:  GLOBS_MAX globs are held at any time, also while the target changes.
 * Essay:   in redis_channels.c, which decides when to narrow and when a glob may be closed.
 */
#ifndef EH_BROKER_REDIS_TARGET_H
#define EH_BROKER_REDIS_TARGET_H

#include "broker/redis/redis_changes.h"
#include "broker/redis/redis_prefixes.h"

#define GLOBS_MAX 16

struct redis_glob { /* outside the target it lingers, but its state stays LIVE */
    struct redis_channel channel;
    bool is_target;
    struct prefix_text prefix;
};

struct redis_target {
    struct redis_changes *changes;
    struct prefixes *prefixes;
    struct redis_glob globs[GLOBS_MAX];
    bool is_coarse; /* the wide channel is the only glob, for any pattern */
};

enum redis_target_change {
    TARGET_SAME,
    TARGET_CHANGED,
    TARGET_WIDENED, /* changed, and more comes now than is wanted: narrow it later */
    TARGET_BUSY,    /* the same; globs must be closed first: try again */
};

void redis_target_init(struct redis_target *t, struct redis_changes *changes);
void redis_target_done(struct redis_target *t);

void redis_target_add(struct redis_target *t, struct str prefix); /* a pattern needs it */
void redis_target_remove(struct redis_target *t, struct str prefix);

void redis_target_start(struct redis_target *t, bool is_wide); /* with no glob held */
/* Changes the target so that it covers the prefix. */
enum redis_target_change redis_target_cover(struct redis_target *t, struct str prefix);
void redis_target_widen(struct redis_target *t); /* to all topics */
/* Chooses the target anew, for what is wanted now. */
enum redis_target_change redis_target_narrow(struct redis_target *t);
/* Closes globs that a confirmed glob of the target covers; is_needless: all outside the target. */
void redis_target_close(struct redis_target *t, bool is_needless);
void redis_target_forget(struct redis_target *t); /* the connection is gone */

bool redis_target_covers(const struct redis_target *t, struct str text);  /* a topic or prefix */
bool redis_target_is_live(const struct redis_target *t, struct str text); /* and is confirmed */
bool redis_target_is_wide(const struct redis_target *t);
size_t redis_target_held(const struct redis_target *t);
/* Returns the lowest id from which on a glob brought the topic; zero: none is known. */
struct msgid redis_target_brings_from(const struct redis_target *t, struct str topic);
/* Reports whether the glob, as Redis has it, is the narrowest confirmed one with this topic. */
bool redis_target_is_narrowest(const struct redis_target *t, struct str glob, struct str topic);

#endif
