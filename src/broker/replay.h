/* replay.h - reads the log for a port that missed live messages: its box was full, or the feed was
 * away. A client's join and this use the same history calls.
 * Thread:  the broker's.
 * How:     read everything after the port's mark up to a cut (the last id at that moment), post it
 *          page by page as the worker takes it. Live messages are set aside meanwhile and merged in
 *          by id: one that the log has lost since is posted in its place. Where some of them are
 *          missing (too many, or the feed was away) the reading goes on to a new cut: the log is
 *          the buffer.
 * Needs:   a page that is not complete is answered after all that was published before it was read
 *          has come to the ports (core.h).
 */
#ifndef EH_BROKER_REPLAY_H
#define EH_BROKER_REPLAY_H

#include "broker/port.h"

/* Puts the port into replay; on one that replays already there is a hole in what is set aside (the
 * feed was interrupted again). Without a log what was missed is lost, and what comes goes on. */
void replay_start(struct broker_port *port);
void replay_hold(struct broker_port *port, struct message *m); /* borrows m */
void replay_on_room(struct broker_port *port);
void replay_free(struct replay *r);

#endif
