/* replay.h - reads the log for a port that missed live messages, because the worker was slow or the
 * feed was interrupted. It asks for the pages; what is done with them is in catch_up.h.
 * Thread:  the broker's.
 * Owns:    the live messages that it holds back meanwhile.
 * Borrows: the outbox, which lives as long.
 * Needs:   an engine that answers an incomplete page only after everything published before the
 *          page was read has come to the ports (core.h).
 * Bounds:  the backlog's (backlog.h), and one page of history at a time.
 */
#ifndef EH_BROKER_REPLAY_H
#define EH_BROKER_REPLAY_H

#include "broker/catch_up.h"
#include "broker/outbox.h"

struct replay {
    struct outbox *outbox;
    bool is_running;
    bool waits_for_room;     /* to ask for the next page */
    bool is_incomplete;      /* messages are missing, and this replay was counted for it */
    struct broker_call call; /* the page under way, or the next one to ask for */
    struct catch_up machine;
};

void replay_init(struct replay *r, struct outbox *outbox);
void replay_end(struct replay *r); /* no call may be under way; may be called twice */

/* Starts to read the log. If that is under way already, the feed was interrupted again. Without a
 * log the missed messages are lost: only reports the gap. */
void replay_start(struct replay *r);
void replay_hold(struct replay *r, struct message *m); /* borrows m */
void replay_on_room(struct replay *r);                 /* the outbox has room again */

#endif
