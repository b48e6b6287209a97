/* output_limit.h - the bound on the output that waits for all clients together
 * (MAX_OUTPUT_MEMORY).
 * Thread:  the worker's; workers see each other's totals through the metrics.
 */
#ifndef EH_APP_OUTPUT_LIMIT_H
#define EH_APP_OUTPUT_LIMIT_H

struct worker;

/* Prepares the check of the total that worker_output_changed asks for (worker_state.h). */
void output_limit_init(struct worker *w);
/* Checks the total at once. Never call it in the middle of a delivery or an answer, because it
 * drops connections. */
void output_limit_check(struct worker *w);

#endif
