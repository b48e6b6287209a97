/* live.h - delivers the messages and the gaps that the broker posts to a worker.
 * Thread:  the worker's.
 * Owns:    the batches in worker->live until they are delivered.
 * Bounds:  one turn of the loop delivers a portion (live.c); the rest waits for the next turn.
 */
#ifndef EH_APP_LIVE_H
#define EH_APP_LIVE_H

#include "app/conn/worker_state.h"
#include "net/mailbox.h"

mail_fn live_on_batch; /* a struct live_batch */

void live_init(struct worker *w);
void live_end(struct worker *w); /* drops the messages that were not delivered */

#endif
