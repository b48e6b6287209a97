/* worker.h - one worker thread, which serves its connections.
 * Thread:  main calls worker_create, worker_start, worker_join and worker_free, and also
 *          worker_drain and worker_stop, which post to the worker. The rest runs on its own thread.
 * Owns:    the struct worker with everything in it (worker_state.h), its inbox and its thread.
 * Never:   blocks.
 */
#ifndef EH_APP_WORKER_H
#define EH_APP_WORKER_H

#include "app/conn/worker_state.h"
#include "net/mailbox.h"

#define WORKER_MAX_INTERNAL 64 /* connections to the internal listener, besides MAX_CONNECTIONS */

/* How the closing of connections is spread over time. The workers take turns; a worker without
 * clients has no turn. */
struct drain_plan {
    uint64_t spread_ms;
    uint32_t turn; /* of this worker */
    uint32_t turns;
};

int worker_create(const struct context *context, unsigned index, struct metrics_cell *metrics,
                  struct worker **ret_worker) EH_MUST_USE;
int worker_start(struct worker *w) EH_MUST_USE;
struct mailbox *worker_inbox(struct worker *w);
/* Ends all connections, WebSockets with 1001, spread as planned. Posts drained (fn on_drained) to
 * main_box when none is left and every request was answered. Call it once. */
void worker_drain(struct worker *w, const struct drain_plan *plan, struct mailbox *main_box,
                  mail_fn *on_drained);
void worker_stop(struct worker *w); /* resets the connections that are left and ends the thread */
void worker_join(struct worker *w);
void worker_free(struct worker *w); /* also empties the inbox, on the caller's thread */

mail_fn worker_on_accepted; /* a struct accepted */

#endif
