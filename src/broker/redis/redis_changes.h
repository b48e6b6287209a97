/* redis_changes.h - the subscriptions that the feed opens and closes: commands that wait, commands
 * under way, and the confirmations that they expect.
 * Thread:  the broker's; pure.
 * Borrows: channels, which are part of their owner's structs, from redis_changes_open or _close
 *          until the change is confirmed, or redis_changes_forget.
 * Order:   commands leave in the order of open and close, and Redis confirms them in this order. So
 *          a confirmation must be the next one expected. When the n-th change is confirmed, all
 *          before it are.
 * Bounds:  a channel has at most two changes: it is closed, and opened again.
 */
#ifndef EH_BROKER_REDIS_CHANGES_H
#define EH_BROKER_REDIS_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "broker/redis/redis_command.h"
#include "broker/redis/redis_reply.h"

#define CHANNELS_UNDER_WAY 4096 /* bounds what Redis must buffer for us */

enum channel_state {
    CHANNEL_ABSENT, /* not subscribed; the confirmation of that may be under way */
    CHANNEL_OPENING,
    CHANNEL_LIVE,
    CHANNEL_LINGERING, /* live, but nothing needs it now */
};

struct redis_change {
    struct list link;
    bool opens;
};

struct redis_channel {
    struct redis_change open; /* linked until confirmed */
    struct redis_change close;
    enum channel_state state;
    bool is_glob;
    struct str text; /* the topic, or the prefix of the glob */
    uint64_t number; /* of its last confirmation, of those in n_live */
    struct list unplaced;
    struct msgid from; /* all messages above it came through this channel; zero: not placed */
};

struct redis_changes {
    const struct redis_names *names;
    struct list waiting; /* not sent */
    struct list sent;
    size_t n_sent;
    uint64_t n_made; /* since redis_changes_reset */
    uint64_t n_confirmed;
    uint64_t n_opened; /* ever */
    uint64_t n_closed;
    uint64_t n_live;      /* opened and confirmed, ever */
    struct list unplaced; /* confirmed channels without `from`, in the order of their numbers */
    struct buf text;      /* what the last command, or question, borrows */
};

void redis_changes_init(struct redis_changes *c, const struct redis_names *names);
void redis_changes_done(struct redis_changes *c);

void redis_changes_open(struct redis_changes *c, struct redis_channel *ch);  /* ABSENT to OPENING */
void redis_changes_close(struct redis_changes *c, struct redis_channel *ch); /* to ABSENT */

/* The connection is gone: no channel is open any longer. The caller forgets each channel. */
void redis_changes_reset(struct redis_changes *c);
void redis_changes_forget(struct redis_channel *ch);

/* Makes the next command, which borrows from c until the next call of any function. Returns false
 * if nothing is to be sent, or enough commands are under way. */
bool redis_changes_next(struct redis_changes *c, struct redis_command *ret);

/* Takes a confirmation. Returns its channel, which is now LIVE or ABSENT, or again OPENING; NULL:
 * it was not the next one expected. */
struct redis_channel *redis_changes_confirm(struct redis_changes *c, enum redis_confirmation what,
                                            struct str channel);

/* The last id was this one when no more than n channels had been confirmed, ever. So they bring all
 * messages above it. */
void redis_changes_place(struct redis_changes *c, uint64_t n, struct msgid last);

/* The same for one channel. */
void redis_channel_place(struct redis_channel *ch, uint64_t n, struct msgid last);

/* Reports whether Redis sends messages of the channel, at this place in its stream. */
bool redis_channel_is_confirmed(const struct redis_channel *ch);
/* Reports whether the channel is in use: it is not ABSENT, or Redis has not confirmed that. */
bool redis_channel_is_held(const struct redis_channel *ch);
/* Reports whether the name or glob, as Redis has it, is this channel. */
bool redis_changes_is_channel(struct redis_changes *c, const struct redis_channel *ch,
                              struct str text);

#endif
