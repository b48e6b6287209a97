/* newcomers.h - new connections, of which a turn reads only a few.
 * Thread:  the worker's.
 * Which:   a connection is new until its first request is complete, and a WebSocket until its first
 *          frame is.
 * Bounds:  in one turn NEWCOMERS_SHARE newcomers are read, or as many as begin within 5 ms. While
 *          more descriptors are ready than a turn dispatches, it is NEWCOMERS_SHARE_CROWDED. The
 *          others wait in a queue, in the order in which their input came, without further events.
 */
#ifndef EH_APP_NEWCOMERS_H
#define EH_APP_NEWCOMERS_H

#include <stdbool.h>

#define NEWCOMERS_SHARE         64
#define NEWCOMERS_SHARE_CROWDED 4

struct conn;
struct worker;

void newcomers_init(struct worker *w);
/* Reports whether a newcomer may be read in this turn. Otherwise stream_go_on follows. */
bool newcomers_may_read(struct conn *c);

#endif
