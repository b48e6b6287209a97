/* broker.h - the only way to the messages: publish, read the log, receive live messages, and ask
 * who is subscribed. Two engines keep this contract (src/broker/mem and src/broker/redis);
 * tests/contract checks it against both.
 * Thread:  main: broker_create to broker_start, broker_renew, broker_stop, broker_free. Any worker:
 *          broker_call, broker_want, broker_unwant, broker_counted, live_batch_free. Any thread:
 *          broker_is_ready, broker_get_health, broker_newest. Everything else runs on the broker's
 *          own thread.
 * Owns:    a call or a want, from broker_call or broker_want until its mail is delivered to the
 *          inbox of its port; after that its `answer` function owns it. Each is answered exactly
 *          once, even when the broker stops.
 * Never:   blocks a caller.
 * Order:   publishes, purges and key/value calls with the same `lane` run in the order in which
 *          they were made.
 */
#ifndef EH_BROKER_BROKER_H
#define EH_BROKER_BROKER_H

#include "base/err.h"
#include "broker/call.h"
#include "broker/config.h"
#include "broker/want.h"
#include "broker/worker_mail.h"
#include "net/mailbox.h"

struct broker;
struct broker_port;

int broker_create(const struct broker_config *config, struct broker **ret_broker) EH_MUST_USE;
/* Opens the port of one worker, before broker_start: its answers, live batches and headcount
 * questions are posted to `inbox` and run on the worker. on_live gets a struct live_batch, on_count
 * a struct broker_count. */
struct broker_port *broker_port_open(struct broker *b, struct mailbox *inbox, mail_fn *on_live,
                                     mail_fn *on_count);
/* Before broker_start: `mail` is posted to `inbox`, once, if the first Redis that answers is of a
 * kind that this server must not use. The log says why. */
void broker_on_unusable(struct broker *b, struct mailbox *inbox, struct mail *mail);
int broker_start(struct broker *b) EH_MUST_USE; /* starts the thread; returns before it is ready */

void broker_call(struct broker *b, struct broker_call *call);
/* The worker wants the live messages of want->filter (want.h). */
void broker_want(struct broker *b, struct broker_want *want);
/* It no longer wants them. Nobody answers. Copies the filter. */
void broker_unwant(struct broker *b, struct broker_port *port, struct str filter);
void live_batch_free(struct live_batch *batch);
void broker_counted(struct broker_count *part);

bool broker_is_ready(const struct broker *b); /* connected and joined: publishes are accepted */

struct broker_health {
    char why[160];    /* why the broker is not ready, or was not; "": nothing went wrong yet */
    char master[272]; /* the Redis in use: host:port, or the path of a socket; "": none */
};

void broker_get_health(struct broker *b, struct broker_health *ret);

/* Returns the highest id that this node knows: of the messages that its feed has brought or that it
 * has read from the log, and of the publishes that it has answered. Zero: it has not found the
 * broker yet. */
struct msgid broker_newest(struct broker *b);

/* Returns the mailbox of the broker's thread, for mail other than calls. broker_free delivers the
 * mail that the thread has not read. */
struct mailbox *broker_inbox(struct broker *b);

/* Replaces the connections that carry commands, one after another, without losing a call, because a
 * login or a certificate may have changed. The feed's connection stays as long as it works. */
void broker_renew(struct broker *b);

/* Answers every call that is left, and joins the thread. The workers' inboxes must live on until
 * they are drained; then call broker_free. */
void broker_stop(struct broker *b);
void broker_free(struct broker *b);

#endif
