/* replay.h - reads the log for messages that were missed: by a port whose worker was slow, or by
 * the whole node while its feed was away. It asks for the pages and counts; catch_up.h merges them
 * with the live messages.
 * Thread:  the broker's.
 * Owns:    the live messages that it holds back meanwhile.
 * Needs:   an engine that answers a page only after everything published before the
 *          page was read has gone through fanout_live (core.h).
 * Bounds:  the backlog's (backlog.h), and one page of history at a time.
 */
#ifndef EH_BROKER_REPLAY_H
#define EH_BROKER_REPLAY_H

#include "broker/catch_up.h"
#include "broker/core.h"

struct replay;

/* The first three are as in catch_up.h. */
struct replay_ops {
    void (*deliver)(struct replay *r, struct message *m);
    void (*gap)(struct replay *r, struct gaps *gaps);
    void (*reached)(struct replay *r, struct msgid snapshot_end);
    /* Reports whether a page may be asked for now. If not, the user calls replay_on_room later. */
    bool (*has_room)(struct replay *r);
    void (*after_page)(struct replay *r); /* the replay may have ended with it */
};

struct replay {
    struct core *core;
    const struct replay_ops *ops;
    bool is_running;
    bool waits_for_room; /* to ask for the next page */
    bool waits_for_node; /* to take the page that has come */
    bool is_incomplete;  /* messages are missing, and this replay was counted for it */
    uint64_t started_us;
    struct broker_call call; /* the page under way, or the next one to ask for */
    struct catch_up machine;
};

void replay_init(struct replay *r, struct core *core, const struct replay_ops *ops);
void replay_end(struct replay *r); /* no call may be under way; may be called twice */

/* Starts to read the log after the mark; needs a log. If that is under way already, the feed was
 * interrupted again. */
void replay_start(struct replay *r, struct msgid mark);
void replay_hold(struct replay *r, struct message *m); /* borrows m */
void replay_on_room(struct replay *r);                 /* there may be room again */
void replay_on_node_end(struct replay *r);             /* core->node_replay has ended */

#endif
