/* port.h - a worker's connection to the broker: where its answers, headcount questions and live
 * messages go.
 * Thread:  the broker's.
 * States:  live: a message goes into the outbox's batch of this turn. Replaying: the log is read
 *          from the outbox's high-water mark on, and live messages are held back (replay.h).
 */
#ifndef EH_BROKER_PORT_H
#define EH_BROKER_PORT_H

#include "broker/outbox.h"
#include "broker/replay.h"

struct broker_port {
    struct outbox outbox;
    struct replay replay;
    mail_fn *on_count;
    size_t index; /* in the fanout */
};

struct broker_port *port_create(struct core *core, struct mailbox *inbox, mail_fn *on_live,
                                mail_fn *on_count);
/* Posts nothing to the worker after this: its inbox may be gone. */
void port_end(struct broker_port *port);
void port_free(struct broker_port *port);

/* Delivers a live message: into the batch, or into the backlog of a replay. When the outbox is
 * full, starts a replay, which reads the message from the log; without a log it is lost, and the
 * worker gets a gap. Borrows m. */
void port_live(struct broker_port *port, struct message *m);

/* Messages are missing here, of these topics; NULL: of unknown ones. The replay of a port reads the
 * log to a new snapshot end, and its pages tell the gap. Borrows gaps. */
void port_gap(struct broker_port *port, const struct gaps *gaps);

#endif
