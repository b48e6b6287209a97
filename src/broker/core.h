/* core.h - what the broker's two engines share and what they must provide. Only the broker folder
 * includes it. All of it runs on the broker's thread.
 *
 * The core (broker.c) owns the thread, its loop and inbox, the ports and what is posted to them; an
 * engine (mem.c, redis.c) owns the messages. Live messages go through core_live, which bounds what
 * waits for each worker; replay.c reads the log for a port that missed some, through the same
 * history calls that a client's join uses.
 */
#ifndef EH_BROKER_CORE_H
#define EH_BROKER_CORE_H

#include "broker/broker.h"
#include "net/loop.h"

struct core;

struct engine_ops {
    /* On the broker's thread, before anything else. */
    int (*open)(struct core *core, const struct broker_config *config, void **ret_engine);
    /* Takes the call; answers with core_answer, now or later, exactly once. To a replay (a call
     * without a port) a page that is not complete must come after all that was published before it
     * was read has gone through core_live. */
    void (*call)(void *engine, struct broker_call *call);
    /* Answers everything it still holds (NOT_DONE or UNKNOWN) and frees itself. */
    void (*close)(void *engine);
};

extern const struct engine_ops mem_engine;
extern const struct engine_ops redis_engine;

struct loop *core_loop(struct core *core);
struct mailbox *core_inbox(struct core *core); /* for a resolver (net/resolver.h) */
struct metrics_cell *core_metrics(struct core *core);
bool core_has_log(const struct core *core);
void *core_engine(struct core *core); /* NULL: it has closed */
size_t core_port_count(const struct core *core);
struct broker_port *core_port(const struct core *core, size_t i);

/* A call of a worker or of a replay goes to the engine, or is answered NOT_DONE without one. */
void core_call(struct core *core, struct broker_call *call);
void core_answer(struct core *core, struct broker_call *call, enum broker_status status);

/* One live message for all ports; takes the caller's reference. Messages of ours must come in id
 * order; one at or below a port's mark is dropped for that port. Leaves in batches at the end of
 * the turn. */
void core_live(struct core *core, struct message *m);

/* The feed may have missed messages after `core_mark`: every port reads the log from its own mark
 * before it gets anything that core_live takes from now on. */
void core_resync(struct core *core);
/* The highest id of ours that core_live saw or core_set_mark set; zero: none yet. */
struct msgid core_high_water(const struct core *core);
/* The highest id known: the mark, or that of a publish whose answer came before its message. No id
 * may be given again up to this one. */
struct msgid core_newest(const struct core *core);
/* The place from which a feed counts that has just begun (no replay of what was before) or joined
 * again. Never below the mark. */
void core_set_high_water(struct core *core, struct msgid id);

void core_set_ready(struct core *core, bool ready); /* also the metric */

#endif
