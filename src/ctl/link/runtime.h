/* runtime.h - the surroundings of a command that connects: one loop with a mailbox, signals, and
 * the exit status.
 * Signals: SIGINT and SIGTERM end the loop with CTL_INTERRUPTED, unless on_interrupt is set. While
 *          stdout has no room because its reader has stopped reading, they end the process. When
 *          the reader is gone (a closed pipe), the process ends quietly by SIGPIPE.
 * Thread:  main.
 * Owns:    the loop and the mailbox.
 */
#ifndef EH_CTL_RUNTIME_H
#define EH_CTL_RUNTIME_H

#include "base/err.h"

struct loop;
struct mailbox;
struct runtime;
struct term;

/* Returns CTL_OK, or an exit status after it has said why (term_error). The term's output is
 * flushed at the end of each turn that wrote some, and by runtime_run. */
int runtime_create(struct term *term, struct runtime **ret) EH_MUST_USE;
void runtime_free(struct runtime *rt);

struct loop *runtime_loop(struct runtime *rt);
struct mailbox *runtime_mailbox(struct runtime *rt); /* for net/resolver */

/* Called once for the first SIGINT or SIGTERM, in place of ending: the command prints its totals
 * and calls runtime_end. A second signal ends the loop at once. */
void runtime_on_interrupt(struct runtime *rt, void (*fn)(void *arg), void *arg);
/* Called when the terminal changed its size. */
void runtime_on_resize(struct runtime *rt, void (*fn)(void *arg), void *arg);

/* Ends runtime_run after this turn. The first status counts. */
void runtime_end(struct runtime *rt, int status);
int runtime_run(struct runtime *rt); /* returns the status; may be called again (pub, then close) */

#endif
