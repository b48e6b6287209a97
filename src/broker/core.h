/* core.h - what the engines and the ports share: the broker's loop and configuration, the engine in
 * use, and the highest ids that this node knows.
 * Thread:  the broker's; `ready`, `shared_newest` and `health` are read by any.
 * Owns:    nothing: broker.c creates and frees what the pointers lead to.
 *
 * An engine (mem/, redis/) owns the messages. Everything between it and the workers (fanout.h,
 * port.h, replay.h, outbox.h) works alike for both engines.
 */
#ifndef EH_BROKER_CORE_H
#define EH_BROKER_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "broker/broker.h"
#include "broker/call.h"
#include "broker/config.h"
#include "broker/want.h"
#include "hub/metrics.h"
#include "hub/msgid.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct core;
struct fanout;
struct replay;

struct engine_ops {
    /* Runs on the broker's thread, before anything else. */
    int (*open)(struct core *core, const struct broker_config *config, void **ret_engine);
    /* Takes the call and answers it exactly once with core_answer, now or later. When a replay asks
     * (call->port is NULL), a page is answered only after everything that was published before it
     * was read has gone through fanout_live. */
    void (*call)(void *engine, struct broker_call *call);
    /* Take a want, which is answered exactly once with core_answer_want, now or later, and the end
     * of a port's wants for a filter (want.h). NULL: all messages go to all ports, and core
     * answers. */
    void (*want)(void *engine, struct broker_want *want);
    void (*unwant)(void *engine, struct broker_port *port, struct str filter);
    /* Replaces its connections: a login or a certificate may have changed. NULL: it has none. */
    void (*renew)(void *engine);
    /* Answers every call (NOT_DONE or UNKNOWN) and every want that it still holds, and frees
     * itself. */
    void (*close)(void *engine);
};

struct core {
    struct broker_config config;
    const struct engine_ops *ops;
    void *engine; /* NULL before open and after close */
    struct loop *loop;
    struct mailbox *inbox;      /* of the broker's thread; its owner is the core */
    struct fanout *fanout;      /* all ports */
    struct replay *node_replay; /* while the node reads the log for all ports; else NULL */
    struct msgid high_water;    /* the highest id of ours that the feed delivered, or the id that it
                                started from (fanout.h moves it); zero: none yet */
    struct msgid noted;         /* the highest id in core_note */
    atomic_bool ready;
    struct mailbox *unusable_inbox; /* where core_report_unusable posts `unusable`; NULL: nowhere */
    struct mail *unusable;
    pthread_mutex_t shared_lock; /* of what follows, which any thread may copy */
    struct msgid shared_newest;  /* as of the last core_share_newest */
    struct broker_health health;
};

/* Passes a call of a worker or of a replay to the engine; answers NOT_DONE without an engine. */
void core_call(struct core *core, struct broker_call *call);
void core_answer(struct core *core, struct broker_call *call, enum broker_status status);
/* Returns the status of a call that was sent and will not be answered: UNKNOWN, but NOT_DONE for a
 * read, which changes nothing either way. */
enum broker_status core_unknown_status(const struct broker_call *call);

/* Passes a want, or the end of one, to the engine. Without an engine that takes wants, answers at
 * once. */
void core_want(struct core *core, struct broker_want *want);
void core_unwant(struct core *core, struct broker_port *port, struct str filter);
/* Answers with `newest`, an id that was issued, or with core_newest if that is later. */
void core_answer_want(struct core *core, struct broker_want *want, struct msgid newest);

/* Notes an id that was issued, although no message with it went through fanout_live yet: a publish
 * may be answered, and an entry of the log read, before the message arrives on the feed. */
void core_note(struct core *core, struct msgid id);
/* Returns the highest id that this node knows, high_water or above. No id up to this one may be
 * issued again. */
struct msgid core_newest(const struct core *core);

/* Lets workers see core_newest, for the subscriptions that begin there. Called before mail with
 * such an id is posted: a client that has seen the id may tell another one, which subscribes. */
void core_share_newest(struct core *core);
struct msgid core_shared_newest(struct core *core); /* any thread */

void core_set_ready(struct core *core, bool ready); /* also sets the metric */
/* Tells the owner of the broker that it can never become ready (broker_on_unusable). */
void core_report_unusable(struct core *core);
/* Both texts are for people; bytes that are not printable ASCII are replaced, and a longer text is
 * cut. `why` is shown while the broker is not ready. It may be public: it names no secrets. */
void core_set_why(struct core *core, const char *why);
void core_set_master(struct core *core, const char *address);
void core_get_health(struct core *core, struct broker_health *ret); /* any thread */

#endif
