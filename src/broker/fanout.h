/* fanout.h - hands each live message to the ports of all workers. The engines call it, and each
 * port then keeps its own pace. After an interruption the node reads the log here, once for all.
 * Thread:  the broker's; ports are added before it starts.
 * Owns:    the ports.
 */
#ifndef EH_BROKER_FANOUT_H
#define EH_BROKER_FANOUT_H

#include "broker/core.h"
#include "broker/replay.h"

struct broker_port;

struct fanout {
    struct core *core;
    struct broker_port **ports;
    size_t n_ports;
    struct msgid passed;    /* everything up to this id went to the ports, or was reported */
    struct replay replay;   /* the node's */
    uint64_t told_ms;       /* when the workers were last told of a mark without a message */
    struct loop_task flush; /* posts the batches at the end of the turn */
};

void fanout_init(struct fanout *f, struct core *core);
/* After this, nothing is posted to a worker. A worker's `room` may still arrive. */
void fanout_end(struct fanout *f);
void fanout_done(struct fanout *f);
void fanout_add(struct fanout *f, struct broker_port *port); /* takes the port */

/* Hands a live message to every port and takes the caller's reference. Messages of ours must come
 * in id order; a port drops one whose id is not above its high-water mark. Messages leave in
 * batches at the end of the turn. */
void fanout_live(struct fanout *f, struct message *m);

/* Called when the feed may have missed messages. The node reads the log from its mark on, and the
 * ports get that before anything that fanout_live takes from now on. Without a log every port
 * reports a gap. */
void fanout_resync(struct fanout *f);

/* Called when messages may be missing before those that fanout_live takes from now on, and no log
 * can tell. Every port reports a gap. */
void fanout_gap(struct fanout *f);

/* A topic was purged up to this id: removes its messages from pages that replays have read and not
 * passed on. */
void fanout_purged(struct fanout *f, struct str topic, struct msgid id);

/* Sets the high-water mark of a feed that has just started (nothing older is replayed) or joined
 * again. The engine makes sure that the mark never moves back. */
void fanout_set_high_water(struct fanout *f, struct msgid id);

/* Everything up to this id has gone through fanout_live, or was not for this node. Moves the
 * high-water marks up; the workers learn it with their next batch, or within about a second. */
void fanout_raise_high_water(struct fanout *f, struct msgid id);

#endif
