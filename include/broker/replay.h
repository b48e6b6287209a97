/* replay.h - reads the log for a port that missed live messages: its box was full, or the feed was
 * away. A client's join and this use the same history calls.
 * Thread:  the broker's.
 * How:     read everything after the port's mark up to a cut (the last id at that moment), post it
 *          page by page as the worker takes it; live messages are set aside meanwhile and posted
 *          when the cut is reached, those at or below it dropped by id. When too many are set aside
 *          they are thrown away and the reading goes on to a new cut: the log is the buffer.
 */
#ifndef EH_BROKER_REPLAY_H
#define EH_BROKER_REPLAY_H

#include "broker/port.h"

/* Puts the port into replay; on one that replays already, what is set aside is not to be trusted
 * any more (the feed was interrupted again) and is read from the log instead. Without a log what
 * was missed is lost, and what comes goes on. */
void replay_start(struct broker_port *port);
void replay_aside(struct broker_port *port, struct message *m); /* borrows m */
void replay_on_room(struct broker_port *port);
void replay_free(struct replay *r);

#endif
