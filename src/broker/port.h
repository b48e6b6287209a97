/* port.h - what is posted to one worker, and how much of it may wait there.
 * Thread:  the broker's, but for live_batch_free (broker.h). Only broker.c, port.c and replay.c
 *          include this.
 * States:  live (replay is NULL): messages go into the batch of this turn; replaying: the log is
 * read from the port's own mark and live messages are set aside meanwhile (replay.c).
 */
#ifndef EH_BROKER_PORT_H
#define EH_BROKER_PORT_H

#include "broker/core.h"

struct replay;

struct broker_port {
    struct core *core;
    struct mailbox *inbox; /* the worker's */
    mail_fn *on_live;
    mail_fn *on_count;
    struct msgid high_water;  /* the highest id of ours posted to this port */
    struct live_batch *batch; /* of this turn, or NULL */
    size_t batch_cap;
    bool has_gap;      /* some were lost: to be told before what comes next */
    struct gaps *gaps; /* of these topics; NULL: nobody knows of which */
    struct replay *replay;
    struct mail room;      /* posted by the worker: the box is half empty */
    atomic_size_t waiting; /* messages posted and not yet freed by the worker */
    atomic_size_t waiting_bytes;
    atomic_bool wants_room; /* the worker shall post `room` */
};

struct broker_port *port_create(struct core *core, struct mailbox *inbox, mail_fn *on_live,
                                mail_fn *on_count);
/* Nothing is posted any more: `room` may still come, when the worker's inbox is gone already. */
void port_end(struct broker_port *port);
void port_free(struct broker_port *port);

/* A live message: into the batch, aside, or (box full) a replay begins, which reads it from the
 * log; without a log it is lost. Borrows m. */
void port_live(struct broker_port *port, struct message *m);
/* Into the batch of this turn, whatever waits; raises the mark. Borrows m. */
void port_post(struct broker_port *port, struct message *m);
/* Some were lost between what was posted and what comes: goes out with the next batch, and at the
 * next flush where there is room. Those that wait for room become one. Takes lost, which may be
 * NULL. */
void port_gap(struct broker_port *port, struct gaps *gaps);
/* The place from which a worker that got nothing yet counts: goes out with the next flush. */
void port_set_high_water(struct broker_port *port, struct msgid id);
void port_flush(struct broker_port *port); /* the batch goes to the worker */

bool port_is_new_to(const struct broker_port *port, const struct message *m);
/* True when less than half waits; else the worker posts `room` when that is so. */
bool port_await_room(struct broker_port *port);

#endif
