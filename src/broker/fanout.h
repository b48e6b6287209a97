/* fanout.h - hands each live message to the ports of all workers. The engines call it; below it
 * every port keeps its own pace.
 * Thread:  the broker's; ports are added before it starts.
 * Owns:    the ports.
 */
#ifndef EH_BROKER_FANOUT_H
#define EH_BROKER_FANOUT_H

#include "broker/core.h"

struct broker_port;

struct fanout {
    struct core *core;
    struct broker_port **ports;
    size_t n_ports;
    struct loop_task flush; /* posts the batches at the end of the turn */
};

void fanout_init(struct fanout *f, struct core *core);
/* Posts nothing after this. `room` of a worker may still arrive. */
void fanout_end(struct fanout *f);
void fanout_done(struct fanout *f);
void fanout_add(struct fanout *f, struct broker_port *port); /* takes the port */

/* Hands a live message to every port and takes the caller's reference. Messages of ours must come
 * in id order; a port drops one whose id is not above its high-water mark. Messages leave in
 * batches at the end of the turn. */
void fanout_live(struct fanout *f, struct message *m);

/* The feed may have missed messages after the high-water mark: every port reads the log from its
 * own mark before it gets anything that fanout_live takes from now on. */
void fanout_resync(struct fanout *f);

/* Sets the id from which a feed counts that has just started (nothing older is replayed) or joined
 * again. Never moves the mark backwards: the engine sees to that. */
void fanout_set_high_water(struct fanout *f, struct msgid id);

#endif
