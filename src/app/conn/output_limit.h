/* output_limit.h - the bound on the output that waits for all clients together
 * (MAX_OUTPUT_MEMORY).
 * Thread:  the worker's; workers see each other's totals through the metrics.
 */
#ifndef EH_APP_OUTPUT_LIMIT_H
#define EH_APP_OUTPUT_LIMIT_H

struct worker;

/* From now on the total is checked after worker_output_changed (worker_state.h). */
void output_limit_init(struct worker *w);
/* Checks now. Never call it in the middle of a delivery or an answer: it drops connections. */
void output_limit_check(struct worker *w);

#endif
